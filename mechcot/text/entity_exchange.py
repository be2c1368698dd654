"""Make the counterfactual of a trace by exchanging two entities or values, for tasks without arithmetic.

Algorithm.

1. Find pairs that can stand for each other (`mechcot.text.entities`) of which the answer has one: two names, two numbers, the answer and another phrase of
   the question; or the options that a question lists: what the chosen one says is exchanged with what another says everywhere but in the list, and so are
   their letters in the chain. The answer with the exchange made is what the twin's chain leads to.
2. Where the chain never says the answer: the value of the fact that the chain ends on, and another value of such a fact (`parallel_clauses`). Nobody knows
   the twin's answer then. To exchange what the answer does not depend on by a rule is a mere renaming, which moves no answer: no twin.
3. Keep the first twin that has as many tokens in the prompt and in every step. Where each value stands is measured: it is written alone,
   and the tokens that differ are its span.

An exchange is a renaming, so that the twin's chain follows from the twin's question as the chain did from its own; an order or knowledge of the world may
say otherwise. So days, months and cardinal numbers are left alone (`ordered_words`), and what stands where the chain says something that the question
never says. Source: ours.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import regex

from mechcot.core.counterfactual import Counterfactual, Retoken
from mechcot.core.errors import NotMeasurable
from mechcot.core.trace import Span, Trace
from mechcot.text.entities import Entity, Mined, occurrences
from mechcot.text.listed_choices import Choices, choices, chosen_letter
from mechcot.text.ordered_words import ordered_lists
from mechcot.text.parallel_clauses import clauses
from mechcot.text.twins import (
    check_encoding,
    check_question,
    counterfactual,
    same_layout,
    tail_with,
)

_MOST_TRIES = 16
TextChange = tuple[int, int, str]
"""Characters [start, stop) of a text, and what is written there."""


@dataclass(frozen=True)
class EntityExchange:
    """Two texts exchanged in a question and its chain.

    Attributes:
        question: Changes of the question.
        chain: Changes of the chain, in order.
        answer: What the new chain leads to; None where nobody knows.
    """

    question: tuple[TextChange, ...]
    chain: tuple[TextChange, ...]
    answer: str | None


@dataclass(frozen=True)
class ExchangeMaker:
    """A `CounterfactualMaker` that exchanges entities. Cost: up to some dozens of tokenizations of the trace."""

    def __call__(self, trace: Trace, *, retoken: Retoken, seed: int) -> Counterfactual:
        """Make the counterfactual.

        Args:
            trace: The clean trace; its prompt must hold the question word for word, once.
            retoken: Builds a trace from (clean trace, new prompt, new completion).
            seed: Chooses among pairs that do equally well.

        Raises:
            NotMeasurable: No pair can be exchanged.
        """
        question = trace.problem.question
        check_question(trace, question)
        check_encoding(trace, retoken)
        answer = trace.answer.text or trace.problem.answer
        pairs = list(exchanges(question, trace.chain_text, answer))
        random.Random(seed).shuffle(pairs)
        pairs.sort(key=lambda pair: pair.answer is None)
        for pair in pairs[:_MOST_TRIES]:
            twin = _written(trace, retoken, pair.question, pair.chain, answer=pair.answer)
            if same_layout(trace, twin) and (spans := _spans(trace, retoken, pair)):
                return counterfactual(
                    trace, twin, answer=pair.answer, spans=spans, source="exchanged"
                )
        raise NotMeasurable(
            "the exchanged texts do not have as many tokens"
            if pairs
            else "question and chain have no two names, values or options whose exchange is known to change the answer"
        )


def _written(
    trace: Trace,
    retoken: Retoken,
    question: tuple[TextChange, ...],
    chain: tuple[TextChange, ...],
    *,
    answer: str | None = None,
) -> Trace:
    """The trace with changes in its question, its chain and the answer that it states behind it."""
    asked = trace.problem.question
    prompt = trace.prompt.replace(asked, changed(asked, question))
    return retoken(trace, prompt, changed(trace.chain_text, chain) + tail_with(trace, answer))


def _spans(trace: Trace, retoken: Retoken, pair: EntityExchange) -> list[Span]:
    """The token span of each change of the chain; empty when one of them shifts tokens."""
    spans = []
    for change in pair.chain:
        alone = _written(trace, retoken, (), (change,))
        if not same_layout(trace, alone):
            return []
        places = [p for p in range(trace.cuts()[-1]) if alone.ids[p] != trace.ids[p]]
        if places:
            spans.append(Span(places[0], places[-1] + 1))
    return spans


def changed(text: str, changes: tuple[TextChange, ...]) -> str:
    """A text with all changes made."""
    parts, end = [], 0
    for start, stop, new in changes:
        parts += [text[end:start], new]
        end = stop
    return "".join(parts) + text[end:]


def exchanges(question: str, chain: str, answer: str) -> Iterator[EntityExchange]:
    """All exchanges after which the chain follows from the question as before, and another answer can be expected.

    Args:
        question: The question.
        chain: The chain.
        answer: The answer that the chain leads to.
    """
    listed = choices(question)
    letter = chosen_letter(answer)
    if listed is not None and letter is not None and letter in listed.spans:
        yield from _of_options(listed, chain, answer, letter)
        return
    mined = Mined(question, chain)
    yield from _of_answers(mined, answer)
    if not occurrences(answer, chain):
        yield from _of_last_values(mined)


def _of_answers(mined: Mined, answer: str) -> Iterator[EntityExchange]:
    """Exchanges of what the answer says: a renaming of all else leaves the answer as it is."""
    entities, done = mined.entities(answer), set()
    for entity in entities:
        if not (occurrences(entity.text, mined.chain) and occurrences(entity.text, answer)):
            continue
        for other in mined.partners(entity, entities):
            one, pair = entity.text, frozenset((entity.text, other))
            if pair in done or ordered_lists(one, other):
                continue
            done.add(pair)
            changes, said = _exchanged(mined, one, other), _swapped(one, other, answer)
            moved = changed(answer, said) if said else answer
            if changes is not None and moved != answer:
                yield EntityExchange(*changes, moved)


def _of_last_values(mined: Mined) -> Iterator[EntityExchange]:
    """Exchanges of what the last clause of the chain says word for word as a fact of the question does.

    Nobody knows what follows from another value: nothing is said of it but this fact, and the answer is made of it by a rule.
    """
    said, parallels = [clause.words for clause in clauses(mined.chain)], mined.parallels
    for word in said[-1] if said else ():
        others = [other for other in parallels.columns if parallels.alike(word, other)]
        for other in others if parallels.leaf(word) else ():
            stated = [(words, one) for words in said for one in (word, other) if one in words]
            sort = "number" if word.isnumeric() else "word"
            if other == word or not all(parallels.restated(*clause) for clause in stated):
                continue
            if all(mined.fits(Entity(one, sort)) for one in (word, other)):
                changes = _exchanged(mined, word, other)
                if changes is not None:
                    yield EntityExchange(*changes, None)


def _exchanged(
    mined: Mined, one: str, other: str
) -> tuple[tuple[TextChange, ...], tuple[TextChange, ...]] | None:
    """The changes of question and chain; None where one of them has none or cannot be made."""
    asked, written = (_swapped(one, other, text) for text in (mined.question, mined.chain))
    return (asked, written) if asked and written else None


def _swapped(one: str, other: str, text: str) -> tuple[TextChange, ...] | None:
    """Where each of two texts stands, with the other one in its case; None where it stands in another case than a sentence asks for."""
    changes = []
    for old, new in ((one, other), (other, one)):
        for start, stop in occurrences(old, text):
            written = text[start:stop]
            if written == old:
                changes.append((start, stop, new))
            elif written == old[:1].upper() + old[1:]:
                changes.append((start, stop, new[:1].upper() + new[1:]))
            else:
                return None
    changes.sort()
    overlap = any(b[0] < a[1] for a, b in pairwise(changes))
    return None if overlap else tuple(changes)


# --- listed options -------------------------------------------------------------------------------


def _of_options(listed: Choices, chain: str, answer: str, letter: str) -> Iterator[EntityExchange]:
    """The chosen option exchanged with each other one: what they say outside the list, and their letters in the chain."""
    texts = dict(zip(listed.spans, listed.texts, strict=True))
    for other, text in texts.items():
        if other == letter:
            continue
        letters = _letters(chain, letter, other)
        said = _swapped(texts[letter], text, chain)
        stem = _swapped(texts[letter], text, listed.question)
        if letters is None or said is None or stem is None or not (letters or said):
            continue
        changes = tuple(sorted({*said, *(c for c in letters if not _covered(c, said))}))
        start = min(span.start for span in listed.spans.values())
        outside = tuple(change for change in stem if change[1] <= start)
        yield EntityExchange(outside, changes, _renamed(answer, letter, other, texts))


def _covered(change: TextChange, by: tuple[TextChange, ...]) -> bool:
    return any(start < change[1] and change[0] < stop for start, stop, _ in by)


def _letters(chain: str, one: str, two: str) -> tuple[TextChange, ...] | None:
    """The letters of two options where the chain names them, exchanged; None where one may be a word."""
    changes = []
    for old, new in ((one, two), (two, one)):
        for match in regex.finditer(
            rf"(?<![\p{{L}}\p{{N}}_'’]){old}(?![\p{{L}}\p{{N}}_'’])", chain
        ):
            before, after = chain[: match.start()][-1:], chain[match.end() :]
            named = (
                before in {"(", "["}
                or not after.strip()
                or regex.match(r"[)\].,:;!?]|\s*\n", after)
            )
            if not named:
                return None
            changes.append((match.start(), match.end(), new))
    return tuple(sorted(changes))


def _renamed(answer: str, letter: str, other: str, texts: Mapping[str, str]) -> str:
    """The answer with another option's letter, and its text where the answer has it."""
    return answer.replace(letter, other, 1).replace(texts[letter], texts[other])
