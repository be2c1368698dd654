"""References that say what a model says, in other words: `cup white` where it says `white`, `true` where it says `Yes`."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mechcot.core.trace import Trace
from mechcot.core.wording import count_of
from mechcot.text.answer_leads import SHARE
from mechcot.text.answer_outcomes import is_right
from mechcot.text.answers import same_answer
from mechcot.text.field_names import column_and_rules
from mechcot.text.rewriting_rules import ARROW, SEMICOLON, STAR

_MARKS = (STAR, ARROW, SEMICOLON)
_MOST = 12
"""Most references that are listed one by one."""


@dataclass(frozen=True)
class OtherWords:
    """How references are to be rewritten to be in a model's words.

    Attributes:
        rules: See `mechcot.text.rewriting_rules`.
        reference: One reference, as it stands.
        answer: What the model says there.
        count: Number of texts that it explains.
    """

    rules: str
    reference: str
    answer: str
    count: int

    def __str__(self) -> str:
        return f"the references are in other words than its answers: {self.reference!r} where it says {self.answer!r}, in {count_of(self.count, 'text')}"

    def column(self, fields: Mapping[str, str]) -> str:
        """The column of the references, with rules that put them into the model's words; "" where it has rules already.

        Args:
            fields: Our names for columns of the file, with the columns.
        """
        column, rules = column_and_rules(fields.get("answer", "answer"))
        return "" if rules else f"{column}:{self.rules}"


def other_words(traces: Sequence[Trace], *, share: float = SHARE) -> OtherWords | None:
    """How the references differ from the answers in their words alone; None where nothing shows that they do.

    Args:
        traces: Chains of one author.
        share: Least share of the finished ones whose answer is its reference in other words.
    """
    finished = [trace for trace in traces if trace.finished]
    pairs = [
        (trace.answer.text.strip(), trace.problem.answer.strip())
        for trace in finished
        if trace.answer.text is not None and not is_right(trace.answer.text, trace.problem)
    ]
    for words in (_around(pairs), _one_for_one(pairs)):
        if words is not None and words.count >= max(share * len(finished), 2):
            return words
    return None


def _around(pairs: Sequence[tuple[str, str]]) -> OtherWords | None:
    """The words that most references have around the answer, or most answers around the reference."""
    examples: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for answer, reference in pairs:
        if (inner := _within(answer, reference)) is not None:
            examples[f"{inner}{ARROW}{STAR}"].append((answer, reference))
        elif (inner := _within(reference, answer)) is not None:
            examples[f"{STAR}{ARROW}{inner}"].append((answer, reference))
    if not examples:
        return None
    rule, explained = max(examples.items(), key=lambda item: len(item[1]))
    answer, reference = explained[0]
    return OtherWords(rule, reference, answer, len(explained))


def _within(part: str, whole: str) -> str | None:
    """A text with a star in place of a part that stands in it once, between words; None where none does."""
    places = list(re.finditer(rf"(?<!\w){re.escape(part)}(?!\w)", whole, re.IGNORECASE))
    if not part or len(places) != 1 or any(mark in whole for mark in _MARKS):
        return None
    if not re.search(r"\w", whole[: places[0].start()] + whole[places[0].end() :]):
        return None  # `5}` for `5`: where an answer ends, not other words
    return whole[: places[0].start()] + STAR + whole[places[0].end() :]


def _one_for_one(pairs: Sequence[tuple[str, str]]) -> OtherWords | None:
    """One reference for each answer, where no answer says a word of any reference.

    A text counts where others with its answer have its reference: what stands once proves nothing. A model that answers
    with other references is wrong, however regularly.
    """
    meant = _meant(pairs)
    references = {reference for _, reference in pairs}
    shared = any(_alike(answer, reference) for answer in meant for reference in references)
    marked = any(mark in text for pair in meant.items() for text in pair for mark in _MARKS)
    one_way = len({*meant.values()}) < len(meant)
    if shared or marked or one_way or not 2 <= len(meant) <= _MOST:
        return None
    counts = Counter(pairs)
    explained = sum(counts[pair] for pair in meant.items() if counts[pair] > 1)
    rules = SEMICOLON.join(f"{reference}{ARROW}{answer}" for answer, reference in meant.items())
    answer, reference = next(iter(meant.items()))
    return OtherWords(rules, reference, answer, explained)


def _alike(answer: str, reference: str) -> bool:
    """Return whether two texts are equal, or one stands in the other."""
    inside = _within(answer, reference) or _within(reference, answer)
    return inside is not None or same_answer(answer, reference)


def _meant(pairs: Sequence[tuple[str, str]]) -> Mapping[str, str]:
    """The most frequent reference of each answer that occurs twice."""
    references: dict[str, Counter[str]] = defaultdict(Counter)
    for answer, reference in pairs:
        references[answer][reference] += 1
    return {
        answer: counts.most_common(1)[0][0]
        for answer, counts in references.items()
        if counts.total() > 1
    }
