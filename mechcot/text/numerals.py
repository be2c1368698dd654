r"""Read numbers as people write them: `1,200.50`, `$18`, `3/4`, `1 3/4`, `1.5e3`, `½`, `３．５`, `17th`.

`spelled_plainly` first rewrites typography (other scripts' digits, full-width characters, vulgar fractions, roots,
superscripts, LaTeX spacing) into ASCII and plain LaTeX. `read_number` then takes the *whole* text or nothing. White space and apostrophes join groups of three
digits alone: `1 000` is a number, `12 34` is none, and `1 3/4` is a mixed one. One comma without three digits behind it (`3,5`) is a decimal or a list: `read_number` does not decide it, `decimal_comma` gives the decimal.
"""

import re
import unicodedata
from fractions import Fraction
from functools import lru_cache

_LONGEST = 400  # digits; Python refuses to convert much longer ones
TEXT_COMMAND = r"\\(?:text(?:rm|bf|it|normal)?|math(?:rm|bf|it)|mbox|operatorname)\s*"
_WRAPPER = re.compile(
    r"\\(?:text(?:rm|bf|it|normal|sf|tt)?|math(?:rm|bf|it|sf|tt)|mbox|hbox|operatorname\*?|bm|boldsymbol)\s*\{([^{}]*)\}"
)
_THIN = re.compile(r"(?<=\d)(?:\\[,!:;]|[\u2009\u202f])\s*(?=\d{3}(?!\d))")
_RAISED = re.compile(
    r"(?<=\d)\s*\^\s*\{?\s*(?:\\(?:text(?:rm|it)?|math(?:rm|it))\s*\{)?\s*(st|nd|rd|th)\s*\}{0,2}(?![A-Za-z])"
)
_SIZES = re.compile(r"\\(?:left|right|[bB]igg?[lrm]?|displaystyle|textstyle|limits)(?![A-Za-z])\s*")
_SPACE = re.compile(r"(?<!\\)\\(?:[,;:> ]|q?quad(?![A-Za-z]))|(?<!\\)~")
_SIGNS = {
    "\u2212": "-", "\uff0d": "-", "\ufe63": "-", "\u00d7": r"\times ", "\u00f7": "/", "\u00b7": r"\cdot ",
    "\u22c5": r"\cdot ", "\u2044": "/", "\u2215": "/", "\u221e": r"\infty ", "\u2264": r"\leq ", "\u2265": r"\geq ",
    "\u2260": r"\neq ", "\u00b1": r"\pm ", "\u222a": r"\cup ", "\u2229": r"\cap ", "\u2208": r"\in ", "\u2205": r"\emptyset ",
    "\u00b0": r"^\circ ", "\u066b": ".", "\u066c": ",", "\u066a": "%", "\u3001": ", ", "\u2003": " ", "\u00a0": " ", "\u3000": " ",
    "\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2009": "\u2009", "\u202f": "\u202f",
}  # fmt: skip
_COMPATIBLE = ("<fraction>", "<wide>", "<narrow>", "<font>", "<circle>")
_UP = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "0123456789+-n")
_DOWN = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")

