"""Read short closing texts and emphasis: `It is 7.`, `**B**`, `So she earns **$18** a day.`.

A short text states an answer when it holds exactly one candidate: a formula, a number with its unit, a letter of a choice, yes or no. Two different
candidates, a question or a denial are no statement.
"""

import re
from collections.abc import Iterator

from mechcot.text.answer_equality import same_answer
from mechcot.text.answer_words import headings_in, statements_in
from mechcot.text.boxed_answers import StatedAnswer, trim
from mechcot.text.numerals import read_number, spelled_plainly
from mechcot.text.quantities import uncounted
from mechcot.text.stated_value import denied, sentence_end, short_value, unstated
from mechcot.text.unit_words import unit

_LONGEST = 200
_MOST_LINES = 3
FEW_WORDS = 3
"""Most words of an answer in words, unless the reference has more."""
_WORD = 14
"""Characters of a long word."""
_NUMBER = r"[-+\u2212]?[$\u20ac\u00a3\u00a5\u20b9]?\d(?:[\d.,\u2044/:]{0,40}[\d%\u00bc-\u00be\u2150-\u215e])?(?:\s\d+/\d+)?(?:\s?\\?%)?"
_CANDIDATE = re.compile(
    r"(?P<formula>\$\$.{1,300}?\$\$|(?<!\\)\$(?!\d[\d.,]*(?:\s|[.,;]?$))(?:\\\$|[^$\n]){1,200}\$|\\\(.{1,200}?\\\)|\\\[.{1,300}?\\\]|\\d?frac\s*\{[^{}]*\}\s*\{[^{}]*\})"
    rf"|(?P<sum>(?:[\d.,]+|\([^()\n]{{1,40}}\))(?:\s*[-+*/\u00d7\u00f7^]\s*(?:[$]?[\d.,]+|\([^()\n]{{1,40}}\)))+\s*=\s*)(?P<result>{_NUMBER})"
    r"|(?<![A-Za-z\d_.,/])(?P<product>\d[\d.]*(?:[A-Za-z]?(?:\^\w+|\^\{[^{}]*\})|\\?sqrt|[\u03b1-\u03c9\u221a\u221e\u00b2\u00b3\u2070-\u209f])[^\s,;]*(?<![.:!]))"
    rf"|(?<![A-Za-z\d_.,/])(?P<number>{_NUMBER})(?P<unit>(?:st|nd|rd|th)\b|\s?\u00b0[CF]?|\s?[a-zA-Z]+)?"
    r"|(?P<letter>(?<!\w)[(\[][A-J][)\]](?!\w)|\b(?:[Oo]ption|[Cc]hoice)[\s_]+\(?[A-J]\b\)?|^\W{0,4}[A-J]\W{0,4}$|^\W{0,4}[A-J](?=[).:]\s))"
    r"|(?P<verdict>^\W{0,4}(?:yes|no|true|false)\b(?=\W{0,4}$|[.,;:!*]))",
    re.IGNORECASE | re.DOTALL,
)
_LABEL = re.compile(r"\b(?:step|problem|question|part|case|line|figure|equation|exercise|example|chapter|method|solution|no\.|#)\s*$", re.IGNORECASE)  # fmt: skip
_DENIED = re.compile(r"[?\uff1f\u061f]|\b(?:not|cannot|can't|isn't|doesn't|don't|unable|unknown|maybe|perhaps|might|could be|either|neither)\b", re.IGNORECASE)  # fmt: skip
_BOLD = re.compile(r"(?:\*\*|__)(?P<value>[^*_\n][^*\n]{0,80}?)(?:\*\*|__)")
_LISTED = re.compile(r"[\s#>*]*\d{1,2}[.)]\s")
_BULLET = re.compile(r"^\s*(?:[-*\u2022+]\s+|>\s*)+")
_UNDER = re.compile(r"(?:[^\S\n]*(?:[-=*_]{3,}[^\S\n]*)?\n){1,4}")
_DISPLAY = re.compile(
    r"\s*(?:\$\$.{1,400}?\$\$|\\\[.{1,400}?\\\]|\\begin\{(\w+)\}.{1,400}?\\end\{\1\})", re.DOTALL
)
_VARIABLE = re.compile(r"\\?[A-Za-z]+(?:_\w)?")
_LETTER_FIRST = re.compile(
    r"\s*(?:\*\*[(\[]?(?P<value>[A-J])[)\].]?\*\*|[(\[](?P<other>[A-J])[)\]])[.:]?\s*\n"
)
_OPTION = re.compile(r"\W{0,4}[A-J][).:]\s[^\n]*$")
_HENCE = re.compile(r"\A(?:therefore|thus|hence|so),\s+(?=\S)", re.IGNORECASE)
_FUNCTION_WORDS = frozenset({"a", "as", "at", "in"})
"""Behind a number in a sentence they are seldom years, hours, inches and the like."""
_WORDS_OF_SENTENCE = re.compile(r"[^\W\d_]{2,}")
_POLITE = re.compile(
    r"\b(?:hope (?:this|that|it)|let me know|feel free|(?:happy|glad) to|thank|you're welcome|good luck|questions\b|helps?\b|helpful)",
    re.IGNORECASE,
)
_FILLER = re.compile(
    r"(?:done|ok|okay|sure|finished|thanks|answer|final|hello|hi|stop|end|continue|right|correct|great|good)\b",
    re.IGNORECASE,
)


