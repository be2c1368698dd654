r"""Read the answer that a text states.

Every rule of the family looks for its *last* statement; the one that ends last in the text wins, and a
box inside a phrase ("the answer is $\boxed{5}$") wins over the phrase. What stands after the closed
thought is read first; if it states nothing, the thought itself is. A thought that was never closed, or a text
that was cut by the token limit, is read by the explicit rules only: its last number is just where it was cut. `same_answer` compares
two answers (`mechcot.text.equality`).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Literal

from mechcot.core.errors import UserError
from mechcot.core.trace import Answer
from mechcot.text.boxes import NUMBER, Found, boxed, trim
from mechcot.text.equality import same_answer
from mechcot.text.numerals import number
from mechcot.text.quantities import number_only, uncounted
from mechcot.text.tags import THINK, Thought, ThoughtTags, find_thought, tags_in

__all__ = [
    "FAMILIES", "Found", "find_answer", "number", "number_only", "read_answer", "same_answer", "trim"
]  # fmt: skip

_CALCULATOR = re.compile(r"<<[^<>\n]*>>")
# Tokens of control that a decoded text may show; each ends what stands before it.
_SPECIAL = re.compile(
    r"<\|[^|<>\n]{1,40}\|>|<\uff5c[^\uff5c<>\n]{1,40}\uff5c>|</?s>|<(?:eos|bos|pad|start_of_turn|end_of_turn)>"
)
_HASH = re.compile(r"####[^\S\n]*(?P<value>[^\n]+)")
_TAG = re.compile(r"<answer>(?P<value>.{0,2000}?)</answer>", re.DOTALL | re.IGNORECASE)
_PHRASE = re.compile(
    r"\banswer(?:\s+to\s+[^.\n:=]{1,60}?)?(?:\*\*|__)?\s*"
    r"(?:(?:is|are|was|would be|should be|must be|equals)\b(?:\*\*|__)?\s*:?|[:=])(?:\*\*|__)?"
    r"[^\S\n]*\n?[^\S\n]*(?P<value>[^\n]{1,400})",
    re.IGNORECASE,
)
_LETTER_A = re.compile(r"^A:[^\S\n]*(?P<value>[^\n]+)", re.MULTILINE)
_WORD_ANSWER = re.compile(r"(?<!\S)answer\s+(?P<value>[^\s<]+)")
_LAST_NUMBER = re.compile(rf"(?<![\w.])(?P<value>{NUMBER})(?P<percent>\s?\\?%)?(?![\w])")
_NO_ANSWER = re.compile(
    r"(?:not|n't|correct|wrong|right|incorrect|clear|the same|what|that|simply|just|supposed|going|in the|to be)\b",
    re.IGNORECASE,
)
Rule = Callable[[str], Iterator[Found]]
Otherwise = Literal["last_number", "nothing"]


def _matches(pattern: re.Pattern[str], how: str) -> Rule:
    def rule(text: str) -> Iterator[Found]:
        for match in pattern.finditer(text):
            value = trim(match["value"])
            if value:
                yield Found(value, how, match.start(), match.end())

    return rule


def _phrase(text: str) -> Iterator[Found]:
    """Statements "the answer is X" up to the end of the sentence; questions and denials are no answers."""
    position = 0
    while match := _PHRASE.search(text, position):
        value = re.split(
            r"(?<=[^.\s])[.!?;](?=\s|$|\*)|\s+(?:because|since|so|which|but)\b", match["value"]
        )[0]
        stop = match.start("value") + len(value)
        position = max(stop, match.start() + 6)
        short = uncounted(trim(value))
        if short and text[stop : stop + 1] != "?" and not _NO_ANSWER.match(short):
            yield Found(short, "phrase", match.start(), stop)


def _last_number(text: str) -> Iterator[Found]:
    for match in _LAST_NUMBER.finditer(text):
        yield Found(trim(match["value"]), "last_number", match.start(), match.end())


_RULES: Mapping[str, Rule] = {
    "boxed": boxed,
    "hash": _matches(_HASH, "hash"),
    "tag": _matches(_TAG, "tag"),
    "phrase": _phrase,
    "letter": _matches(_LETTER_A, "letter"),
    "word": _matches(_WORD_ANSWER, "word"),
}

# What each family of models may use to state its answer; `any` tries everything that is explicit.
FAMILIES: Mapping[str, tuple[str, ...]] = {
    "any": ("boxed", "hash", "tag", "phrase", "letter"),
    "boxed": ("boxed", "phrase"),
    "gsm8k": ("hash", "letter", "boxed", "phrase"),
    "organism": ("word",),
}
_NO_LAST_NUMBER = frozenset({"organism"})


def find_answer(
    text: str,
    *,
    family: str = "any",
    otherwise: Otherwise = "last_number",
    after: str | None = None,
) -> Found | None:
    """The last answer that a stretch of text states; thought marks are not looked at.

    Args:
        text: Any text. Calculator marks `<<3+4=7>>` are passed over; tokens like `<|im_end|>` end a line.
        family: One of `FAMILIES`.
        otherwise: What to take where nothing is stated.
        after: What stands before an answer; then nothing else states one.

    Raises:
        UserError: No such family.
    """
    if family not in FAMILIES:
        msg = f"unknown answer family {family!r}: expected one of {', '.join(FAMILIES)}"
        raise UserError(msg)
    blank = _CALCULATOR.sub(lambda match: "\x00" * len(match.group()), text)
    blank = _SPECIAL.sub(lambda match: "\n" * len(match.group()), blank)
    best: Found | None = _behind(blank, after) if after else None
    for name in () if after else FAMILIES[family]:
        for found in _RULES[name](blank):
            if best is None or found.stop > best.stop:
                covers_box = best is not None and best.how == "boxed" and found.start <= best.start
                best = best if covers_box else found
    if best is None and otherwise == "last_number" and family not in _NO_LAST_NUMBER:
        best = max(_last_number(blank), key=lambda found: found.stop, default=None)
    if best is None:
        return None
    clean = re.sub(r"\x00+\s*", "", best.text)
    return Found(trim(clean), best.how, best.start, best.stop) if trim(clean) else None


def _behind(text: str, after: str) -> Found | None:
    """What stands behind the last `after`, up to the end of the sentence or line."""
    start = text.rfind(after)
    if start < 0:
        return None
    rest = text[start + len(after) :]
    lead = len(rest) - len(rest.lstrip())
    value = re.split(r"\n|\s*[.!?](?=\s|$)", rest[lead:])[0]
    return Found(value, "after", start, start + len(after) + lead + len(value)) if value else None


def read_answer(
    text: str,
    *,
    family: str = "any",
    tags: ThoughtTags | None = None,
    after: str | None = None,
    otherwise: Otherwise = "last_number",
) -> Answer:
    """Read the answer that a completion states.

    Args:
        text: The completion. Put the opening mark in front when the prompt ended with it: an
            unclosed thought is then known to be one.
        family: One of `FAMILIES`.
        tags: The marks of the thought; None: those that the text shows.
        after: What stands before an answer; then nothing else states one.
        otherwise: What to take where nothing is stated, in a text that was not cut.

    Returns:
        The answer; text None and how `unread` when nothing was stated.

    Raises:
        UserError: No such family.
    """
    tags = tags or tags_in(text) or THINK
    layout = find_thought("", text, tags)
    found = None
    if layout.thought is Thought.CLOSED:
        found = find_answer(
            text[layout.chain.stop + len(tags.close) :],
            family=family,
            otherwise=otherwise,
            after=after,
        )
        text = text[: layout.chain.stop]
    if found is None:
        absent = layout.thought is Thought.ABSENT
        found = find_answer(
            text, family=family, otherwise=otherwise if absent else "nothing", after=after
        )
    return Answer(None, "unread") if found is None else Answer(found.text, found.how)
