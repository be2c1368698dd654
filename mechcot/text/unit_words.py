"""Words behind a number: a unit, a scale, or something that makes the number another one.

A bare number equals the number with a unit (`18` and `18 dollars`, the convention of GSM8K); two units are compared: `3 hours`
is not `3 minutes`, but 180 minutes. Words of scale multiply (`5 million`, `5 Millionen`, `5万`; those of CLDR, through babel),
units of measure are known by `pint`, any other noun counts things and is a unit as well. What is no noun phrase is no
unit: the words that calculate, compare, join or negate are a closed class, and a single letter is a variable.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache, lru_cache
from typing import Any


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LOCALES = (
    "en de fr es it pt nl ru pl uk tr sv cs ro vi id hi ar fa he th ko ja zh zh_Hant "
    "bg bn ca da el et fi gl gu hr hu is kn lt lv mk ml mr ms nb pa sk sl sq sr sw ta te ur"
)
"""The languages whose words are known from CLDR."""
_SCALES = {
    "hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12, "quadrillion": 10**15, "quintillion": 10**18,
    "dozen": 12, "score": 20, "gross": 144, "lakh": 10**5, "crore": 10**7, "myriad": 10**4, "bn": 10**9, "mn": 10**6,
    "十": 10, "百": 100, "千": 1000, "십": 10, "백": 100, "천": 1000, "萬": 10**4, "億": 10**8,
    "mil": 1000, "mille": 1000, "mio": 10**6, "mia": 10**9, "tys": 1000, "hundert": 100, "hunderte": 100, "cientos": 100, "centenas": 100, "honderd": 100, "hundra": 100,
    **dict.fromkeys(
        ["docena", "docenas", "dúzia", "dúzias", "dutzend", "douzaine", "douzaines", "dozzina", "dozzine", "dozijn", "dussin", "tuzin", "tucet", "düzine", "дюжина", "дюжины", "дюжин"], 12
    ),
}  # fmt: skip
# Closed classes: words that calculate, compare, join, negate or begin a clause.
# A number with one of them behind it is not its own value.
_OTHER = _words(
    """
    plus minus over divided multiplied multiply divide mod modulo remainder rem choose root roots square squared
    cube cubed factorial power powers raised exponent inverse reciprocal base point half halves third thirds
    fourth fourths fifth fifths quarter quarters tens hundreds thousands ones than below above negative positive
    and or nor not no but except without if when where while because since so which that is are was were be been
    isn has have had do does did can could may might must should would will what why how then thus hence therefore
    however wait equals equal plusminus to vs versus pi tau phi infinity infinite sqrt log ln lg exp sin cos tan
    cot sec csc arcsin arccos arctan sinh cosh tanh max gcd lcm det dim inf sup lim one two three four five six
    seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty thirty
    forty fifty sixty seventy eighty ninety zero double triple twice thrice et und oder ou
    """
)
_GREEK = _words(
    """
    alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron rho sigma upsilon chi psi
    omega
    """
)
# words of scale that are everyday nouns of another language
_NOUNS = frozenset({"bin", "mie", "mii", ""})
_SYMBOLS = _words(
    """
    am bpm cl cm cu dl dm fps ft gal gb ghz hr hrs hz kb kg khz kl km kmh kmph kph kw kwh lb lbs mb mg mhz mi min
    mins ml mm mph ms mw nd nm oz pm psi pt pts qt qts rd rpm sec secs sq sqft st tb th wk wks yd yds yr yrs
    """
)
# symbols of units; other letters name constants in pint
_LETTERS = frozenset("msghljwvadk")
_SMALL = frozenset({"of", "in", "on", "at", "by", "per", "an", "a", "the", "for", "it", "us"})
_FRACTIONAL = re.compile(r"(?:[a-z]+teen|[a-z]*ty|[a-z]*(?:six|seven|eigh|nin|ten|eleven|twelf|hundred|thousand|illion))ths?|[a-z]+tieths?")  # fmt: skip
_ILLIONS = re.compile(r"[a-z]+illi(?:on|ard)e?n?s?")
_MONEY = {
    "$": "dollar", "us$": "dollar", "usd": "dollar", "buck": "dollar", "dollar": "dollar", "r$": "real", "brl": "real", "real": "real", "reais": "real",
    **dict.fromkeys(["a$", "c$", "ca$", "nz$", "hk$", "s$", "nt$"], "dollar"), "€": "euro", "eur": "euro", "euro": "euro",
    "£": "pound", "gbp": "pound", "quid": "pound", "¥": "yen", "yen": "yen", "jpy": "yen", "円": "yen", "₹": "rupee", "rs": "rupee",
    "rupee": "rupee", "inr": "rupee", "元": "yuan", "yuan": "yuan", "rmb": "yuan", "cny": "yuan", "₩": "won", "won": "won", "원": "won",
    "₽": "ruble", "ruble": "ruble", "cent": "cent", "¢": "cent", "penny": "cent", "pennie": "cent", "pence": "penny",
}  # fmt: skip
MONEY = frozenset(_MONEY.values())
"""Names of money."""
_MINOR = {
    "cent": ("dollar", Fraction(1, 100)),
    "penny": ("pound", Fraction(1, 100)),
}
_DEGREES = frozenset({r"^\circ", "degree", "degrees", "deg"})
_PERCENT = frozenset({"%", "percent", "per cent", "percentage", "pct", "percentage points"}) | _words(
    "prozent pourcent procent procenta procentů proc prosent prosenttia процент процента процентов відсоток відсотка відсотків"
) | {"pour cent", "por ciento", "por cento", "per cento", "phần trăm"}  # fmt: skip
_TEMPERATURE = re.compile(
    r"(?:(?:\^\\circ|degrees?|deg)\s*(?P<scale>c|f|celsius|fahrenheit|centigrade)|(?P<bare>celsius|fahrenheit|centigrade))"
)
_WORD = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*")
_PHRASE = re.compile(
    r"(?:[^\W\d_]+(?:\.(?=[^\W\d_])|['-](?=[^\W\d_]))?|\s+|[.,/](?=\s*[^\W\d_])|\^(?:[23]|\{-?[123]\})|\^?\{?-[12]\}?|[.,]$)+"
)
_LONGEST = 80


@dataclass(frozen=True)
class UnitWord:
    """The unit behind a number.

    Attributes:
        factor: What it multiplies the number by.
        name: The unit, with one spelling for all its forms; "" for none.
        measured: Whether it is a unit of measure, not money or a thing that is counted.
        sure: Whether it can be nothing else; `5 m` may be metres or a variable.
    """

    factor: Fraction = Fraction(1)
    name: str = ""
    measured: bool = False
    sure: bool = True


NONE = UnitWord()
PERCENT = UnitWord(Fraction(1), "%", measured=True)


@lru_cache(maxsize=16384)
def unit(text: str, *, marked: bool = False, glued: bool = False) -> UnitWord | None:
    r"""The unit that a text behind a number names; None when it is no unit.

    Args:
        text: Without the number, and without `\text{...}`.
        marked: Whether LaTeX marked it as text: single letters are then symbols of units.
        glued: Whether it follows the digits without white space: `5abc` is a product.
    """
    plain = " ".join(text.casefold().split()).replace(" ^", "^").strip(" .,;")
    plain = plain.replace("p.m", "pm").replace("a.m", "am")
    if not plain or len(plain) > _LONGEST:
        return None if plain else NONE
    known = _named(plain)
    if known is not None:
        return known
    scale, rest = _scale(plain)
    if scale is not None:
        behind = unit(rest, marked=marked)
        return behind and replace(behind, factor=behind.factor * scale)
    return _measure_or_noun(plain, marked=marked, glued=glued)


def _measure_or_noun(plain: str, *, marked: bool, glued: bool) -> UnitWord | None:
    if not _PHRASE.fullmatch(plain):
        return None
    if _is_measure(plain) and not set(re.findall(r"\b[a-z]\b", plain)) - _LETTERS:
        area = not glued and re.fullmatch(r"m\^\{?[23]\}?", plain) is not None
        return UnitWord(
            name=_singular(plain), measured=True, sure=marked or area or _is_sure(plain)
        )
    if (glued and plain.isascii() and plain not in _SYMBOLS) or not _is_noun_phrase(plain):
        return None
    return UnitWord(name=_singular(plain))


def _is_sure(plain: str) -> bool:
    """Return whether a unit of measure holds a word that cannot be a product of variables."""
    speed = re.match(r"m\s?/\s?s\b", plain) is not None
    return speed or any(word in _SYMBOLS or _is_word(word) for word in _WORD.findall(plain))


def _is_word(text: str) -> bool:
    """Return whether letters are a word (`cup`), not a product of variables."""
    return len(text) > 3 or (len(text) == 3 and re.search(r"[aeiouy]", text) is not None)


def _named(plain: str) -> UnitWord | None:
    """Percent, degrees, temperatures and money, which have names of their own."""
    if plain in _PERCENT:
        return PERCENT
    if plain in _DEGREES:
        return UnitWord(Fraction(1), "degree", measured=True)
    if match := _TEMPERATURE.fullmatch(plain):
        scale = match["scale"] or match["bare"]
        return UnitWord(Fraction(1), "fahrenheit" if scale[0] == "f" else "celsius", measured=True)
    money = _MONEY.get(plain) or _MONEY.get(_singular(plain))
    if money is None:
        return None
    return UnitWord(name=money)


def _scale(plain: str) -> tuple[Fraction | None, str]:
    """A word of scale in front, and what stands behind it."""
    head, _, rest = plain.partition(" ")
    for word in (head, head.removesuffix("s"), head.rstrip(".")):
        value = _SCALES.get(word) or _cldr_scales().get(word)
        if value:
            return Fraction(value), rest.removeprefix("of ").removeprefix("de ")
    if not _is_alphabetic_script(plain[0]):  # no white space behind: 5万円
        for size in (2, 1):
            value = _SCALES.get(plain[:size]) or _cldr_scales().get(plain[:size])
            if value:
                return Fraction(value), plain[size:].strip()
    return None, plain


def _is_alphabetic_script(character: str) -> bool:
    """Return whether words of the character's script are written with spaces."""
    return not ("\u3040" <= character <= "\u9fff" or "\uac00" <= character <= "\ud7af")


