r"""Compare two answers: digits and words plainly, mathematics through `math-verify`.

`math-verify` parses LaTeX with latex2sympy and never evaluates code. Deviations: units behind a number are
dropped (`18 dollars` = `18`); long strings, towers of powers and words are compared as strings only, since
`math-verify` interrupts itself by a signal that does not exist outside the main thread, and reads a word as
a product of its letters (`no` = `on`).
"""

import logging
import re
import threading
import warnings
from collections.abc import Callable
from fractions import Fraction
from functools import cache, lru_cache

from mechcot.text.boxes import boxed, number_only, trim

_LONGEST = 400
_PATIENCE = 30  # seconds; generous, since a comparison must not depend on the machine's load
_FUNCTIONS = frozenset(
    {
        "sin",
        "cos",
        "tan",
        "cot",
        "sec",
        "csc",
        "arcsin",
        "arccos",
        "arctan",
        "log",
        "exp",
        "sqrt",
        "and",
    }
)
_TOWER = re.compile(
    r"\^\s*\{?\s*\d{4,}|\*\*\s*\d{4,}|\^[^\s+*/=-]*\^|\*\*[^\s+/=-]*\*\*|\d{4,}\s*!|!\s*!"
)


def number(text: str) -> Fraction | None:
    """The exact value of a plain number (`-1,200.50`, `$18`, `3/4`), None for anything else."""
    plain = re.sub(r"\\[,!;: ]|\s|\\?\$|\{,\}", lambda m: "," if m.group() == "{,}" else "", text)
    plain = plain.replace("\u2212", "-").removesuffix(".")
    if re.fullmatch(r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|[-+]?\.\d+", plain):
        return Fraction(plain.replace(",", "").removesuffix("."))
    if re.fullmatch(r"[-+]?\d{1,30}/\d{1,30}", plain) and int(plain.split("/")[1]):
        return Fraction(plain)
    return None


def _plain(text: str) -> str:
    text = trim(text)
    for box in boxed(text):
        if box.start == 0 and box.stop == len(text):
            text = trim(box.text)
    text = re.sub(r"\\(?:text|mathrm|textbf|mathbf|mbox)\s*\{([^{}]*)\}", r"\1", text)
    return re.sub(r"\s+", " ", text).strip().casefold()


def same_answer(a: str | None, b: str | None) -> bool:
    r"""Whether two answers say the same: `\frac{1}{2}` and `1/2`, `90` and `90^\circ`.

    Cost: microseconds for digits and words, milliseconds for mathematics (cached). The tempting misuse
    is a chain of equalities: as in `math-verify`, `50%` equals both `50` and `0.5`.

    Args:
        a: One answer; None (unread) equals nothing.
        b: The other.
    """
    if a is None or b is None:
        return False
    left, right = _plain(a), _plain(b)
    if not left or not right:
        return False
    if left == right:
        return True
    numbers = number(number_only(left)), number(number_only(right))
    if numbers[0] is not None and numbers[1] is not None and "%" not in left + right:
        return numbers[0] == numbers[1]
    if re.sub(r"[\s().]", "", left) == re.sub(r"[\s().]", "", right) and len(left) < 5:
        return not any(map(str.isdigit, left))  # "(A)" and "A"
    return _mathematics(left) and _mathematics(right) and _verified(trim(a), trim(b))


def _mathematics(text: str) -> bool:
    """Whether a text may go to the parser: short, no tower of powers, and not words (their letters would commute)."""
    if len(text) > _LONGEST or _TOWER.search(text) or text.isalpha():
        return False
    return all(word in _FUNCTIONS for word in re.findall(r"(?<![\\A-Za-z])[A-Za-z]{3,}", text))


@lru_cache(maxsize=16384)
def _verified(a: str, b: str) -> bool:
    """`math-verify`, both ways, since its comparison is not symmetric."""
    parse, verify = _math_verify()
    # its timeouts use SIGALRM, which only the main thread may set
    seconds = _PATIENCE if threading.current_thread() is threading.main_thread() else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        left, right = (parse(f"${number_only(text)}$", parsing_timeout=seconds) for text in (a, b))
        if not left or not right:
            return False
        return any(
            verify(gold, given, timeout_seconds=seconds)
            for gold, given in ((left, right), (right, left))
        )


@cache
def _math_verify() -> tuple[Callable[..., list], Callable[..., bool]]:
    """Import `math-verify` when it is first needed and silence its remarks about timeouts."""
    from math_verify import parse, verify

    for name in ("math_verify", "latex2sympy2_extended"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return parse, verify
