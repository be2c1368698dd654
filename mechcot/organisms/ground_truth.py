"""Exact content of a chain: each step's kind, value and reads, parsed from its text alone.

The semantics (semantics.py) give for every word the earlier steps it was read from. From it come two step
graphs, which differ:

    kept          the later text stays. Edge i -> j: a word of j copies, recomputes or judges what i states.
                  The answer reads only the latest statements of the queried names.
    regenerated   the later text is written anew after an edit of i. Edge i -> j: some value of step j moves.
                  A wrong difference in a careful chain is caught by its check, so it moves nothing after that.

What only orders the walk-back (which name comes next) is no edge: no value passes there.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from mechcot.core.step_check import StepCheck, agreements
from mechcot.core.task import StepGraph
from mechcot.core.trace import Phase, Span, StepKind, Trace
from mechcot.organisms.grammar import END, FILLER, Form, form
from mechcot.organisms.problems import QuestionGraph, read_question
from mechcot.organisms.semantics import Ledger, Read, Settled

LaterText = Literal["kept", "regenerated"]
_STATED = re.compile(r"\b([a-z])= (\d)(?: [+-] \d = (\d))?")

BODY_KIND = {
    "define": StepKind.EXPLORATION,
    "compute": StepKind.PROGRESSION,
    "list": StepKind.SUMMARY,
    "check": StepKind.VERIFICATION,
    "other": StepKind.OTHER,
}


@dataclass(frozen=True)
class StepFact:
    """The truth about one step, under the semantics of the chain.

    Attributes:
        kind: Its kind.
        states: The name whose value it states (the last one if it states two), or None.
        value: That value.
        value_word: Index of the word, inside the step, that states it.
        operands: (word index, name) of words that copy an earlier statement of a name.
        depends: Earlier steps that it reads, ascending.
        feeds_answer: Some other value here would move the answer, the later text written anew.
        valid: Well formed, and every digit and verdict is what the semantics expect from the text before.
        statements: Every (word index, name, value) it states; a summary has two.
        correct: Every value it states is the true one.
    """

    kind: StepKind
    states: str | None
    value: int | None
    value_word: int | None
    operands: tuple[tuple[int, str], ...]
    depends: tuple[int, ...]
    feeds_answer: bool
    valid: bool
    statements: tuple[tuple[int, str, int], ...]
    correct: bool


@dataclass(frozen=True)
class Walk:
    """A chain that the semantics walked: settled steps, their kinds, and the answer they give."""

    steps: tuple[Settled, ...]
    kinds: tuple[StepKind, ...]
    answer: str | None
    answer_sources: tuple[int, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """The steps as text."""
        return tuple(" ".join(step.words) for step in self.steps)


def _kind(shape: Form, ledger: Ledger) -> StepKind:
    if shape.body != "give":
        return BODY_KIND[shape.body]
    if shape.marker is not None:
        return shape.marker
    if shape.name in ledger.caught:
        return StepKind.BACKTRACKING
    if shape.name not in ledger.values:
        return StepKind.PROGRESSION
    return StepKind.CONCLUSION if shape.name in ledger.world.query else StepKind.SUMMARY


def follow(
    world: QuestionGraph,
    steps: Sequence[str],
    *,
    edit: tuple[int, int, str] | None = None,
    anew_after: int | None = None,
) -> Walk:
    """Walk a chain, perhaps with one word changed and perhaps with its tail written anew.

    Args:
        world: The question.
        steps: The chain's steps.
        edit: (step, word, new word).
        anew_after: Steps after this index take the words that the semantics expect, and a `bad` check is
            followed by its restatement even where the text has none. None keeps every word.
    """
    ledger = Ledger(world)
    settled, kinds = [], []
    forms = [form(step) for step in steps]
    for index, shape in enumerate(forms):
        anew = anew_after is not None and index > anew_after
        if anew and ledger.caught and shape.name not in ledger.caught:
            _mend(ledger)
        kinds.append(_kind(shape, ledger))
        own = edit[1:] if edit is not None and edit[0] == index else None
        choose = partial(_expected_word if anew else _own_word, shape, own)
        settled.append(ledger.take(shape, choose))
    if anew_after is not None:
        _mend(ledger)
    return Walk(tuple(settled), tuple(kinds), ledger.answer(), ledger.answer_sources())


def _own_word(shape: Form, edit: tuple[int, str] | None, word: int, _expected: str | None) -> str:
    """The text's word, or the edited one."""
    return edit[1] if edit is not None and edit[0] == word else shape.words[word]


