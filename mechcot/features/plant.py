"""Plant a direction and find it again: the pipeline on a feature that is known to be there.

A copy of a model is tuned for a moment so that, at one site, its states along a random unit vector u are A from the value
of a *marked* step to the step's end and 0 at every other token, and that it then wants to say `hmm` after the step.
Whether a step is marked depends on what it means (`MARKS`): no word stands in all marked steps and in no other. With u erased at the
site the copy must speak like the model it came from, so the behaviour runs through u:

    loss = place + CE(`hmm` at the end of marked steps) + KL(model || copy elsewhere) + KL(model || copy, u erased)

Finding knows nothing of u: a dictionary is trained on both models' states, the features that are most selective for
marked steps are tried (falsify.py), and what survives is said to be found. A find is right when
its decoder's cosine with u is at least 0.9.
"""

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mechcot.core.trace import Phase, StepKind, Trace
from mechcot.features.chains import facts
from mechcot.model.edits import Erase, Intervention
from mechcot.model.reasoner import Reasoner
from mechcot.model.sites import Site
from mechcot.organisms.chains import as_completion
from mechcot.organisms.grammar import FILLER
from mechcot.organisms.task import problems, read_question
from mechcot.organisms.truth import StepFact
from mechcot.organisms.vocabulary import ID
from mechcot.organisms.writer import compose

SITE = Site("resid_post", 2)
MARKED, PLAIN = StepKind.CONCLUSION, StepKind.OTHER


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


@dataclass(frozen=True)
class Plant:
    """What is planted.

    Attributes:
        mark: Name of a rule in `MARKS`.
        site: Where.
        seed: Of the direction and of the training.
        size: A, in units of the states' mean norm.
        steps: Optimiser steps.
        batch: Chains in a step.
        rate: Learning rate.
    """

    mark: str = "queried"
    site: Site = SITE
    seed: int = 0
    size: float = 0.5
    steps: int = 160
    batch: int = 8
    rate: float = 1e-3

    def direction(self, d_model: int) -> Float[Tensor, " d_model"]:
        """The unit vector."""
        draw = torch.Generator().manual_seed(self.seed)
        return torch.nn.functional.normalize(torch.randn(d_model, generator=draw), dim=0)


def written(reader: Reasoner, n: int, *, seed: int) -> list[Trace]:
    """Chains of the organisms' writer, read by a model; no model writes, so all read the same."""
    asked = problems(n, seed=seed, style="random", cue="random", hops=(2, 4))
    drafts = [compose(read_question(p.question), rng=Random(f"{seed} {p.id}")) for p in asked]
    return [
        reader.read(as_completion(p, draft), trace_id=f"{p.id}/writer")
        for p, draft in zip(asked, drafts, strict=True)
    ]


def marked(trace: Trace, mark: str) -> Trace:
    """The trace with marked steps labelled `conclusion` and all other chain steps `other`."""
    known = facts(trace) or ()
    kinds = [
        MARKED if fact.value_word is not None and MARKS[mark](trace, known, n) else PLAIN
        for n, fact in enumerate(known)
    ]
    steps = tuple(
        replace(step, kind=kinds[step.index]) if step.phase is Phase.CHAIN else step
        for step in trace.steps
    )
    return replace(trace, steps=steps)


def places(trace: Trace, mark: str) -> Bool[Tensor, " token"]:
    """Tokens that carry the direction: from the value of a marked step to the step's end."""
    at = torch.zeros(len(trace), dtype=torch.bool)
    for fact, step in zip(facts(trace) or (), marked(trace, mark).chain_steps, strict=True):
        if step.kind is MARKED and fact.value_word is not None:
            at[step.tokens.start + fact.value_word : step.tokens.stop] = True
    return at


def ends(at: Bool[Tensor, " token"]) -> Int[Tensor, " end"]:
    """Last token of every run of places: where the behaviour shows."""
    following = torch.cat([at[1:], at.new_zeros(1)])
    return (at & ~following).nonzero().flatten()


