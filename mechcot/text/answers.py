r"""Read the answer that a text states.

Every rule of the family looks for statements (`mechcot.text.stated_value`, `mechcot.text.closing_texts`); the one that ends last in the text wins, what stands inside
another wins over it (a box in "the answer is $\boxed{5}$"), and a phrase that says only words ("the answer is clear") gives way to one that says more. What
stands after the closed thought is read first; if it states nothing, the thought itself is. Where nothing is stated the answer is "unread": a short closing text
counts as a statement when it holds exactly one candidate, the last number of a text is a guess and is taken only when it is asked for. A thought that was never closed, or a text that was cut by the
token limit, is read by the explicit rules only. `same_answer` compares two answers (`mechcot.text.answer_equality`).
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from mechcot.core.errors import UserError
from mechcot.core.trace import Answer
from mechcot.text.answer_equality import same_answer
from mechcot.text.boxed_answers import NUMBER, StatedAnswer, boxed, trim
from mechcot.text.closing_texts import (
    announced,
    closing,
    emphasised,
    headings,
    last_line,
    reversed_phrases,
    sole,
    words,
)
from mechcot.text.quantities import number_only
from mechcot.text.stated_value import chosen, fields, is_hard, phrases, said_after
from mechcot.text.think_tags import THINK, Thought, ThoughtTags, find_thought, tags_in

__all__ = [
    "FAMILIES", "SPECIAL", "StatedAnswer", "find_answer", "number_only", "read_answer", "same_answer", "trim"
]  # fmt: skip

_CALCULATOR = re.compile(r"<<[^<>\n]*>>")
# Tokens of control that a decoded text may show; each ends what stands before it.
SPECIAL = re.compile(
    r"<\|[^|<>\n]{1,40}\|>|<\uff5c[^\uff5c<>\n]{1,40}\uff5c>|</?s>|<(?:eos|bos|pad|start_of_turn|end_of_turn)>"
)
_HASH = re.compile(r"####(?!#)[^\S\n]*(?P<value>[^\n]+)")
_SENTENCE = re.compile(
    r"[A-Z][a-z']*\s+[a-z]+\s+.*\d|[\u3040-\u9fff]{2,}[^\uff0c,\u3001]*\d", re.DOTALL
)
_CALCULATES = re.compile(
    r"\b(?:plus|minus|times|than|over|divided|squared|cubed|of|root|mod|or|and|between|at (?:least|most))\b|[+*/^=]",
    re.IGNORECASE,
)
_TITLE = re.compile(r"\d+[.)]\s|(?:step|part|case|section)\b", re.IGNORECASE)
_TAG = re.compile(r"<answer>(?P<value>.{0,2000}?)</answer>", re.DOTALL | re.IGNORECASE)
_LETTER_A = re.compile(r"^A:[^\S\n]*(?P<value>[^\n]+)(?!\s*\n\s*B\s*[:.)])", re.MULTILINE)
_WORD_ANSWER = re.compile(r"(?<!\S)answer\s+(?P<value>[^\s<]+)")
_LAST_NUMBER = re.compile(rf"(?<![\w.])(?P<value>{NUMBER})(?P<percent>\s?\\?%)?(?![\w])")
Rule = Callable[[str], Iterator[StatedAnswer]]
Otherwise = Literal["closing", "last_number", "nothing"]


def _matches(pattern: re.Pattern[str], how: str) -> Rule:
    def rule(text: str) -> Iterator[StatedAnswer]:
        for match in pattern.finditer(text):
            value = trim(match["value"])
            if value:
                yield StatedAnswer(value, how, match.start(), match.end())

    return rule


def _hash(text: str) -> Iterator[StatedAnswer]:
    """GSM8K's closing; headings of the fourth level ("#### Step 2: ...") are none."""
    for answer in _matches(_HASH, "hash")(text):
        last = not text[answer.stop :].strip()
        listed = _TITLE.match(answer.text) or answer.text.endswith(":")
        if not listed and (last or (sole(answer.text) and len(answer.text.split()) <= 4)):
            yield answer


def _phrase(text: str) -> Iterator[StatedAnswer]:
    """Statements; of a whole sentence behind a colon ("Answer: She makes $18.") its only candidate."""
    for answer in phrases(text):
        sentence = _SENTENCE.match(answer.text)
        only = sole(answer.text) if sentence and not _CALCULATES.search(answer.text) else None
        yield answer if only is None else replace(answer, text=only.text)


def _letter(text: str) -> Iterator[StatedAnswer]:
    """`A: 18` at the start of a line, not the first of several options."""
    for match in _LETTER_A.finditer(text):
        value = announced(match["value"])
        if value:
            yield StatedAnswer(value, "letter", match.start(), match.end())


def _last_number(text: str) -> Iterator[StatedAnswer]:
    for match in _LAST_NUMBER.finditer(text):
        yield StatedAnswer(trim(match["value"]), "last_number", match.start(), match.end())


