"""The semantics of the chain: a name's value is its most recent statement, and so is a definition.

`Ledger` walks a chain word by word. Before each digit or verdict it says which word the semantics
expect there and which earlier steps that word was read from; the caller chooses the word that
really stands there (the text's own, the expected one, an edited one, a slip), and the ledger goes on from
what was chosen. So one interpreter serves the writer, the parser and the counterfactuals:

    operand of `h= 3 - 2 = 1`    the latest `c=`, `k=`; a constant comes from the latest `h:` (chain, else question)
    result                       recomputed from the operands in the same step
    leaf `c= 3`                  the latest `c:`, i.e. the question
    check                        operands read anew; verdict `ok` when its result equals the latest `h=`
    restatement                  the latest statement; after a `bad` check, the result of that check
    answer                       the question's query, on the latest statements

A check that says `ok` states nothing: later steps do not read it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from mechcot.organisms.grammar import Form, apply_sign, value_of
from mechcot.organisms.problems import QuestionGraph

Settle = Callable[..., str]
Choose = Callable[[int, str | None], str]
"""(word index in the step, expected word or None where there is none) to the word that is there."""


@dataclass(frozen=True)
class Read:
    """One word of a step and where the semantics say it comes from.

    Attributes:
        word: Index of the word in the step.
        expected: The word that the semantics expect; None when a name was never stated.
        sources: (step, name) pairs of chain steps it was read from; empty when from the question or the same step.
        name: The name whose value it copies, or None (constant, result, verdict).
        states: The name whose value this word states, or None.
    """

    word: int
    expected: str | None
    sources: tuple[tuple[int, str], ...]
    name: str | None = None
    states: str | None = None


@dataclass(frozen=True)
class Settled:
    """A step after the walk: its final words and how each digit and verdict was read."""

    words: tuple[str, ...]
    reads: tuple[Read, ...]


def _settle(
    words: list[str],
    reads: list[Read],
    choose: Choose,
    index: int,
    expected: str | None,
    sources: Sequence[tuple[int, str]] = (),
    *,
    name: str | None = None,
    states: str | None = None,
) -> str:
    """Put the chosen word in its place and note how it was read."""
    words[index] = choose(index, expected)
    reads.append(Read(index, expected, tuple(sources), name, states))
    return words[index]


@dataclass
class Ledger:
    """Values that the chain has stated so far.

    Attributes:
        world: The question.
        values: Name to (value, step) of its latest statement.
        rules: Name to (words, step) of its latest definition in the chain.
        caught: Name to (value, step) of a `bad` check that no restatement has taken up yet.
        count: How many steps were walked.
    """

    world: QuestionGraph
    values: dict[str, tuple[int, int]] = field(default_factory=dict)
    rules: dict[str, tuple[tuple[str, ...], int]] = field(default_factory=dict)
    caught: dict[str, tuple[int, int]] = field(default_factory=dict)
    count: int = 0

    def rule(self, name: str | None) -> tuple[tuple[str, ...], tuple[tuple[int, str], ...]]:
        """The latest definition of a name and the steps it was read from."""
        if name in self.rules:
            words, step = self.rules[name]
            return words, ((step, name),)
        return self.world.defined.get(name or "", ()), ()

    def latest(self, name: str) -> tuple[str | None, tuple[tuple[int, str], ...]]:
        """The word of a name's latest statement and the step it stands in."""
        if name not in self.values:
            return None, ()
        value, step = self.values[name]
        return str(value), ((step, name),)

    def take(self, form: Form, choose: Choose) -> Settled:
        """Walk one step.

        Args:
            form: The step; its digits and verdicts may be placeholders.
            choose: Gives the word at an index, from what the semantics expect.
        """
        words = list(form.words)
        reads: list[Read] = []
        if form.body != "other":
            getattr(self, f"_{form.body}")(form, words, partial(_settle, words, reads, choose))
        self.count += 1
        return Settled(tuple(words), tuple(reads))

    def answer(self) -> str | None:
        """The answer by the semantics; None when a queried name was never stated."""
        query = self.world.query
        if any(name not in self.values for name in query[::2]):
            return None
        values = [self.values[name][0] for name in query[::2]]
        return str(values[0] if len(values) == 1 else apply_sign(values[0], query[1], values[1]))

    def answer_sources(self) -> tuple[int, ...]:
        """The steps that the answer reads directly."""
        return tuple(
            sorted({self.values[name][1] for name in self.world.query[::2] if name in self.values})
        )

    def _define(self, form: Form, words: list[str], settle: Settle) -> None:
        at, name = form.start, form.subject
        known = self.world.defined.get(name, ())
        last = at + 3 if len(words) > at + 4 else at + 1
        if value_of(words[last]) is not None:
            settle(last, known[-1] if known and value_of(known[-1]) is not None else None)
        self.rules[name] = (tuple(words[at + 1 : -1]), self.count)

    def _operation(self, form: Form, words: list[str], settle: Settle, *, left: int) -> str | None:
        """Settle `left sign right =`, and give the word that the result should be."""
        rule, sources = self.rule(form.subject)
        for index, part in ((left, 0), (left + 2, 2)):
            operand = rule[part] if len(rule) == 3 else ""
            if value_of(operand) is not None:
                settle(index, operand, sources)
            else:
                expected, stated = self.latest(operand)
                settle(index, expected, stated, name=operand or None)
        if len(rule) != 3 or words[left + 1] != rule[1]:
            return None
        return str(apply_sign(int(words[left]), words[left + 1], int(words[left + 2])))

    def _compute(self, form: Form, words: list[str], settle: Settle) -> None:
        expected = self._operation(form, words, settle, left=form.start + 1)
        word = settle(form.start + 5, expected, states=form.name)
        self._state(form.subject, word)

    def _check(self, form: Form, words: list[str], settle: Settle) -> None:
        at = form.start
        expected = self._operation(form, words, settle, left=at + 2)
        result = settle(at + 6, expected)
        value, sources = self.latest(form.subject)
        verdict = None if value is None else ("ok" if value == result else "bad")
        if settle(at + 7, verdict, sources) == "bad":
            self.caught[form.subject] = (int(result), self.count)

    def _give(self, form: Form, words: list[str], settle: Settle) -> None:
        self._restate(form.start, words, settle)

    def _list(self, form: Form, words: list[str], settle: Settle) -> None:
        self._restate(form.start, words, settle)
        self._restate(form.start + 3, words, settle)

    def _restate(self, at: int, words: list[str], settle: Settle) -> None:
        name = words[at][:-1]
        if name in self.caught:
            value, step = self.caught.pop(name)
            expected, sources = str(value), ((step, name),)
        elif name in self.values:
            expected, sources = self.latest(name)
        else:
            rule, sources = self.rule(name)
            expected = rule[0] if len(rule) == 1 else None
        self._state(name, settle(at + 1, expected, sources, name=name, states=name))

    def _state(self, name: str, word: str) -> None:
        self.values[name] = (int(word), self.count)
        self.caught.pop(name, None)


def walk(
    world: QuestionGraph, forms: Sequence[Form], choose: Callable[[int, int, str | None], str]
) -> tuple[list[Settled], Ledger]:
    """Walk a whole chain.

    Args:
        world: The question.
        forms: The steps; their digits and verdicts may be placeholders.
        choose: Gives the word at a place, from the step, the index of the word in it, and what the semantics
            expect there (None where they expect nothing).

    Returns:
        The steps with their final words, and the ledger behind the last one.
    """
    ledger = Ledger(world)
    settled = [
        ledger.take(form, lambda word, expected, step=step: choose(step, word, expected))
        for step, form in enumerate(forms)
    ]
    return settled, ledger
