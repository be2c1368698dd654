"""A planted feature, its place, and a copy's use of it. Training: planting.py; the search: finding.py.

A unit vector u stands at the states of one site from the value of a *marked* step to the step's end, and makes the copy say
`hmm` there.
Whether a step is marked depends on what it means (`MARKS`): no word stands in all marked steps and in no other. With u erased
at the site the copy speaks like the model it came from, so the behaviour runs through u.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mechcot.core.pair import Pair
from mechcot.core.trace import Phase, StepKind, Trace
from mechcot.model.internals.sites import Site
from mechcot.model.interventions import Erase, Intervention
from mechcot.model.reasoner import Reasoner
from mechcot.organisms.chain_writer import compose
from mechcot.organisms.grammar import FILLER
from mechcot.organisms.ground_truth import StepFact, parse
from mechcot.organisms.problems import problems, read_question
from mechcot.organisms.unused_steps import as_completion
from mechcot.organisms.vocabulary import ID

SITE = Site("resid_post", 2)
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


@dataclass(frozen=True)
class Plant:
    """A planted feature.

    Attributes:
        mark: Name of a rule in `MARKS`.
        site: Where; behind it there must be a block to read it.
        blocks: How many blocks write, the last of them the site's.
        seed: Of the direction and of the training.
        size: A, in units of the states' mean norm.
        steps: Optimiser steps of writing.
        reading: Optimiser steps of reading.
        batch: Texts in a step.
        rate: Learning rate.
    """

    mark: str = "queried"
    site: Site = SITE
    blocks: int = 1
    seed: int = 0
    size: float = 1.0
    steps: int = 800
    reading: int = 100
    batch: int = 12
    rate: float = 2e-3

    def direction(self, d_model: int) -> Float[Tensor, " d_model"]:
        """The unit vector."""
        draw = torch.Generator().manual_seed(self.seed)
        return torch.nn.functional.normalize(torch.randn(d_model, generator=draw), dim=0)


def written(reader: Reasoner, n: int, *, seed: int) -> list[Trace]:
    """Chains of the organisms' writer, read by a model; no model writes, so all read the same.

    Args:
        reader: Whose tokens and segmenter are used.
        n: How many.
        seed: Of problems and chains.
    """
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


def behaviour(reader: Reasoner, traces: Sequence[Trace], spec: Plant) -> dict[str, float]:
    """Mean probability of `hmm` at the end of marked steps and of other steps, and of marked ones with u erased.

    Args:
        reader: The model, or its copy.
        traces: Chains of the organisms' task.
        spec: What was planted: direction, site and mark.

    Returns:
        `marked`, `other` and `erased`; NaN where there is no such place.
    """
    erase = Erase(spec.direction(reader.model.config.hidden_size))
    found: dict[str, list[float]] = {"marked": [], "other": [], "erased": []}
    for trace in traces:
        last = ends(places(trace, spec.mark)).tolist()
        others = sorted({step.tokens.stop - 1 for step in trace.chain_steps} - set(last))
        act = Intervention(spec.site, tuple(range(1, len(trace))), erase)
        plain, cut = reader.prefix(trace.ids), reader.prefix(trace.ids, under=[act])
        for name, run, at in (
            ("marked", plain, last),
            ("other", plain, others),
            ("erased", cut, last),
        ):
            found[name] += run.unembed(run.hidden[at])[:, ID[FILLER]].exp().tolist()
    return {k: sum(v) / len(v) if v else math.nan for k, v in found.items()}


def along(
    readers: Pair[Reasoner],
    rows: Sequence[tuple[Sequence[int], Tensor]],
    spec: Plant,
    *,
    size: float,
) -> dict[str, float]:
    """Return how clean a plant is: what the copy's states have more along u than the model's on the same texts, in units of A.

    Args:
        readers: The model and its copy.
        rows: Token ids, and where u should stand.
        spec: What was planted.
        size: A.

    Returns:
        `marked` mean, `other` root mean square, `cosine` of the mean change at marked tokens with u; NaN without such tokens.
    """
    u = spec.direction(readers.before.model.config.hidden_size)
    at = torch.cat([at[1:] for _, at in rows])
    before, after = readers.map(
        lambda reader: torch.cat(
            [reader.states(ids, [spec.site])[spec.site][1:] for ids, _ in rows]
        ).cpu()
    )
    change = after - before
    along_u = change @ u / size
    return {
        "marked": float(along_u[at].mean()),
        "other": float(along_u[~at].square().mean().sqrt()),
        "cosine": float(torch.cosine_similarity(change[at].mean(dim=0), u, dim=0)),
    }
