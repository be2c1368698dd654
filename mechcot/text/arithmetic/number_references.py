"""Numbers that name or count something instead of stating a value: `Step 2`, `1)`, `equation (3)`, `x_1`, `3rd`, `2021-05-03`.

A *label* gives an order to the text itself:

    at the head of a line      `2.`, `(2)`, `**2)**`, or one or two words and a colon behind it (`Schritt 2:`), in any language
    in a heading               a line that begins with `#` and has no sign of equality
    behind a word of the text  `step 2`, `steps 1 and 2`, `equation 3`, `Schritt 2`, `paso 2`, `шаг 2`, `步骤2`, or inside `第2步`
    alone in brackets          `(2)`, `[2]`, unless it is a factor or an operand: `3(2)`, `4 + (2)`

A *name* belongs to a thing: `page 12`, `version 3.1`, `x_1`, `a2`, `3rd`, a clock time, a date.

*Ours*: no source says which numbers of a chain may be changed. Words in other languages are samples; what they miss is caught
by the two rules that need no words.
"""

import re

from mechcot.text.lines import line_start

_ORDERED = (
    r"steps?|parts?|cases?|questions?|figures?|fig\.?|sections?|sec\.?|eqs?\.?|equations?|lines?|lemmas?|theorems?|"
    r"exercises?|examples?|clues?|hints?|premises?|facts?|statements?|rules?|"
    r"schritte?|schritts|schritten|teile?|fall|frage|abbildung|abb\.?|gleichung(?:en)?|aufgabe|regel|zeile|"
    r"[ée]tapes?|parties?|cas|ligne|règle|équations?|"
    r"pasos?|partes?|casos?|ecuaci[oó]n(?:es)?|figura|regla|passos?|passaggi[o]?|passi|equazion[ei]|equaç(?:ão|ões)|etapas?|"
    r"stap(?:pen)?|krok(?:u|i)?|steg|vaihe|adım|lépés|bước|langkah|"
    r"шаг(?:а|е|и|ов)?|часть|рисунок|уравнени[ея]|случай|"
    r"步骤|步|步驟|方程|图|情况|ステップ|手順|図|式|단계|الخطوة|خطوة|चरण"
)
_NAMED = (
    r"chapters?|pages?|problems?|options?|choices?|tables?|no\.|nr\.?|n°|№|versions?|ver\.|python|"
    r"kapitel|seiten?|tabelle|chapitres?|tableau|cap[ií]tulo|p[aá]gina|tabla|страница|таблица|页|表"
)
_JOINED = r"(?:\s*[(\[]?\d+[)\]]?\s*(?:,|;|&|/|and|or|to|through|und|oder|bis|et|ou|à|y|o|e|и|或|和|、|~|→|->|[-\u2013])\s*)*"
_BEHIND = r"(?<![^\W\d_])(?:%s)\s*(?:number\s*|no\.?\s*)?#?" + _JOINED + r"\s*#?[(\[{]?\s*\Z"
_BEHIND_ORDERED = re.compile(_BEHIND % _ORDERED, re.IGNORECASE)
_BEHIND_NAMED = re.compile(_BEHIND % _NAMED, re.IGNORECASE)
_ORDINAL_SIGN = re.compile(r"(?:第|제)\s*\Z")
_HEAD = re.compile(r"[\s#>*\u2022\u2013+-]*[(\[]?[\s*#]*\Z")
_BEHIND_HEAD = re.compile(
    r"\s*(?:[.．](?!\d)|[):\]：、）](?!\d)|\*\*\s*[.:)：]|\s[-\u2013\u2014|]\s+(?=[^\W\d_]))"
)
_WORDS_HEAD = re.compile(r"[\s#>*\u2022-]*[^\W\d_]+(?:[^\S\n]+[^\W\d_]+)?[^\S\n]*#?\Z")
_BEHIND_WORDS = re.compile(r"[^\S\n]*(?:\*\*)?[^\S\n]*[:：](?!\d)")
_OPERATOR_BEHIND = re.compile(r"[\d)+*/=\u00d7\u00b7\u00f7\u2212^-]\Z|\\(?:times|cdot|div)\Z")
_OPERATOR_AHEAD = re.compile(
    r"(?:[+/=\u00d7\u00b7\u00f7\u2212^-]|\*(?!\*))\s*[(\d]|\((?=\d)|\\(?:times|cdot|div)"
)
_FACTOR = re.compile(r"\s*(?:[+/=\u00d7\u00b7\u00f7]|\*(?!\*))\s*[(\d]")
_ORDINAL = re.compile(
    r"(?:st|nd|rd|th|er|re|e|ème|eme|o|a)\b|[ºª]|\.?\s*(?:步|段|题|章|节|단계|번째)"
)
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:t(?:ember)?)?|oct(?:ober)?|"
    r"nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_DATES = re.compile(
    r"(?<!\d)(?:\d{4}([-/.])\d{1,2}\1\d{1,2}|\d{1,2}([-/.])\d{1,2}\2\d{4}|\d+\.\d+\.\d+)(?!\d)(?!\s*=)|\d+:\d\d"
    rf"(?::\d\d)?|\b\d{{1,2}}\s+(?:of\s+)?{_MONTH}(?:,?\s+\d{{4}})?|\b{_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?\b(?:,?\s+\d{{4}})?"
    r"|\bv\d+(?:\.\d+)*|\d{4}\s*年|\d+\s*月(?:\s*\d+\s*日)?",
    re.IGNORECASE,
)
_OPENS_A_HEADING = re.compile(r"[^\S\n]*#")
_REACH = 120


