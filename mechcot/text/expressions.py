r"""Compare two mathematical expressions, each read whole or not at all.

An expression goes to latex2sympy when every token of it is one that the parser reads with its meaning: it drops
subscripts of numbers (`52_8`), adds numbers side by side, and reads words as products of letters; `math-verify`'s own extraction falls back to
fragments. What is parsed is compared by `math-verify`, both ways. Nothing is evaluated as code.
"""

import logging
import re
import threading
import warnings
from functools import cache, lru_cache
from typing import Any

from mechcot.text.numerals import unwrapped

_LONGEST = 400
_PATIENCE = 30  # seconds; generous, since a comparison must not depend on the machine's load
_BASE = re.compile(
    r"([0-9A-Za-z]+)\s*_\s*(?:\{\s*([a-z]+|\d{1,2})\s*\}|(\d{1,2}))|([0-9A-Za-z]+)\s+(?:in\s+)?base[\s-]+([a-z]+|\d{1,2})",
    re.IGNORECASE,
)
_BASES = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "twelve": 12, "sixteen": 16}  # fmt: skip
_COMMANDS = frozenset({
    r"\frac", r"\sqrt", r"\pi", r"\cdot", r"\times", r"\pm", r"\mp", r"\leq", r"\geq", r"\le", r"\ge", r"\neq", r"\ne",
    r"\infty", r"\cup", r"\cap", r"\in", r"\emptyset", r"\varnothing", r"\sin", r"\cos", r"\tan", r"\cot", r"\sec",
    r"\csc", r"\arcsin", r"\arccos", r"\arctan", r"\sinh", r"\cosh", r"\tanh", r"\log", r"\ln", r"\exp", r"\theta",
    r"\alpha", r"\beta", r"\gamma", r"\delta", r"\lambda", r"\mu", r"\phi", r"\varphi", r"\omega", r"\sigma", r"\rho",
    r"\tau", r"\epsilon", r"\lfloor", r"\rfloor", r"\lceil", r"\rceil", r"\begin{pmatrix}", r"\end{pmatrix}",
    r"\begin{bmatrix}", r"\end{bmatrix}", r"\begin{vmatrix}", r"\end{vmatrix}", r"\\", r"\{", r"\}", r"\binom",
    r"\lvert", r"\rvert",
})  # fmt: skip
_TOKEN = re.compile(
    r"(?P<space>\s+)|(?P<number>\d+(?:\.\d+)?|\.\d+)|(?P<command>\\(?:begin|end)\s*\{[a-z]+\}|\\[A-Za-z]+|\\[\\{}])"
    r"|(?P<word>[A-Za-z]+)|(?P<sign>[-+*/^_=<>(){}\[\]|!,;&])"
)
_FUNCTIONS = frozenset({
    "sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos", "arctan", "log", "ln", "exp", "sqrt", "pi",
})  # fmt: skip
_DATE = re.compile(r"(?<![\d.])0\d|\d{4}-\d{1,2}-\d{1,2}|\d{1,2}/\d{1,2}/\d{2,4}")
_NUMERIC_FRACTION = re.compile(r"\\frac\s*\{\s*\d+\s*\}\s*\{\s*\d+\s*\}")
_NUMERIC_GROUP = re.compile(r"\(\s*[-+]?[\d.]+\s*\)")
_TOWER = re.compile(
    r"\^\s*\{?\s*\(?\s*-?\d{4,}|\^[^\s+*/=-]*\^|\^\s*\{[^{}]*\^|\*\*|\d{4,}\s*!|!\s*!|\)\s*!|\d{31,}"
)


# 1/2x: a half of x, or one over 2x; nobody says which
_EITHER = re.compile(
    r"/\s*(?:\d+(?:\.\d+)?|[A-Za-z]|\\pi|\([^()]*\))(?:\^(?:\w|\{[^{}]*\}))?\s*(?:[A-Za-z(]|\\(?:sqrt|pi|frac|sin|cos|tan|log|ln|theta|alpha|beta)(?![a-z]))"
)
_ANGLES = re.compile(r"(?<![A-Za-z])(?:sin|cos|tan|cot|sec|csc)(?![a-z])")
_DEGREES = re.compile(r"(\d+(?:\.\d+)?)\s*\^\s*\{?\s*\\circ\s*\}?")
_SIGNS = (
    (re.compile(r"\\?log\s*_\s*(\d+)(?=[\s({])"), r"\\log_{\1}"),
    (re.compile(r"<=|\u2264"), r"\\leq "),
    (re.compile(r">=|\u2265"), r"\\geq "),
    (re.compile(r"!="), r"\\neq "),
    (re.compile(r"\*\*"), "^"),
    (re.compile(r"\\varnothing"), r"\\emptyset"),
)


def has_angle(text: str) -> bool:
    """Return whether a function of an angle stands in a text: degrees behind it belong to the angle."""
    return _ANGLES.search(text) is not None


def _in_one_spelling(text: str) -> str:
    r"""Signs that are written in several ways in the one that the parser reads: `<=`, `**`, `\log_2 8`, degrees of an angle."""
    text = unwrapped(text)
    for sign, spelled in _SIGNS:
        text = sign.sub(spelled, text)
    if has_angle(text):
        text = _DEGREES.sub(r"(\\frac{\1\\pi}{180})", text)
    return text


