r"""The value of a stated answer: where it ends, and whether the sentence states it at all.

A value ends with its sentence. Formulas, boxes and brackets are never cut; explanations behind the value ("because ...", "(since ...)", ", so ...") are. A
question, a denial, a condition or a guess states nothing.
"""

import re
from collections.abc import Iterator

from mechcot.text.answer_equality import same_answer
from mechcot.text.answer_words import CHOSEN, COPULA, DENIAL, statements_in
from mechcot.text.boxed_answers import StatedAnswer, trim
from mechcot.text.brackets import closed_at, pair_of
from mechcot.text.quantities import uncounted

ANSWER_PLACE = "{answer}"
"""Stands for the answer in a text of the user's that says what comes behind it, too."""

_LONGEST = 2000
_SENTENCE_MARK = re.compile(r"\s*[.,:;!?]+[^\w\s]*")
_ATOM = re.compile(
    r"\$\$.{1,400}?\$\$|(?<![\\\d])\$[^$\n]{1,300}\$(?!\d)|\\\(.{1,300}?\\\)|\\\[.{1,400}?\\\]|\\\w+|\\.|\([^()\n]{0,200}\)|\[[^\[\]\n]{0,200}\]",
    re.DOTALL,
)
_END = re.compile(
    r"(?:[?;]|!(?!\s*[-+*/=\u00d7\u00b7!]))(?=\s|$|[*_\"'\u201d)])|(?<![\d\uff10-\uff19])\uff0e|\uff0e(?![\d\uff10-\uff19])|[\u3002\uff01\uff1f\uff1b\u061f\u0964\u06d4\u0965]|\n|</?[A-Za-z]"
    r"|(?<=[^.\s])\.(?=$|[\s*_\"'\u201d\u3000-\u9fff])"
)
_ABBREVIATION = re.compile(
    r"(?:\b[A-Za-z]\.[A-Za-z]|\b(?:approx|ca|e\.g|i\.e|Mr|Mrs|Ms|Dr|St|No|vs))$"
)
_LETTER = re.compile(r"[\s(*_$]*[A-J]|(?:[A-Z]\.\s?){0,3}[A-Z]")
# Where an explanation begins behind a value; words alone are cut at "because" only.
_BOLD = re.compile(r"(?:\*\*|__)([^*\n]+?)(?:\*\*|__)(?=\s*[,;:(\u2014\u2013])")
_CHOICE = re.compile(r"[(\[]?[A-J][)\].:]?")
_BOLD_LETTER = re.compile(r"(?:\*\*|__)([(\[]?[A-J][)\].:]?)(?:\*\*|__)(?=\s|$)")
_SUPPOSED = re.compile(r"\b(?:would|w\u00e4re|serait|ser[i\u00ed]a|sarebbe)\b", re.IGNORECASE)
_IF = re.compile(r"\b(?:if|were|instead|wenn|falls|si|se)\b", re.IGNORECASE)
_TWICE = re.compile(r"(?P<one>.+?),?\s+or\s+(?P<other>.+)")
_KEYED = re.compile(r"\w*[\"']\s*:")
_FIELD = re.compile(
    r"(?P<quote>[\"'])(?:\w+[_ ])?answer(?P=quote)\s*:\s*(?P<value>\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'|-?\d[\d.]*(?=\s*[,}\n]|\s*$)|\[[^\[\]\n]{0,200}\]|true|false)",
    re.IGNORECASE,
)
_REASON = re.compile(r",?\s+(?:because|since)\s+(?=\w)|\s+I hope\b", re.IGNORECASE)
_TAIL = re.compile(
    r",?\s+(?:because|since|so|which|but|as|where|when|if|due to|based on|given|after|rounded|assuming|meaning|i\.e\.,?|that is,)\s+(?=\S)"
    r"|,\s+(?=(?:with|not|the|this|it|we|i|making|and (?:the|so|we|this|it))\s)"
    r"|\s+[\u2014\u2013]\s+(?=[A-Za-z]{2}|an?\s|I['\u2019\s])|\s+and\s+(?=(?:the|this|that|we|I|it)\s)|\s+-\s+(?=[A-Za-z]{2}|an?\s)|(?<=\S)\s+\((?=[^()]*[A-Za-z]{2,}[^()]*\)\s*$)"
    r"|(?<=\d)[\uff0c,]\s*(?=[\u3040-\u9fff])|,?\s+(?:because|since)$|\s+I hope\b",
    re.IGNORECASE,
)
_DOLLAR = re.compile(r"(?<!\\)\$(?!\d[\d,.]*(?:\s|$))")  # of a formula, not of money
_GAP = re.compile(
    r"[^\S\n]*(?:\n[^\S\n]*){0,2}(?:<(?:b|strong|i|em|u|code|p|span)\b[^>\n]{0,40}>)?[*_\"`]{0,3}",
    re.IGNORECASE,
)
_LEAD = re.compile(
    r"(?:,?\s*(?:therefore|thus|then|hence|indeed|simply|actually|exactly|approximately|about|roughly|now|clearly|also|still|finally|definitely|obviously|"
    r"given by|equal to|also|donc|also|daher|somit|quindi|por lo tanto|portanto|entonces)\b[,:]?\s*|(?:the|la|le|el|il|die|der)?\s*(?:option|choice|letter|opci\u00f3n|op\u00e7\u00e3o|(?:a\s+)?alternativa|lettre|letra|lettera|buchstabe)\b[\s_:]*(?=\**[(\[]?[A-Z]\b)|(?:la|le|el|il|die|der)\s+(?=[(\[]?[A-J][)\]]?(?:\W|$))|[:\uff1a\u2248]\s*|\\approx\s*)*",
    re.IGNORECASE,
)
_NO_ANSWER = re.compile(
    r"(?:not|n't|correct|wrong|right|incorrect|clear|the same|what|that|simply|just|supposed|going|in the|to be|nicht|kein\w*|pas|no\s+es|non\s+\u00e8|\u043d\u0435|ikke|inte|"
    r"unknown|unclear|either|likely|probably|expected|given|found|required|asked|reasonable|consistent|valid|indeed)\b",
    re.IGNORECASE,
)
_UNSTATED = re.compile(
    r"\b(?:if|whether|unless|suppose|supposing|assume|assuming|assumed|doubt|not think|not believe|not sure|not certain|unlikely|hope|maybe|"
    r"perhaps|possibly|might|wonder|wenn|falls|ob|si|se|\u0435\u0441\u043b\u0438)\b|n['\u2019]t\s+(?:think|believe|sure|know)\b|n['\u2019]t\s+\w*\s*$|\b(?:not|never|no)\s+(?:that\s+)?(?:the\s+|my\s+|an?\s+)?$|\u5982\u679c|\u5047\u5982|\u82e5|\u3082\u3057|\ub9cc\uc57d|\u092f\u0926\u093f",
    re.IGNORECASE,
)
_RETRACTED = re.compile(
    r"[\s.*_$)]*(?:no\b|actually\b|correction\b|sorry\b|oops\b|scratch that\b|i mean\b|wait,? (?:no|that)\b|hold on\b)(?P<said>[^\n]{0,200})",
    re.IGNORECASE,
)
_HARD = re.compile(
    r"\d|\\|^[(\[]?[A-J][)\].:]?$|^[(\[]?[A-J][)\].:]|^(?:yes|no|true|false|none|ja|nein|oui|non|s\u00ed|\u662f|\u5426|\u306f\u3044|\u3044\u3044\u3048)\b",
    re.IGNORECASE,
)