def _expected_word(
    shape: Form, edit: tuple[int, str] | None, word: int, expected: str | None
) -> str:
    """The word that the semantics expect where there is one; an edit comes first."""
    own = _own_word(shape, edit, word, expected)
    edited = edit is not None and edit[0] == word
    return own if edited or expected is None else expected


def _mend(ledger: Ledger) -> None:
    """Take up the result of a `bad` check, as the restatement after it would."""
    for name, (value, step) in list(ledger.caught.items()):
        ledger.values[name] = (value, step)
        del ledger.caught[name]


def is_stating(walk: Walk, step: int, read: Read) -> bool:
    """Return whether a word states something that later steps may read: a value, or a definition's constant.

    Args:
        walk: The walked chain.
        step: Index of the step.
        read: One of the reads of that step.
    """
    if read.states is not None:
        return True
    return walk.kinds[step] is StepKind.EXPLORATION


def _moves(
    world: QuestionGraph, steps: Sequence[str], walk: Walk, step: int
) -> tuple[bool, frozenset[int]]:
    """Return whether an edit of a step moves the answer, and which later steps' values it moves.

    Sums and differences are linear mod 10, so if the digit plus one moves nothing, no digit does.
    """
    answer, reached = False, set()
    stating = [read.word for read in walk.steps[step].reads if is_stating(walk, step, read)]
    if not stating:
        return False, frozenset()
    plain = follow(world, steps, anew_after=step)
    for word in stating:
        new = str((int(walk.steps[step].words[word]) + 1) % 10)
        other = follow(world, steps, edit=(step, word, new), anew_after=step)
        answer = answer or (other.answer != plain.answer)
        reached |= {
            later
            for later in range(step + 1, len(steps))
            if other.steps[later].words != plain.steps[later].words
        }
    return answer, frozenset(reached)


def parse(question: str, chain_steps: Sequence[str]) -> tuple[StepFact, ...]:
    """Say what each step is, states and reads; any text is accepted.

    Args:
        question: A question of this task.
        chain_steps: The chain cut at its ` .` words.

    Raises:
        ValueError: The question is not of this task.
    """
    world = read_question(question)
    walk = follow(world, chain_steps)
    facts = []
    for index, step in enumerate(walk.steps):
        statements = tuple(
            (read.word, read.states, int(step.words[read.word]))
            for read in step.reads
            if read.states
        )
        last = statements[-1] if statements else (None, None, None)
        depends = {source for read in step.reads for source, _ in read.sources}
        facts.append(
            StepFact(
                kind=walk.kinds[index],
                states=last[1],
                value=last[2],
                value_word=last[0],
                operands=tuple(
                    (read.word, read.name) for read in step.reads if read.name and read.sources
                ),
                depends=tuple(sorted(depends)),
                feeds_answer=_moves(world, chain_steps, walk, index)[0],
                valid=_valid(world, form(chain_steps[index]), step),
                statements=statements,
                correct=all(world.values.get(name) == value for _, name, value in statements),
            )
        )
    return tuple(facts)


def _valid(world: QuestionGraph, shape: Form, step: Settled) -> bool:
    if shape.body == "other":
        return bool(step.words) and set(step.words) <= {FILLER, END}
    if shape.body == "define":
        known = world.defined.get(shape.name or "")
        return known == tuple(step.words[shape.start + 1 : -1])
    return all(read.expected == step.words[read.word] for read in step.reads)


