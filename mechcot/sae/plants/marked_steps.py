"""Marked steps, where a planted feature stands: what marks a step, and the tokens that then carry the direction.

A step is marked by what it means (`MARKS`): no word stands in all marked steps and in no other. The negative control marks a word
(`WORD_MARK`).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from random import Random

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from mechcot.core.trace import Phase, StepKind, Trace
from mechcot.model.reasoner import Reasoner
from mechcot.organisms.chain_writer import compose
from mechcot.organisms.ground_truth import StepFact, parse
from mechcot.organisms.problems import problems, read_question
from mechcot.organisms.unused_steps import as_completion
from mechcot.organisms.vocabulary import ID

MARKED, PLAIN = StepKind.CONCLUSION, StepKind.OTHER


@lru_cache(maxsize=4096)
def _parsed(question: str, steps: tuple[str, ...]) -> tuple[StepFact, ...]:
    return parse(question, steps)


def facts(trace: Trace) -> tuple[StepFact, ...]:
    """What is known of each chain step of a trace of the organisms' task."""
    return _parsed(trace.problem.question, tuple(s.text.strip() for s in trace.chain_steps))


def _queried(trace: Trace, known: Sequence[StepFact], step: int) -> bool:
    return known[step].states in read_question(trace.problem.question).query


def _restated(trace: Trace, known: Sequence[StepFact], step: int) -> bool:  # noqa: ARG001
    earlier = {name for fact in known[:step] for _, name, _ in fact.statements}
    return known[step].states in earlier


def _second(trace: Trace, known: Sequence[StepFact], step: int) -> bool:
    spine = read_question(trace.problem.question).spine
    return len(spine) > 2 and known[step].states in spine[1:3]


MARKS: dict[str, Callable[[Trace, Sequence[StepFact], int], bool]] = {
    "queried": _queried,
    "restated": _restated,
    "early": _second,
}
"""What marks a step that states a value: its name is asked for; it was stated before; it is the first or second computed one."""

WORD_MARK, WORD = "seven", "7"
"""The negative control: the direction stands at every `7` of any text, so it is a word feature that the trials must refuse."""


def writer_chains(reader: Reasoner, n: int, *, seed: int) -> list[Trace]:
    """Chains of the organisms' writer, read by a model; no model writes, so all read the same."""
    asked = problems(n, seed=seed, style="random", hint="random", hops=(2, 4))
    drafts = [compose(read_question(p.question), rng=Random(f"{seed} {p.id}")) for p in asked]
    return [
        reader.read(as_completion(p, draft), trace_id=f"{p.id}/writer")
        for p, draft in zip(asked, drafts, strict=True)
    ]


def _is_marked(trace: Trace, known: Sequence[StepFact], step: int, mark: str) -> bool:
    if mark == WORD_MARK:
        return WORD in trace.chain_steps[step].text.split()
    return known[step].value_word is not None and MARKS[mark](trace, known, step)


def marked(trace: Trace, mark: str) -> Trace:
    """The trace with marked steps labelled `conclusion` and all other chain steps `other`."""
    known = facts(trace)
    kinds = [MARKED if _is_marked(trace, known, n, mark) else PLAIN for n in range(len(known))]
    steps = tuple(
        replace(step, kind=kinds[step.index]) if step.phase is Phase.CHAIN else step
        for step in trace.steps
    )
    return replace(trace, steps=steps)


def places(trace: Trace, mark: str) -> Bool[Tensor, " token"]:
    """Tokens that carry the direction: from the value of a marked step to the step's end; for `WORD_MARK` the word."""
    if mark == WORD_MARK:
        return words_at(trace.ids, trace.prompt_length)
    at = torch.zeros(len(trace), dtype=torch.bool)
    for fact, step in zip(facts(trace), marked(trace, mark).chain_steps, strict=True):
        if step.kind is MARKED and fact.value_word is not None:
            at[step.tokens.start + fact.value_word : step.tokens.stop] = True
    return at


def words_at(ids: Sequence[int], start: int) -> Bool[Tensor, " token"]:
    """Return where `WORD` stands behind the prompt."""
    at = torch.tensor(ids) == ID[WORD]
    at[:start] = False
    return at


def ends(at: Bool[Tensor, " token"]) -> Int[Tensor, " end"]:
    """Last token of every run of places: where the behaviour shows."""
    following = torch.cat([at[1:], at.new_zeros(1)])
    return (at & ~following).nonzero().flatten()