def phrases(text: str) -> Iterator[StatedAnswer]:
    """Every statement "the answer is X", in any of the languages, up to the end of its sentence."""
    matches = statements_in(text)
    for index, match in enumerate(matches):
        start = value_start(text, match.end())
        if _KEYED.match(text, match.start()):
            continue  # read by `fields`
        following = matches[index + 1].start() if index + 1 < len(matches) else len(text)
        sentence = re.split(r"[.!?;\n]\s", text[max(0, match.start() - 200) : match.start()])[-1]
        if _SUPPOSED.search(match.group()) and _IF.search(sentence):
            continue
        stop, ended_by = sentence_end(text, start, following + 1)
        if following < stop or ended_by == "?" or unstated(text, match.start()):
            continue
        raw = text[start:stop]
        bold = text[max(start - 2, 0) : start]
        value = short_value(bold + raw if bold in {"**", "__"} else raw)
        refused = denied(value) or DENIAL.search(raw) or retracted(text, stop, value)
        if value and not refused:
            at = raw.find(value)
            end = stop if at < 0 else start + at + len(value)
            yield StatedAnswer(value, "phrase", match.start(), end)


def fields(text: str) -> Iterator[StatedAnswer]:
    """The value of an object's field: `{"answer": "12"}`."""
    for match in _FIELD.finditer(text):
        value = trim(match["value"].strip("\"'").replace("\\\\", "\\"))
        if value:
            yield StatedAnswer(value, "phrase", match.start(), match.end())


def chosen(text: str) -> Iterator[StatedAnswer]:
    """A letter chosen with a verb: 故选B."""
    for match in CHOSEN.finditer(text):
        yield StatedAnswer(match["value"], "phrase", match.start(), match.end())


def value_start(text: str, position: int) -> int:
    """Past white space, one line break, emphasis and words that only introduce a value."""
    gap = _GAP.match(text, position)
    position = gap.end() if gap else position
    lead = _LEAD.match(text, position)
    return lead.end() if lead else position