_DIGITS = r"(?:[1-9]\d{0,2}(?:,\d{3})+|[1-9]\d{0,2}(?:(?: \d{3})+|(?:'\d{3})+)|[1-9]\d?(?:,\d{2})+,\d{3}|\d+)(?:\.\d*)?|\.\d+"
_PLAIN = re.compile(
    rf"(?P<sign>[-+]?)\s?(?P<digits>{_DIGITS})"
    r"(?:[eE](?P<e>[-+]?\d{1,3})|\s*(?:\\times|\\cdot|\*|x)\s*10\s*\^\s*(?:\{(?P<p>[-+]?\d{1,3})\}|(?P<q>[-+]?\d{1,3})))?"
)
_POWER = re.compile(r"(?P<sign>[-+]?)\s?10\s*\^\s*(?:\{([-+]?\d{1,3})\}|([-+]?\d{1,3}))")
_EUROPEAN = re.compile(r"[-+]?\d{1,3}(?:\.\d{3})+,\d+|[-+]?\d{1,3}(?:\.\d{3}){2,}")
_COMMA = re.compile(r"[-+]?(?:\d+|\d{1,3}(?: \d{3})+),\d+")
_PARTS = r"(?:(?P<a>\d{1,30})\s*/\s*(?P<b>\d{1,30})|\\frac\s*\{\s*(?P<c>-?\d{1,30})\s*\}\s*\{\s*(?P<d>\d{1,30})\s*\})"
_FRACTION = re.compile(
    rf"(?P<sign>[-+]?)\s*(?:(?P<whole>\d{{1,30}})(?:\s+|\s*(?=\\frac)))?{_PARTS}"
)
_ONES = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
CARDINALS = {
    **{word: value for value, word in enumerate(_ONES.split(" "))},
    **{word: 10 * value for value, word in enumerate(_TENS.split(" "), start=2)},
}
"""English words for 0 to 19 and for the tens."""
_SPELLED = re.compile(
    rf"(?:{_ONES.replace(' ', '|')}|{_TENS.replace(' ', '|')}|hundred|thousand|million|billion|a(?= hundred)|and|[\s-])+",
    re.IGNORECASE,
)
_ORDINALS = "third fourth fifth sixth seventh eighth ninth tenth"
_PARTS_OF = {
    **dict.fromkeys(("half", "halves"), 2), **dict.fromkeys(("quarter", "quarters"), 4),
    **{f"{word}{s}": n for n, word in enumerate(_ORDINALS.split(" "), start=3) for s in ("", "s")},
}  # fmt: skip
_COUNT = rf"(?:{'|'.join(word for word in CARDINALS if word != 'zero')})"
_SHARE = re.compile(
    rf"(?:(?P<whole>{_COUNT})[\s-]and[\s-](?=an?[\s-]|{_COUNT}[\s-]))?(?:(?P<parts>{_COUNT}|a)[\s-]|(?=half$))(?P<of>{'|'.join(_PARTS_OF)})",
    re.IGNORECASE,
)
_HAN_DIGITS = {**{c: n for n, c in enumerate("零一二三四五六七八九")}, "〇": 0, "两": 2, "兩": 2}
_HAN_POWERS = {"十": 10, "百": 100, "千": 1000, "万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8}
_HAN_NUMBER = f"[{''.join(_HAN_DIGITS | _HAN_POWERS)}]{{1,30}}"
_HAN = re.compile(rf"(?P<sign>[负負])?(?:(?P<below>{_HAN_NUMBER})分之)?(?P<above>{_HAN_NUMBER})")
_POWERS = {"thousand": 10**3, "million": 10**6, "billion": 10**9}
_RECURRING = re.compile(
    r"(?P<sign>[-+]?)(?P<whole>\d{0,30})\.(?P<once>\d{0,30}?)"
    r"(?:\\(?:overline|bar|dot)\s*\{?\s*(?P<a>\d{1,30})\s*\}?|\((?P<b>\d{1,30})\)|(?P<c>\d{1,10}?)(?P=c){2,}(?:\.{2,3}|\u2026|\\[lc]?dots))"  # `number` took one point away
)
_ORDINAL = re.compile(r"(?:the\s+)?(\d{1,30})\s?\^?(?:st|nd|rd|th)", re.IGNORECASE)


def in_english_words(value: int) -> str:
    """A number from 0 to 999 in words: `one hundred and five`, `forty-two`; `read_number` reads it back.

    Raises:
        ValueError: It lies outside.
    """
    if not 0 <= value <= 999:
        raise ValueError(f"expected 0 to 999, got {value}")
    words = {value: word for word, value in CARDINALS.items()}
    hundreds, rest = divmod(value, 100)
    small = words.get(rest) or f"{words[rest - rest % 10]}-{words[rest % 10]}"
    if not hundreds:
        return small
    return f"{words[hundreds]} hundred" + (f" and {small}" if rest else "")


@lru_cache(maxsize=65536)
def spelled_plainly(text: str) -> str:
    r"""Rewrite typography into ASCII and plain LaTeX: `½` to `1/2`, `√2` to `\sqrt{2}`, `\dfrac12` to `\frac{1}{2}`."""
    if not text.isascii():
        text = _ascii(text)
    text = _RAISED.sub(r"\1", text.replace("{,}", ","))
    if "\\" in text or "\u2009" in text or "\u202f" in text:
        text = re.sub(
            r"\\\\\s*\[\s*-?[\d.]+\s*(?:pt|em|ex|mm|cm)\s*\]", r"\\\\ ", _THIN.sub("", text)
        )
        text = text.replace(r"\!", "")
        text = _SPACE.sub(" ", _SIZES.sub("", text))
        text = re.sub(r"\\[dtc]frac(?![A-Za-z])", r"\\frac", text)
        text = re.sub(r"\\frac\s*(\d)\s*(?=[\d{])", r"\\frac{\1}", text)
        text = re.sub(r"(\\frac\s*\{[^{}]*\})\s*(\d)", r"\1{\2}", text)
        text = re.sub(r"\\sqrt\s*(\d)", r"\\sqrt{\1}", text)
        text = re.sub(r"\\([%$&#])", r"\1", text)
        text = re.sub(r"\^\s*\{\s*\\circ\s*\}", r"^\\circ ", text)
    text = re.sub(r"(?<![\\A-Za-z])sqrt\s*\(([^()]*)\)", r"\\sqrt{\1}", text)
    return re.sub(r"[\s\u2009\u202f]+", " ", text).strip()


def _ascii(text: str) -> str:
    text = re.sub(r"([⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ]+)", lambda m: f"^{{{m[1].translate(_UP)}}}", text)
    text = re.sub(r"([₀₁₂₃₄₅₆₇₈₉]+)", lambda m: f"_{{{m[1].translate(_DOWN)}}}", text)
    text = re.sub(
        r"([∛∜])\s*(\d+|[A-Za-z])", lambda m: rf"\sqrt[{'∛∜'.index(m[1]) + 3}]{{{m[2]}}}", text
    )
    text = re.sub(r"√\s*(\d+|[A-Za-z])", r"\\sqrt{\1}", text)
    text = re.sub(r"√\s*[({]([^(){}]*)[)}]", r"\\sqrt{\1}", text)
    out = []
    for index, character in enumerate(text):
        new = _one(character)
        if new.count("/") and index and text[index - 1].isdigit():
            new = " " + new  # a mixed number: 1½
        out.append(new)
    return "".join(out)


def _one(character: str) -> str:
    """One character in ASCII or LaTeX where it has such a spelling."""
    if character in _SIGNS:
        return _SIGNS[character]
    category = unicodedata.category(character)
    if character.isascii() or category == "Cf":
        return character if character.isascii() else ""
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if unicodedata.decomposition(character).startswith(_COMPATIBLE):
        return unicodedata.normalize("NFKC", character).replace("\u2044", "/")
    name = unicodedata.name(character, "")
    greek = name.startswith("GREEK SMALL LETTER ") and name.count(" ") == 3
    return f"\\{name.rsplit(' ', 1)[1].lower()} " if greek else character


def unwrapped(text: str) -> str:
    r"""Take `\text{...}`, `\mathrm{...}` and the like away, keeping what they wrap."""
    previous = None
    while text != previous:
        previous, text = text, _WRAPPER.sub(r" \1 ", text)
    return re.sub(r"\s+", " ", text).strip()


def read_number(text: str) -> Fraction | None:
    """The exact value of a plain number (`-1,200.50`, `$18`, `3/4`, `1 3/4`, `1.5e3`, `17th`), None for anything else."""
    plain = spelled_plainly(text).strip("$").strip()
    plain = plain[1:] if plain.startswith("-$") else plain
    minus = text.strip().startswith(("-$", "\u2212$", "-\\$"))
    value = _number(plain.removesuffix("."))
    return -value if minus and value is not None else value


def _number(plain: str) -> Fraction | None:
    if len(plain) > _LONGEST:
        return None
    if match := _PLAIN.fullmatch(plain):
        return _decimal(match)
    if match := _FRACTION.fullmatch(plain):
        return _fraction(match)
    if match := _POWER.fullmatch(plain):
        return (-1 if match["sign"] == "-" else 1) * Fraction(10) ** int(match[2] or match[3])
    return _worded(plain)


def _worded(plain: str) -> Fraction | None:
    """Numbers in English words or Chinese characters, ordinals, and groups of thousands with points."""
    if _SPELLED.fullmatch(plain):
        return _in_words(plain.lower())
    forms = ((_SHARE, _share), (_HAN, _in_characters), (_ORDINAL, lambda match: Fraction(match[1])), (_RECURRING, _recurring))  # fmt: skip
    for pattern, value in forms:
        if match := pattern.fullmatch(plain):
            return value(match)
    if _EUROPEAN.fullmatch(plain):
        return Fraction(plain.replace(".", "").replace(",", "."))
    return None


def _in_words(plain: str) -> Fraction | None:
    """The value of an English number in words (`one hundred and five`); None where the words make no number."""
    total, group, scale = 0, 0, 10**12
    words = re.split(r"[\s-]+", plain.strip())
    for before, word, behind in zip(["", *words], words, [*words[1:], ""], strict=False):
        if word == "and" and before in {"hundred", *_POWERS} and behind in {*CARDINALS, "a"}:
            continue
        value = 1 if word == "a" else CARDINALS.get(word)
        if value is not None and (group == 0 or (value and _may_follow(group, value))):
            group += value
        elif word == "hundred" and 0 < group < 10:
            group *= 100
        elif group > 0 and _POWERS.get(word, scale) < scale:
            scale = _POWERS[word]
            total, group = total + group * scale, 0
        else:
            return None
        if value == 0 and len(words) > 1:
            return None
    return Fraction(total + group)


def _share(match: re.Match[str]) -> Fraction | None:
    """The value of a fraction in words: `two thirds`, `half`, `one and a half`."""
    whole = _in_words(match["whole"].lower()) if match["whole"] else Fraction(0)
    parts = _in_words(match["parts"].lower()) if match["parts"] else Fraction(1)
    if whole is None or parts is None:
        return None
    return whole + parts / _PARTS_OF[match["of"].lower()]


def _in_characters(match: re.Match[str]) -> Fraction | None:
    """The value of a number in Chinese characters, a fraction too: `二十五`, `二〇二四`, `三分之一`."""
    below, above = match["below"], match["above"]
    parts = [_of_characters(text) for text in (above, below or "一")]
    if parts[0] is None or not parts[1]:
        return None
    value = Fraction(parts[0], parts[1])
    return -value if match["sign"] else value


def _of_characters(text: str) -> int | None:
    """A whole number in Chinese characters, digit by digit or with its powers of ten; None where they make none."""
    if not set(text) & _HAN_POWERS.keys():
        return int("".join(str(_HAN_DIGITS[character]) for character in text))
    total, group, digit = 0, 0, 0
    for character in text:
        power = _HAN_POWERS.get(character)
        if power is None:
            if digit:
                return None
            digit = _HAN_DIGITS[character]
        elif power < 10**4:
            group, digit = group + (digit or 1) * power, 0
        else:
            total, group, digit = total + (group + digit) * power, 0, 0
    return total + group + digit


def _may_follow(group: int, value: int) -> bool:
    """Return whether a smaller number may follow: `forty` `two`, `hundred` `five`; not `two` `three`."""
    return group % 100 == 0 or (group % 100 >= 20 and group % 10 == 0 and value < 10)


def _decimal(match: re.Match[str]) -> Fraction:
    exponent = int(match["e"] or match["p"] or match["q"] or 0)
    value = (
        Fraction(re.sub("[, ']", "", match["digits"]).removesuffix(".")) * Fraction(10) ** exponent
    )
    return -value if match["sign"] == "-" else value


def _fraction(match: re.Match[str]) -> Fraction | None:
    above, below = int(match["a"] or match["c"]), int(match["b"] or match["d"])
    if not below or (match["whole"] and above < 0):
        return None
    value = Fraction(above, below) + int(match["whole"] or 0)
    return -value if match["sign"] == "-" else value


def _recurring(match: re.Match[str]) -> Fraction:
    r"""The value of a decimal whose last digits recur: `0.\overline{27}`, `0.1(6)`, `0.333...`."""
    once, again = match["once"], match["a"] or match["b"] or match["c"]
    first = Fraction(int(f"{match['whole']}{once}" or 0), 10 ** len(once))
    value = first + Fraction(int(again), (10 ** len(again) - 1) * 10 ** len(once))
    return -value if match["sign"] == "-" else value


def decimal_comma(text: str) -> Fraction | None:
    """The value of a number with a decimal comma (`3,5`, `1.234,5`); None for thousands and for lists."""
    plain = spelled_plainly(text)
    if len(plain) > _LONGEST or not _COMMA.fullmatch(plain) or _number(plain) is not None:
        return None
    return Fraction(plain.replace(" ", "").replace(",", "."))