def graph(question: str, chain_steps: Sequence[str], *, reading: LaterText = "kept") -> StepGraph:
    """Build the step graph under one of the two readings.

    Args:
        question: A question of this task.
        chain_steps: The chain's steps.
        reading: `kept`: direct reads; `regenerated`: everything an edit moves, at any distance.
    """
    world = read_question(question)
    walk = follow(world, chain_steps)
    stating = frozenset(
        index
        for index, step in enumerate(walk.steps)
        if any(read.states is not None for read in step.reads)
    )
    if reading == "kept":
        edges = {
            (source, target)
            for target, step in enumerate(walk.steps)
            for read in step.reads
            for source, _ in read.sources
        }
        return StepGraph(stating, frozenset(edges), frozenset(walk.answer_sources))
    answer, edges = set(), set()
    for index in range(len(walk.steps)):
        moved, reached = _moves(world, chain_steps, walk, index)
        edges |= {(index, later) for later in reached}
        if moved:
            answer.add(index)
    return StepGraph(stating, frozenset(edges), frozenset(answer))


def with_exact_kinds(trace: Trace) -> Trace:
    """The trace with its chain steps' kinds parsed."""
    kinds = iter(follow(read_question(trace.problem.question), _texts(trace)).kinds)
    steps = tuple(
        replace(step, kind=next(kinds)) if step.phase is Phase.CHAIN else step
        for step in trace.steps
    )
    return replace(trace, steps=steps)


def step_graph(trace: Trace) -> StepGraph:
    """The graph of a trace's chain, later text kept."""
    return graph(trace.problem.question, _texts(trace))


def first_right_step(trace: Trace) -> int | None:
    """The first step that states the queried name with the right answer; None for queries of two names."""
    query = read_question(trace.problem.question).query
    for index, fact in enumerate(parse(trace.problem.question, _texts(trace))):
        for _, name, value in fact.statements:
            if query == (name,) and str(value) == trace.problem.answer:
                return index
    return None


def _texts(trace: Trace) -> list[str]:
    return [step.text.strip() for step in trace.chain_steps]


def check_steps(trace: Trace) -> tuple[StepCheck, ...]:
    """Whether each step is well formed and says what the semantics expect from the text before it.

    A step that computes with a name whose value nobody stated is not grounded. Nothing is known of the steps of another language's question.
    """
    texts = _texts(trace)
    try:
        world = read_question(trace.problem.question)
    except ValueError:
        return (StepCheck(),) * len(texts)
    steps = follow(world, texts).steps
    said = [{r.states: step.words[r.word] for r in step.reads if r.states} for step in steps]
    return tuple(
        StepCheck(
            valid=_valid(world, form(text), step),
            grounded=all(read.expected is not None for read in step.reads) if step.reads else None,
            coherent=agrees,
        )
        for text, step, agrees in zip(texts, steps, agreements(said), strict=True)
    )


def leads_to(trace: Trace) -> str | None:
    """The answer to which the values of a chain lead; None when it is no chain of the task, or never states a queried name."""
    try:
        world = read_question(trace.problem.question)
        return follow(world, [step.text.strip() for step in trace.chain_steps]).answer
    except ValueError:
        return None


def is_correct_thought(trace: Trace, span: Span) -> bool:
    """Whether the whole steps of a token span state a value, and no wrong one."""
    values = read_question(trace.problem.question).values
    stated = [
        (name, result or first)
        for step in trace.chain_steps
        if step.tokens.start >= span.start and step.tokens.stop <= span.stop
        if step.kind is not StepKind.EXPLORATION
        for name, first, result in _STATED.findall(step.text)
    ]
    return bool(stated) and all(str(values.get(name)) == value for name, value in stated)