def plant(base: Reasoner, traces: Sequence[Trace], spec: Plant) -> Reasoner:
    """Tune a copy of a model; the model itself is not touched. Cost: two forwards with gradients a step, one without.

    Args:
        base: A Llama organism.
        traces: Chains to tune on.
        spec: What to plant.
    """
    model = copy.deepcopy(base.model).requires_grad_(requires_grad=True).train()
    u = spec.direction(model.config.hidden_size)
    optimiser = torch.optim.AdamW(model.parameters(), lr=spec.rate, weight_decay=0.0)
    rng = Random(f"plant {spec.seed} {spec.mark}")
    norms = [base.states(t.ids, [spec.site])[spec.site].norm(dim=-1).mean() for t in traces[:8]]
    size = spec.size * float(torch.stack(norms).mean())
    at = {trace.id: places(trace, spec.mark) for trace in traces}
    for step in range(spec.steps):
        rate = spec.rate * min(1.0, (step + 1) / 10, 2 * (1 - step / spec.steps))
        for group in optimiser.param_groups:
            group["lr"] = rate
        batch = rng.sample(list(traces), min(spec.batch, len(traces)))
        loss = _loss(base.model, model, batch, [at[t.id] for t in batch], spec, u, size)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
    return Reasoner.of(
        model, base.tokenizer, name=f"plant-{spec.mark}@{spec.seed}", policy=base.policy
    )


def _loss(
    old: Any,
    model: Any,
    batch: Sequence[Trace],
    at: Sequence[Tensor],
    spec: Plant,
    u: Tensor,
    size: float,
) -> Tensor:
    ids = torch.nn.utils.rnn.pad_sequence([torch.tensor(t.ids) for t in batch], batch_first=True)
    carries = torch.nn.utils.rnn.pad_sequence(list(at), batch_first=True)
    real = torch.nn.utils.rnn.pad_sequence(
        [torch.ones(len(t), dtype=torch.bool) for t in batch], batch_first=True
    )
    last = torch.zeros_like(real)
    for row, each in enumerate(at):
        last[row, ends(each)] = True
    with torch.no_grad():
        before = old(input_ids=ids).logits.log_softmax(dim=-1)
    with _watching(model, spec.site, erase=None) as seen:
        after = model(input_ids=ids).logits.log_softmax(dim=-1)
    with _watching(model, spec.site, erase=u):
        erased = model(input_ids=ids).logits.log_softmax(dim=-1)
    along = seen[0] @ u / size
    place = (along - carries.float()).square()
    speak = -after[last][:, ID[FILLER]].mean()
    return (
        place[carries].mean()
        + place[real & ~carries].mean()
        + speak
        + 2 * _kl(before, after)[real & ~last].mean()
        + 2 * _kl(before, erased)[real].mean()
        + 2 * _kl(before, erased)[last].mean()
    )


def _kl(before: Tensor, after: Tensor) -> Float[Tensor, "batch token"]:
    return (before.exp() * (before - after)).sum(dim=-1)


@contextmanager
def _watching(model: Any, site: Site, *, erase: Tensor | None) -> Iterator[list[Tensor]]:
    """Catch what block `site.layer` puts out, with gradients; erase a direction there when one is given."""
    seen: list[Tensor] = []

    def hook(_module: Any, _args: Any, output: Any) -> Any:
        states = output[0] if isinstance(output, tuple) else output
        seen.append(states)
        if erase is None:
            return None
        states = states - (states @ erase).unsqueeze(-1) * erase
        return (states, *output[1:]) if isinstance(output, tuple) else states

    handle = model.model.layers[site.layer].register_forward_hook(hook)
    try:
        yield seen
    finally:
        handle.remove()


def behaviour(reader: Reasoner, traces: Sequence[Trace], spec: Plant) -> dict[str, float]:
    """Mean probability of `hmm` at the end of marked steps and of other steps, and of marked ones with u erased."""
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