_LABEL_OF_WORDS = re.compile(
    r"[\s*_#>]*(?P<label>[^\W\d_]+(?:[^\S\n]+[^\W\d_]+){0,2})[*_]{0,3}[^\S\n]*:[*_]{0,3}\s*(?=\S)"
)
_REMARK = re.compile(
    r"\b(?:note|nb|ps|remark|hint|tip|reason|because|rationale|explanation|justification|question|problem|task|step|given|check|warning|caution|source|thought|thinking|"
    r"reasoning|example|user|assistant|human|system|todo|next|confidence|certainty|status|error|where|if|from|to|subject|re|verification|verified|language|format|proof|"
    r"assumption|unit|plan|wait|option|choice|said|https?|hinweis|remarque|nota)s?\b",
    re.IGNORECASE,
)
"""What labels something else than the answer."""


def sole(text: str) -> StatedAnswer | None:
    """The only candidate of a short text; None where there is none, or two different ones."""
    stripped = text.strip()
    if (
        not stripped
        or len(stripped) > _LONGEST
        or stripped.count("\n") > _MOST_LINES
        or denies(stripped)
    ):
        return None
    start = text.index(stripped)
    candidates = list(_candidates(stripped))
    if _OPTION.match(stripped) and candidates:
        del candidates[1:]  # what the option says
    if not candidates or any(
        not same_answer(candidates[0].text, candidate.text) for candidate in candidates[1:]
    ):
        return None
    best = candidates[-1]
    return StatedAnswer(best.text, best.how, start + best.start, start + best.stop)


def denies(text: str) -> bool:
    """Return whether a short text asks, doubts or denies."""
    return bool(_DENIED.search(text)) or denied(text) or unstated(text + " ", len(text))


def _candidates(text: str) -> Iterator[StatedAnswer]:
    for match in _CANDIDATE.finditer(text):
        kinds = ("result", "formula", "letter", "verdict")
        value = next(filter(None, map(match.group, kinds)), match.group())
        if match["letter"]:
            value = re.sub(r"(?i)^(?:option|choice)[\s_]+", "", value)
        if match["number"]:
            value = _with_unit(match)
        if match["number"] and _LISTED.match(
            text, text.rfind("\n", 0, match.start()) + 1, match.end() + 2
        ):
            continue
        if (match["formula"] and _VARIABLE.fullmatch(trim(value))) or _LABEL.search(
            text[: match.start()]
        ):
            continue
        yield StatedAnswer(uncounted(trim(value)), "closing", match.start(), match.end())


def _with_unit(match: re.Match[str]) -> str:
    """A number with the word behind it where that is part of it: a scale, a unit of measure, an ordinal."""
    whole, word = match.group(), match["unit"] or ""
    counted = uncounted(whole)
    is_number = read_number(spelled_plainly(counted).strip("$")) is not None
    if word[:1].isalpha() and not is_number and unit(word, glued=True) is None:
        return whole  # a product: 5x
    return counted if is_number or _is_unit(word) else match["number"]


def _is_unit(word: str) -> bool:
    named = None if word.strip().lower() in _FUNCTION_WORDS else unit(word.strip())
    return named is not None and (named.measured or named.factor != 1)


def closing(text: str) -> Iterator[StatedAnswer]:
    """A whole text that is short and holds exactly one candidate, in its last sentence; what speaks of the answer was judged by the phrases."""
    answer = None if statements_in(text) else sole(text)
    if answer is not None and not _says_on(text[sentence_end(text, answer.stop)[0] :]):
        yield answer
    elif letter := _LETTER_FIRST.match(text):
        yield StatedAnswer(
            letter["value"] or letter["other"], "closing", letter.start(), letter.end()
        )


def _says_on(behind: str) -> bool:
    """Return whether another sentence follows, so that a number before it may be one on the way."""
    return len(_WORDS_OF_SENTENCE.findall(behind)) >= FEW_WORDS and not _POLITE.search(behind)


def last_line(text: str) -> Iterator[StatedAnswer]:
    """A last line that is a value and nothing else, where the line before says more."""
    lines = [*re.finditer(r"[^\n]*\S[^\n]*", text)][-2:]
    alone = [_alone(line.group()) for line in lines]
    if len(lines) == 2 and alone[0] is None and alone[1] is not None:
        yield StatedAnswer(alone[1].text, "closing", *lines[1].span())


def _alone(line: str) -> StatedAnswer | None:
    """The value that a line is, marks aside."""
    value = sole(line)
    says_more = value is not None and line.replace(value.text, "", 1).strip(" \t.,:;!()[]*_`\"'")
    return None if says_more else value