_RULES: Mapping[str, Rule] = {
    "boxed": boxed,
    "hash": _hash,
    "tag": _matches(_TAG, "tag"),
    "phrase": _phrase,
    "field": fields,
    "chosen": chosen,
    "reversed": reversed_phrases,
    "heading": headings,
    "letter": _letter,
    "word": _matches(_WORD_ANSWER, "word"),
}

# What each family of models may use to state its answer; `any` tries everything that is explicit.
FAMILIES: Mapping[str, tuple[str, ...]] = {
    "any": ("boxed", "hash", "tag", "phrase", "field", "chosen", "reversed", "heading", "letter"),
    "boxed": ("boxed", "phrase", "heading"),
    "gsm8k": ("hash", "letter", "boxed", "phrase", "heading"),
    "word": ("word",),
}
_EXPLICIT_ONLY = frozenset({"word"})


def find_answer(
    text: str, *, family: str = "any", otherwise: Otherwise = "closing", after: str | None = None
) -> StatedAnswer | None:
    """The last answer that a stretch of text states; thought marks are not looked at.

    Args:
        text: Any text. Calculator marks `<<3+4=7>>` are passed over; tokens like `<|im_end|>` end a line.
        family: One of `FAMILIES`.
        otherwise: What to take where nothing is stated: the only value of a short text (or the only one in bold of the last paragraph), the last number
            (which also looks at the short text first; a guess), or nothing.
        after: The text in front of a written answer, as the user gave it: what follows its last occurrence is the answer, and nothing else states one.

    Raises:
        UserError: No such family.
    """
    if family not in FAMILIES:
        raise UserError(f"unknown answer family {family!r}: expected one of {', '.join(FAMILIES)}")
    blank = _CALCULATOR.sub(lambda match: "\x00" * len(match.group()), text)
    blank = SPECIAL.sub(lambda match: "\n" * len(match.group()), blank)
    if after:
        best = said_after(blank, after)
    else:
        best = _last([answer for name in FAMILIES[family] for answer in _RULES[name](blank)])
    asked = family not in _EXPLICIT_ONLY or otherwise == "last_number"
    if best is None and not after and asked:
        best = _otherwise(blank, otherwise)
    if best is None:
        return None
    clean = trim(re.sub(r"\x00+\s*", "", best.text))
    return StatedAnswer(clean, best.how, best.start, best.stop) if clean else None


def _last(statements: Sequence[StatedAnswer]) -> StatedAnswer | None:
    """The statement that ends last, or the one that ends last inside it; words alone only where nothing else is said."""
    answers = [
        answer for answer in statements if answer.how != "phrase" or is_hard(answer.text)
    ] or statements
    if not answers:
        return None
    last = max(answers, key=lambda answer: (answer.stop, -answer.start))
    if last.how == "boxed":
        return last
    inner = [
        answer for answer in answers if last.start <= answer.start and answer.stop <= last.stop
    ]
    boxes = [answer for answer in inner if answer.how == "boxed"]
    return max(boxes or inner, key=lambda answer: (answer.start, answer.stop))


def _otherwise(text: str, otherwise: Otherwise) -> StatedAnswer | None:
    if otherwise == "nothing":
        return None
    rules = (
        closing,
        last_line,
        emphasised,
        *((_last_number,) if otherwise == "last_number" else ()),
    )
    for rule in rules:
        answer = max(rule(text), key=lambda statement: statement.stop, default=None)
        if answer is not None:
            return answer
    return None


def read_answer(
    text: str,
    *,
    family: str = "any",
    tags: ThoughtTags | None = None,
    otherwise: Otherwise = "closing",
    after: str | None = None,
) -> Answer:
    """Read the answer that a completion states.

    Args:
        text: The completion. Put the opening mark in front when the prompt ended with it: an
            unclosed thought is then known to be one.
        family: One of `FAMILIES`.
        tags: The marks of the thought; None: those that the text shows.
        otherwise: What to take where nothing is stated, see `find_answer`; inside a thought always nothing.
        after: The text in front of a written answer, see `find_answer`.

    Returns:
        The answer; text None and how `unread` when nothing was stated.

    Raises:
        UserError: No such family.
    """
    tags = tags or tags_in(text) or THINK
    layout = find_thought("", text, tags)
    if layout.thought is not Thought.CLOSED:
        otherwise = otherwise if layout.thought is Thought.ABSENT else "nothing"
        return _answer(find_answer(text, family=family, otherwise=otherwise, after=after))
    behind = SPECIAL.sub("\n", text[layout.chain.stop + len(tags.close) :])
    answer = find_answer(behind, family=family, otherwise=otherwise, after=after)
    if answer is None:
        thought = text[: layout.chain.stop]
        answer = find_answer(thought, family=family, otherwise="nothing", after=after)
    if answer is None and not after and otherwise != "nothing" and family not in _EXPLICIT_ONLY:
        answer = words(behind)
    return _answer(answer)


def _answer(statement: StatedAnswer | None) -> Answer:
    return Answer(None, "unread") if statement is None else Answer(statement.text, statement.how)