def sentence_end(text: str, start: int, limit: int | None = None) -> tuple[int, str]:
    """The end of a value's sentence, and the mark that ends it ("?" for any question mark)."""
    position, limit = start, min(len(text), start + _LONGEST, len(text) if limit is None else limit)
    while position < limit:
        atom = _ATOM.match(text, position, limit)
        if atom is not None:
            position = atom.end()
            continue
        end = _END.match(text, position)
        if end is not None and not _inside_value(text, start, position):
            mark = end.group()[:1]
            return position, "?" if mark in "?\uff1f\u061f" else mark
        position += 1
    return limit, ""


def _inside_value(text: str, start: int, position: int) -> bool:
    """Return whether a full stop belongs to the value: `p.m.`, `B. Paris`."""
    if text[position] != ".":
        return False
    before = text[max(start, position - 12) : position]
    letter = _LETTER.fullmatch(text[start:position]) and re.match(r"\.\s+[A-Z\d]", text[position:])
    return bool(letter) or (
        _ABBREVIATION.search(before) is not None
        and text[position + 1 : position + 2] != "\n"
        and bool(text[position + 1 :].strip())
    )


def short_value(text: str) -> str:
    """A value without the explanation behind it, the copula of its sentence, and the things that it counts."""
    text = re.sub(r"\x00+\s*", "", text).strip()
    if not re.search(r"[(\[\]{}<>\\]", text):
        text = re.sub(r"(?<=\w)[.]?\)$", "", text)
    if letter := _BOLD_LETTER.match(text):
        return letter[1]
    bold = _BOLD.match(text)
    if bold and (_CHOICE.fullmatch(bold[1]) or not re.search(r"\d|\*\*", text[bold.end() :])):
        text = bold[1]
    for match in (_TAIL if is_hard(text) else _REASON).finditer(text):
        head = text[: match.start()]
        if head and head.count("(") <= head.count(")") and len(_DOLLAR.findall(head)) % 2 == 0:
            text = head
            break
    text = trim(_closed(text))
    text = trim(COPULA.sub("", text))
    twice = _TWICE.fullmatch(text)
    if twice and same_answer(twice["one"], twice["other"]):  # 5/8, or 0.625
        text = trim(twice["one"])
    return uncounted(text)


def _closed(text: str) -> str:
    """Without emphasis or quotes that are opened only, or closed only."""
    for mark in ("**", "__", '"', "\u201d", "\u201c"):
        if text.count(mark) == 1:
            text = text.replace(mark, "")
    return text


def said_after(text: str, mark: str) -> StatedAnswer | None:
    """The value behind the last occurrence of a mark that the user named, up to the end of the sentence or line, or up to what the mark says behind `{answer}`, or to what closes a bracket that it ends with."""
    before, _, behind = mark.partition(ANSWER_PLACE)
    before = before.strip(" ")
    at = text.rfind(before)
    if not before.strip() or at < 0:
        return None
    start = value_start(text, at + len(before))
    stop, _ = sentence_end(text, start)
    line = text[: (text + "\n").index("\n", start)]
    end = ended_at(line, behind, start) if behind else closed_at(line, start, pair_of(before))
    stop = min(stop, end) if end >= 0 else stop
    value = short_value(text[start:stop])
    return StatedAnswer(value, "after", at, stop) if value else None


def ended_at(text: str, end: str, start: int = 0) -> int:
    """Where what ends an answer stands first, from `start` on; -1 where it does not, or is empty.

    A mark of a sentence ends an answer only before white space or the end of the text, so that 3.5 and a.b stay whole.
    """
    behind = r"(?!\S)" if ends_sentence(end) else ""
    match = re.compile(re.escape(end) + behind).search(text, start) if end else None
    return match.start() if match else -1


def ends_sentence(end: str) -> bool:
    """Return whether what ends an answer is a mark of a sentence, which values have inside, too."""
    return _SENTENCE_MARK.fullmatch(end) is not None


def denied(text: str) -> bool:
    """Return whether a text denies a value, or only speaks about the answer ("clear", "what we need")."""
    return bool(_NO_ANSWER.match(text) or DENIAL.search(text))


def unstated(text: str, start: int) -> bool:
    """Return whether the clause in front makes a statement a condition, a guess or a denial."""
    before = text[max(0, start - 120) : start]
    clause = re.split(r"[.!?;:,\n\u3002\uff0c\uff1f]", before)[-1]
    return _UNSTATED.search(clause) is not None


def retracted(text: str, stop: int, value: str) -> bool:
    """Return whether the next sentence takes a statement back and says another value."""
    match = _RETRACTED.match(text, stop)
    if match is None:
        return False
    return any(number not in value for number in re.findall(r"\d+", match["said"]))


def is_hard(value: str) -> bool:
    """Return whether a value is more than words: it holds a digit or a formula, or is a letter of a choice, yes or no."""
    return _HARD.search(value) is not None