def words(text: str, *, most: int = FEW_WORDS) -> StatedAnswer | None:
    """A few words that are the whole text, or all that stands behind a label: `Paris`, `Result: Friday noon`.

    Args:
        text: What stands behind the chain.
        most: Most words.
    """
    label = _LABEL_OF_WORDS.match(text)
    named = label is not None and not _REMARK.search(label["label"])
    plain = trim(text[label.end() :] if label is not None and named else text)
    plain = _HENCE.sub("", plain)
    few = 0 < len(plain.split()) <= most and len(plain) <= _WORD * most
    short = few and not re.search(r"[?!:\n\d]", plain)
    if not short or _FILLER.match(plain) or _DENIED.search(plain):
        return None
    start = text.index(plain, label.end() if label is not None and named else 0)
    return StatedAnswer(plain, "closing", start, start + len(plain))


def emphasised_words(text: str, *, most: int = FEW_WORDS) -> StatedAnswer | None:
    """The only bold words of a last paragraph that is one short sentence and ends with them, as in `So it is **Tuesday**.`."""
    start = max(text.rstrip().rfind("\n\n"), 0)
    last = text[start:]
    bold = [*_BOLD.finditer(last)]
    stop, mark = sentence_end(last, len(last) - len(last.lstrip()))
    ends = len(bold) == 1 and not (last[bold[0].end() :] + last[stop:]).strip(" .!\n")
    if not ends or mark == "?" or len(last.strip()) > _LONGEST or denies(last):
        return None
    value = trim(bold[0]["value"])
    first, end = (start + at for at in bold[0].span())
    short = 0 < len(value.split()) <= most and not bold[0]["value"].rstrip().endswith(":")
    return StatedAnswer(value, "bold", first, end) if short else None


def emphasised(text: str) -> Iterator[StatedAnswer]:
    """The only value in bold of the last paragraph, where the bold text is nothing but a value."""
    start = max(text.rstrip().rfind("\n\n"), 0)
    last = text[start:]
    if len(last) > 3 * _LONGEST:
        return
    values = []
    for match in _BOLD.finditer(last):
        value = uncounted(trim(match["value"]))
        only = sole(match["value"])
        if (
            only is not None
            and len(trim(match["value"]).split()) <= 4
            and not re.search(r":\s*$|^\d+[.)]", match["value"])
        ):
            values.append(
                StatedAnswer(
                    value if same_answer(value, only.text) else only.text,
                    "bold",
                    start + match.start(),
                    start + match.end(),
                )
            )
    if values and all(same_answer(values[0].text, answer.text) for answer in values[1:]):
        yield values[-1]


_REVERSED = re.compile(
    r"(?:\b(?:option|choice|answer)\s+)?(?P<value>\$[^$\n]{1,120}\$|\\\(.{1,120}?\\\)|\*\*[^*\n]{1,60}\*\*|[(\[][A-J][)\]]|(?<!\w)[A-J](?=\s+is)|"
    rf"(?<![\w.^/])(?<![-+*/^]\s){_NUMBER})[*_]{{0,2}}\s+is\s+(?:(?:therefore|thus|indeed|hence|also)\s+)?(?:the\s+(?:\w+\s+)?(?:answer|choice|option)\b(?!\s+(?:to|for|of|in|if|when|choice))"
    r"|(?:the\s+)?correct\b(?=[.!*\s]*(?:$|\n)))",
    re.IGNORECASE | re.MULTILINE,
)


def reversed_phrases(text: str) -> Iterator[StatedAnswer]:
    """`(B) is the correct answer`, `Option B is correct.`, `$5$ is the final answer`."""
    for match in _REVERSED.finditer(text):
        if not match.group().lower().startswith(("option", "choice")) and match.group().rstrip(
            "*. "
        ).endswith("correct"):
            continue
        _, mark = sentence_end(text, match.end())
        if mark != "?" and not unstated(text, match.start()):
            yield StatedAnswer(trim(match["value"]), "phrase", match.start(), match.end())


def headings(text: str) -> Iterator[StatedAnswer]:
    """A line that announces the answer, and the value in the line or the displayed formula under it."""
    for match in headings_in(text):
        under = _UNDER.match(text, match.end())
        if under is None:
            continue
        display = _DISPLAY.match(text, under.end())
        if display is not None:
            yield StatedAnswer(
                trim(display.group().strip()), "heading", match.start(), display.end()
            )
            continue
        line = re.compile(r"[^\n]*").match(text, under.end())
        value = None if line is None else announced(line.group())
        if value is not None and line is not None:
            yield StatedAnswer(value, "heading", match.start(), line.end())


def announced(line: str) -> str | None:
    """The value of a line under a heading: the line itself where it is one, its only candidate where it is a sentence."""
    plain = trim(_BULLET.sub("", line))
    stop, mark = sentence_end(plain, 0)
    if not plain or statements_in(plain) or mark == "?":
        return None
    value = short_value(plain[:stop])
    if not plain[stop:].strip(" .*_") and (
        len(value.split()) <= 3 or not re.search(r"[A-Za-z]{3}", value)
    ):
        return value
    only = sole(plain)
    return (only and only.text) or (
        value if len(plain.split()) <= 8 and not re.search(r"\d", plain) else None
    )