def refers(text: str, start: int, stop: int) -> bool:
    """Return whether the number at these characters is a label or a name instead of a value."""
    return label(text, start, stop) or name(text, start, stop)


def label(text: str, start: int, stop: int) -> bool:
    """Return whether a number gives the order of steps, list items, equations: `2.`, `Step 2`, `from (3)`."""
    line = line_start(text, start)
    before, after = text[max(line, start - _REACH) : start], text[stop : stop + _REACH]
    return (
        _BEHIND_ORDERED.search(before) is not None
        or _ORDINAL_SIGN.search(before) is not None
        or (start - line <= _REACH and _heads_a_line(before, after))
        or _in_a_heading(text, line)
        or _alone_in_brackets(before, after)
    )


def name(text: str, start: int, stop: int) -> bool:
    """Return whether a number is part of a name: `x_1`, `a2`, `2x`, `3rd`, `page 12`, `8:30`, `2021-05-03`, `1.2.3`."""
    line = line_start(text, start)
    before, after = text[max(line, start - _REACH) : start], text[stop : stop + _REACH]
    return (
        (before[-1:].isalpha() and before[-1:].isascii())
        or before.endswith(("_", "_{"))
        or after.startswith("_")
        or _ORDINAL.match(after) is not None
        or _BEHIND_NAMED.search(before) is not None
        or _in_a_date(text, line, start)
    )


def exponent(text: str, start: int) -> bool:
    """Return whether a number stands behind a sign of power: `m^2`, `10^{-3}`, `x**2`."""
    before = text[max(start - _REACH, 0) : start]
    return re.search(r"(?:\^\s*[({]?|\d\*\*|[^\W\d]\*\*)\s*[-\u2212]?\Z", before) is not None


def _heads_a_line(before: str, after: str) -> bool:
    if _HEAD.fullmatch(before):
        alone = not after.partition("\n")[0].strip(" .)*:")
        behind = _BEHIND_HEAD.match(after)
        factor = behind is not None and _FACTOR.match(after[behind.end() :])
        return behind is not None and not factor and not ("#" in before and alone)
    return _WORDS_HEAD.fullmatch(before) is not None and _BEHIND_WORDS.match(after) is not None


def _in_a_heading(text: str, line: int) -> bool:
    if _OPENS_A_HEADING.match(text, line) is None:
        return False
    end = text.find("\n", line)
    whole = text[line : len(text) if end < 0 else end]
    return re.match(r"\s*#+\s*\**[^\W\d_][^=＝]*\Z", whole) is not None


def _alone_in_brackets(before: str, after: str) -> bool:
    opened = re.search(r"[(\[]\s*\Z", before)
    if opened is None or re.match(r"\s*[)\]]", after) is None:
        return False
    behind, ahead = before[: opened.start()].rstrip(), after.lstrip()[1:].lstrip()
    return _OPERATOR_BEHIND.search(behind) is None and _OPERATOR_AHEAD.match(ahead) is None


def _in_a_date(text: str, line: int, start: int) -> bool:
    here = max(line, start - 24)
    dates = _DATES.finditer(text[here : start + 24])
    return any(match.start() <= start - here < match.end() for match in dates)