@cache
def _cldr_scales() -> Mapping[str, int]:
    """Words of scale of many languages, of CLDR's compact numbers (`1 Million`, `1万`)."""
    from babel import Locale

    scales: dict[str, int] = {}
    for locale in LOCALES.split():
        forms = Locale.parse(locale).compact_decimal_formats
        for length in ("long", "short"):
            plurals = (forms.get(length) or {}).values()
            for count, pattern in (pair for form in plurals for pair in form.items()):
                word, zeros = _scale_word(pattern.pattern)
                if _is_scale(word, abbreviated=length == "short"):
                    scales.setdefault(word, int(count) // 10 ** (zeros - 1))
    return scales


def _scale_word(pattern: str) -> tuple[str, int]:
    """The word of CLDR's pattern (`00 тысяч`, `elfu 0`) and how many digits stand beside it."""
    plain = re.sub(r"['\u200e\u200f]", "", pattern.partition(";")[0])
    return re.sub(r"[0\s]+", " ", plain).strip().casefold().rstrip("."), plain.count("0")


def _is_scale(word: str, *, abbreviated: bool) -> bool:
    """Return whether a word is one of scale wherever it stands: no other language's noun (`bill`), no symbol of a unit (`м`)."""
    if not word or word in _NOUNS or word in _SYMBOLS or word in _MONEY:
        return False
    if word.isascii():
        return len(word) > 2 and not (abbreviated and re.search(r"[aeiouy]", word))
    return len(word) > 1 or not _is_alphabetic_script(word)


def _is_noun_phrase(plain: str) -> bool:
    words = _WORD.findall(plain.replace(".", ""))
    if not words or len(words) > 12:
        return False
    if words[0] == "times":
        return len(words) == 1 or words[1] in {"a", "per", "each", "every", "as", "more"}
    return (len(words) > 1 or words[0] not in _SMALL) and all(map(_may_name, words))


def _may_name(word: str) -> bool:
    """Return whether a word may stand in the name of a thing that is counted."""
    if word in _OTHER or word in _GREEK or word in _SCALES or _ILLIONS.fullmatch(word):
        return False
    if _FRACTIONAL.fullmatch(word):
        return False
    if not word.isascii():
        return len(word) > 1 or not _is_alphabetic_script(word)
    if len(word) < 3 or not re.search(r"[aeiouy]", word):
        return word in _SMALL or word in _SYMBOLS
    return True


def _singular(plain: str) -> str:
    words = [
        re.sub(r"(?<=[a-z]{2})s$", "", re.sub(r"ies$", "y", re.sub(r"(?<=[sxzh])es$", "", word)))
        if word.isascii() and len(word) > 3
        else word
        for word in plain.rstrip(".").split(" ")
    ]
    return " ".join(words)


def _is_measure(plain: str) -> bool:
    return _pint(plain) is not None


def converted(value: Fraction, name: str, other: str) -> Fraction | None:
    """A value in another unit of measure or of money; None when one cannot be turned into the other."""
    if name in _MINOR or other in _MINOR:
        (whole, part), (target, share) = (
            _MINOR.get(word, (word, Fraction(1))) for word in (name, other)
        )
        return value * part / share if whole == target else None
    here, there = _pint(name), _pint(other)
    if here is None or there is None or here[1] != there[1]:
        return None
    return value * here[0] / there[0]


@lru_cache(maxsize=4096)
def _pint(plain: str) -> tuple[Fraction, str] | None:
    """Factor to base units and dimension of a unit of measure, of pint's definitions."""
    spelled = re.sub(r"\bper\b", "/", plain)
    spelled = re.sub(
        r"\b(?:square|sq)\.? (\w+)", r"\1^2", re.sub(r"\b(?:cubic|cu)\.? (\w+)", r"\1^3", spelled)
    )
    spelled = spelled.replace("^{", "^").replace("}", "").replace("sqft", "ft^2")
    if not re.fullmatch(r"[a-z]+(?:\^-?[123])?(?:\s*[/*]?\s*[a-z]+(?:\^-?[123])?){0,3}", spelled):
        return None
    if any(w in _OTHER or w in _GREEK for w in re.findall("[a-z]+", spelled)):
        return None
    spelled = re.sub(r"(?<=[a-z0-9])\s+(?=[a-z])", "*", spelled)
    try:
        registry = _registry()
        base = registry.Quantity(1, registry.parse_units(spelled)).to_base_units()
    except Exception:  # noqa: BLE001 -- pint raises many kinds for text that is no unit, and for offsets
        return None
    dimension = sorted(f"{name}^{power}" for name, power in base.unit_items())
    return Fraction(base.magnitude), " ".join(dimension)


@cache
def _registry() -> Any:  # of a class that pint makes at run time
    from pint import UnitRegistry

    exact: Any = Fraction  # pint takes any type of number, its hints say float
    return UnitRegistry(non_int_type=exact, cache_folder=None)
