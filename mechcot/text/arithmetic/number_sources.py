"""Origin of every number of a chain, and its value when one fact changes.

A *fact* is a number of the question. A *result* stands right of an equation of the chain. Every other
number of the chain is *read*, and may come from a fact of the same value, an earlier result of the same
value, a word that implies it (`half`: 2, `week`: 7), or a percentage of the question (`20%`: 0.2, 0.8, 1.2).
A read is unambiguous when all the places it may come from agree on its new value; else `NotMeasurable`.

*Ours*: no source defines a counterfactual for free text. Strictness is the point: a prediction that may
be wrong is worse than an item not measured.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from mechcot.core.errors import NotMeasurable
from mechcot.text.arithmetic.equations import (
    Equation,
    Token,
    equations,
    evaluate_node,
    leaves,
    scan,
)
from mechcot.text.arithmetic.number_references import exponent, label, name
from mechcot.text.arithmetic.number_words import FRACTIONS, NUMBER_WORDS, SPELLED
from mechcot.text.lines import line_number

_F = Fraction
_COPY = re.compile(r">>\s*\\?\$?\s*")
_MOST_PLACES = 64
"""Most earlier results of one value from which a number may come, the latest ones; chains that say one result more often are no sums."""


@dataclass(frozen=True)
class Source:
    """A place a read may come from: a fact or result (`at`), changed by `scale * value + shift`, or a constant (None)."""

    at: int | None
    scale: Fraction = Fraction(1)
    shift: Fraction = Fraction(0)


class Program:
    """The numbers of a question and a chain as one list, with the arithmetic between them.

    Attributes:
        tokens: Tokens of the question, then those of the completion (spans in their own text).
        split: How many tokens belong to the question.
        answer: The value that the completion gives as its answer, if it is a number.
    """

    def __init__(self, question: str, completion: str, *, answer: Fraction | None = None) -> None:
        self.answer = answer
        head, tail = scan(question), scan(completion)
        self.question, self.completion = question, completion
        self.tokens: list[Token] = head + tail
        self.split = len(head)
        self.equations: list[Equation] = equations_from(self.tokens, self.split)

    @cached_property
    def results(self) -> Mapping[int, Equation]:
        """Result token of each equation."""
        return {equation.result: equation for equation in self.equations}

    @cached_property
    def operands(self) -> frozenset[int]:
        """All number tokens that stand in an expression."""
        return frozenset(leaf for equation in self.equations for leaf in leaves(equation.left))

    @cached_property
    def order(self) -> tuple[int, ...]:
        """The numbers of the completion, those that announce a later result last."""
        ahead = {i for i, places in self.sources.items() if any((s.at or 0) > i for s in places)}
        return (*(i for i in self.numbers if i not in ahead), *sorted(ahead))

    @cached_property
    def facts(self) -> tuple[int, ...]:
        """The numbers of the question that are quantities."""
        return self._quantities(range(self.split))

    @cached_property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of the completion that are quantities, in order."""
        return self._quantities(range(self.split, len(self.tokens)))

    def _quantities(self, indices: range) -> tuple[int, ...]:
        numbers = (index for index in indices if self.tokens[index].kind == "number")
        return tuple(i for i in numbers if not self.glued(i) and not self.label(i))

    @cached_property
    def glued_values(self) -> frozenset[Fraction]:
        """Values of numbers that are parts of names, ordinals, clock times: they never change."""
        return frozenset(
            t.value for i, t in enumerate(self.tokens) if t.kind == "number" and self.glued(i)
        )

    @cached_property
    def spelled(self) -> frozenset[Fraction]:
        """Values of number words in the completion."""
        words = (t.text.lower() for t in self.tokens[self.split :] if t.kind == "word")
        return frozenset(value for word in words if word in SPELLED for value in NUMBER_WORDS[word])

    @cached_property
    def constants(self) -> frozenset[Fraction]:
        """Values that some word of question or completion implies."""
        words = {t.text.lower() for t in self.tokens if t.kind == "word"}
        values = {value for word in words for value in NUMBER_WORDS.get(word, ())}
        if any(t.kind == "percent" for t in self.tokens) or words & {"percent", "percentage"}:
            values |= {_F(100), _F(1, 100), _F(1)}
        if words & FRACTIONS:
            values.add(_F(1))
        return frozenset(values) | {
            t.value
            for i, t in enumerate(self.tokens[: self.split])
            if t.kind == "number" and self.glued(i)
        }

    def text_of(self, index: int) -> str:
        """The text that a token's span is about."""
        return self.question if index < self.split else self.completion

    def glued(self, index: int) -> bool:
        """Return whether a number is part of a name, an ordinal, a date or a clock time: `3rd`, `x2`, `8:30`."""
        token, text = self.tokens[index], self.text_of(index)
        after = text[token.stop : token.stop + 1]
        if after.isalpha() and after not in "xX":
            return True
        return name(text, token.start, token.stop)

    def label(self, index: int) -> bool:
        """Return whether a number only gives the order of the text: `1.` at the start of a line, `Step 2`, `Schritt 2`."""
        if index in self.operands or index in self.results:
            return False
        token = self.tokens[index]
        return label(self.text_of(index), token.start, token.stop)

    def check(self) -> None:
        """Check every equation as it stands.

        Raises:
            NotMeasurable: There is none, or one does not hold exactly.
        """
        if not self.equations:
            raise NotMeasurable("the chain has no parseable arithmetic")
        for equation in self.equations:
            if not equation.holds(lambda index: self.tokens[index].value):
                raise NotMeasurable("the chain's arithmetic does not check out as written")

    @cached_property
    def sources(self) -> Mapping[int, tuple[Source, ...]]:
        """For each read of the completion all the places it may come from; none when it is unexplained."""
        stated: dict[Fraction, list[int]] = {}
        origins: dict[int, tuple[Source, ...]] = {}
        for index in self.numbers:
            value = self.tokens[index].value
            if index in self.results:
                stated.setdefault(value, []).append(index)
                continue
            repeated = self._repeated(index, value)
            if repeated is not None:
                origins[index] = (Source(repeated),)
                continue
            places = [Source(at) for at in self.facts if self.tokens[at].value == value]
            places += [Source(at) for at in stated.get(value, ())[-_MOST_PLACES:]]
            power = exponent(self.completion, self.tokens[index].start)
            places += [Source(None)] * (value in self.constants or power)
            places += self._percentages(value) if not places else []
            origins[index] = (*places, *self._ahead(index, value))
        return origins

    @cached_property
    def _results_by_value(self) -> Mapping[Fraction, list[int]]:
        """The results that have a value, ascending."""
        by_value: dict[Fraction, list[int]] = {}
        for at in sorted(self.results):
            by_value.setdefault(self.tokens[at].value, []).append(at)
        return by_value

    @cached_property
    def _ascending(self) -> list[int]:
        return sorted(self.results)

    def _repeated(self, index: int, value: Fraction) -> int | None:
        """The result that a number repeats by its form: the copy behind `>>`, or the answer after the last result."""
        earlier = bisect_left(self._ascending, index)
        last = self._ascending[earlier - 1] if earlier else None
        if last is None or self.tokens[last].value != value:
            return None
        final = index == self.answer_at and last == self._ascending[-1]
        copied = _COPY.match(self.completion, self.tokens[last].stop)
        behind = copied is not None and copied.end() == self.tokens[index].start
        return last if final or behind else None

    @cached_property
    def answer_at(self) -> int | None:
        """The last number of the completion with the answer's value."""
        places = [i for i in self.numbers if self.tokens[i].value == self.answer]
        return places[-1] if places else None

    def _ahead(self, index: int, value: Fraction) -> tuple[Source, ...]:
        """The result that a number announces: `he makes $14 because 7 + 7 = 14` (same line)."""
        if index in self.operands:
            return ()
        results = self._results_by_value.get(value, [])
        next_one = bisect_right(results, index)
        if next_one == len(results):
            return ()
        at = results[next_one]
        lines = {line_number(self.completion, self.tokens[i].start) for i in (index, at)}
        return (Source(at),) if len(lines) == 1 else ()

    def _percentages(self, value: Fraction) -> list[Source]:
        """Facts followed by a percent sign that give `value` as share, rest or growth."""
        share, whole = _F(1, 100), _F(100)
        ways = [(share, _F(0)), (-share, _F(1)), (share, _F(1)), (_F(-1), whole), (_F(1), whole)]
        return [
            Source(at, scale, shift)
            for at in self.facts
            if self._is_percentage(at)
            for scale, shift in ways
            if self.tokens[at].value * scale + shift == value
        ]

    def _is_percentage(self, at: int) -> bool:
        ahead = self.tokens[at + 1] if at + 1 < self.split else None
        return ahead is not None and (
            ahead.kind == "percent" or ahead.text.lower() in {"percent", "percentage"}
        )

    def unexplained(self) -> list[int]:
        """Reads without any source."""
        return [index for index, places in self.sources.items() if not places]

    def run(self, changes: Mapping[int, Fraction]) -> dict[int, Fraction]:
        """New values of all numbers of the completion when some facts or results are set.

        Args:
            changes: New value of each changed fact (or of a result or read, which then is not computed).

        Returns:
            Value by token index.

        Raises:
            NotMeasurable: A read may come from places that now differ, or a result has no value.
        """
        values: dict[int, Fraction] = {
            at: changes.get(at, self.tokens[at].value) for at in self.facts
        }
        for index in self.order:
            if index in changes:
                values[index] = changes[index]
            elif index in self.results:
                values[index] = self._computed(self.results[index], values)
            else:
                values[index] = self._read(index, values)
        return values

    def _computed(self, equation: Equation, values: Mapping[int, Fraction]) -> Fraction:
        value = evaluate_node(equation.left, lambda i: values.get(i, self.tokens[i].value))
        if value is None:
            raise NotMeasurable("the changed arithmetic has no value (division by zero)")
        return value * equation.sign

    def _read(self, index: int, values: Mapping[int, Fraction]) -> Fraction:
        own = self.tokens[index].value
        new = {
            own if place.at is None else values[place.at] * place.scale + place.shift
            for place in self.sources[index]
        } or {own}
        if len(new) > 1:
            raise NotMeasurable(
                "a number of the chain may come from two places that no longer agree"
            )
        return new.pop()

    def readers(self, index: int) -> list[int]:
        """Later reads that can only come from this result."""
        return [at for at, places in self.sources.items() if places == (Source(index),)]


def equations_from(tokens: Sequence[Token], split: int) -> list[Equation]:
    """The equations of the completion, with indices into the whole list of tokens."""
    shifted = []
    for equation in equations(list(tokens[split:])):
        shifted.append(
            Equation(_shift(equation.left, split), equation.result + split, equation.sign)
        )
    return shifted


def _shift(node: tuple, by: int) -> tuple:
    if node[0] == "number":
        return ("number", node[1] + by)
    return (node[0], *(_shift(child, by) for child in node[1:]))