def bracket_depths(text: str) -> list[int] | None:
    """Depth of brackets at each character; None where one closes that was not opened, or is left open."""
    depth, depths = 0, []
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        if depth < 0:
            return None
        depths.append(depth)
    return depths if depth == 0 else None


@lru_cache(maxsize=16384)
def is_mathematics(text: str) -> bool:
    r"""Return whether every token of a text is one that latex2sympy reads with its meaning.

    It reads `52_8` as 52, `3 4` as 7, `pi` as p times i: numbers side by side, subscripts of numbers and words are
    refused here. Towers of powers and big factorials are refused since they do not end.
    """
    if (
        len(text) > _LONGEST
        or _TOWER.search(text)
        or _DATE.search(text)
        or _EITHER.search(text)
        or bracket_depths(text.replace("\\{", "").replace("\\}", "")) is None
    ):
        return False
    position, before = 0, ""
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or not _fits(match, before, text):
            return False
        if match.lastgroup != "space":
            before = match.group()
        position = match.end()
    return bool(before)


def _fits(match: re.Match[str], before: str, text: str) -> bool:
    r"""Return whether a token stands where the parser reads it rightly; it adds `5(3)` and multiplies `1\frac{3}{4}`."""
    kind, token, behind = match.lastgroup, match.group(), before[-1:]
    if kind == "number":
        return not behind.isdigit() and (not behind.isalpha() or before.startswith("\\"))
    if kind == "word":
        return token in _FUNCTIONS or len(token) == 1 or (len(token) == 2 and match.start() > 0)
    if kind == "command":
        mixed = (
            token == r"\frac" and behind.isdigit() and _NUMERIC_FRACTION.match(text, match.start())
        )
        return not mixed and re.sub(r"\s", "", token) in _COMMANDS
    if token == "(" and (behind.isdigit() or behind == ")"):
        return not _NUMERIC_GROUP.match(text, match.start())
    return token != "_" or before.isalpha() or before in {r"\log", "log"}


def same_expression(left: str, right: str) -> bool:
    """Return whether two expressions are equal; False where one cannot be read whole. Cost: milliseconds, cached."""
    left, right = _in_one_spelling(left), _in_one_spelling(right)
    bases = _in_base(left), _in_base(right)
    if bases[0] or bases[1]:
        return bases[0] == bases[1]
    if not (is_mathematics(left) and is_mathematics(right)) or ("=" in left) != ("=" in right):
        return False
    first, second = sorted((left, right))
    return first == second or _verified(first, second)


def _in_base(text: str) -> tuple[str, int] | None:
    """Digits and base of a number that states its base: `1101_2`, `1101_{two}`, `1101 base 2`."""
    match = _BASE.fullmatch(text)
    if match is None or not match.group()[0].isdigit():
        return None
    digits, base = match[1] or match[4], match[2] or match[3] or match[5]
    value = _BASES.get(base.casefold()) or (int(base) if base.isdigit() else 0)
    return ((digits.casefold().lstrip("0") or "0"), value) if value > 1 else None


@lru_cache(maxsize=16384)
def _verified(a: str, b: str) -> bool:
    """`math-verify`'s comparison of two whole expressions, both ways, since it is not symmetric."""
    # its timeout uses SIGALRM, which only the main thread may set
    seconds = _PATIENCE if threading.current_thread() is threading.main_thread() else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        left, right = _parsed(a), _parsed(b)
        if left is None or right is None:
            return False
        verify = _math_verify()[1]
        return any(verify(gold, given, timeout_seconds=seconds) for gold, given in ((left, right), (right, left)))  # fmt: skip


@lru_cache(maxsize=16384)
def _parsed(text: str) -> Any | None:
    """A whole text as a sympy expression, decimals exact; None when it cannot be read to its end."""
    parse, _ = _math_verify()
    text = re.sub(rf"(?<![\\A-Za-z])({'|'.join(sorted(_FUNCTIONS))})(?![A-Za-z])", r"\\\1 ", text)
    text = re.sub(r"(\d+)\.(\d+)|(?<!\d)\.(\d+)", _as_fraction, text)
    try:
        return _with_imaginary_unit(parse(text))
    except Exception:  # noqa: BLE001 -- the parser raises bare exceptions, and sympy any
        return None


def _with_imaginary_unit(parsed: Any) -> Any:
    """The expression with the parser's letter `i` as the root of -1."""
    from sympy import I

    letters = [symbol for symbol in getattr(parsed, "free_symbols", ()) if symbol.name == "i"]
    return parsed.subs(letters[0], I) if letters else parsed


def _as_fraction(match: re.Match[str]) -> str:
    whole, digits = match[1] or "", match[2] or match[3]
    return rf"\frac{{{int(whole + digits)}}}{{{10 ** len(digits)}}}"


@cache
def _math_verify() -> tuple[Any, Any]:
    """Import the parser and `math-verify` when they are first needed and silence their remarks."""
    from latex2sympy2_extended import latex2sympy
    from latex2sympy2_extended.latex2sympy2 import ConversionConfig
    from math_verify import verify

    for name in ("math_verify", "latex2sympy2_extended"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    config = ConversionConfig(interpret_as_mixed_fractions=False)

    def parse(text: str) -> Any:
        real = not re.search(r"(?<![A-Za-z\\])i(?![A-Za-z])", text)
        return latex2sympy(
            text,
            is_real=real,
            convert_degrees=False,
            normalization_config=None,
            conversion_config=config,
        )

    return parse, verify
