"""Vectors from contrasts: differences of pairs, or windows of one kind of step against everything else.

    pairs     r_i = state(positive_i) - state(negative_i) at the read positions, one row a pair
              mean difference   v = mean_i r_i                           (ASC, Azizi et al. 2025, arXiv 2507.04742)
              pca               first right singular vector of r, signed and sized like the mean
              probe             normal of a logistic regression between the two sides, sized like the mean
    spans     r_i = mean over windows [s-1, min(e-1, s+10)) of the kind's steps - mean over the chain, one row a trace
              v = mean_i r_i, sized like the mean state                    (Venhoff et al. 2025, arXiv 2506.18167)

Every trace weighs the same in a span vector (the paper weighs windows), so that items can be resampled.

A mean difference that is no longer than what rounding alone leaves is refused (`noise`): scaled to a dose it would be a random direction.
"""

import math
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mechcot.core.errors import UserError
from mechcot.core.problem import Problem
from mechcot.core.task import ContrastPair
from mechcot.core.trace import Phase, StepKind, Trace
from mechcot.core.wording import count_of
from mechcot.model.generation.write_traces import prompt_ids
from mechcot.model.internals.sites import Site
from mechcot.model.reasoner import Reasoner
from mechcot.steering.vectors import Origin, SteeringVector

Method = Literal["mean difference", "pca", "probe"]
ReadPosition = Literal["last_prompt", "prompt", "last_chain", "chain"]
Make = Callable[[Float[Tensor, "item d_model"]], Float[Tensor, " d_model"]]
WINDOW = 10
_RESAMPLES = 60
FEWEST_PAIRS = 4


def pair_vectors(
    reasoner: Reasoner,
    pairs: Sequence[ContrastPair],
    *,
    sites: Sequence[Site],
    read: ReadPosition = "last_prompt",
    method: Method = "mean difference",
    seed: int = 0,
) -> dict[Site, SteeringVector]:
    """Make one vector a site. Cost: two forwards a pair.

    Args:
        reasoner: The model.
        pairs: The contrasts.
        sites: Where to read.
        read: Last token or mean of the prompt, or of the chain (then the sides must be traces).
        method: See the module's text.
        seed: Of halves and bootstrap.

    Raises:
        UserError: No pairs, a chain is read from a problem, a site that the model does not have, or the sides do not differ.
    """
    if not pairs:
        raise UserError(
            "expected at least one pair, got an empty list; give pairs of two texts of one question"
        )
    sides = [[_read(reasoner, s, sites, read) for s in (p.positive, p.negative)] for p in pairs]
    items = tuple(pair.item for pair in pairs)
    vectors = {}
    for site in sites:
        rows = torch.stack([torch.stack([side[site] for side in pair], dim=-2) for pair in sides])
        _check_finite(rows, reasoner, site)
        if not differs(rows, reasoner):
            raise UserError(_alike(reasoner, pairs, rows, site=site, read=read))
        make: Make = _MAKERS[method]
        vectors[site] = _vector(reasoner, rows, site, make, method, read, items, seed)
    return vectors


def span_vectors(
    reasoner: Reasoner,
    traces: Sequence[Trace],
    *,
    kind: StepKind,
    sites: Sequence[Site],
    seed: int = 0,
) -> dict[Site, SteeringVector]:
    """Make the direction of one kind of step at every site. Cost: one forward a trace.

    Traces without such a step are left out.

    Raises:
        UserError: No trace has a step of this kind, or the windows do not differ from their chains.
    """
    having = [t for t in traces if any(s.kind is kind and s.tokens for s in t.chain_steps)]
    if not having and all(s.kind is StepKind.OTHER for t in traces for s in t.chain_steps):
        raise UserError(
            f"every step of {count_of(len(traces), 'trace')} is of kind other: kinds are guessed from English words. Make the vector of pairs instead "
            "(two instructions, or a file of pairs), or read chains whose kinds are known"
        )
    if not having:
        raise UserError(
            f"none of {count_of(len(traces), 'trace')} has a step of kind {kind}; write more chains or choose another kind"
        )
    if all(step.kind is kind for trace in having for step in trace.chain_steps):
        raise UserError(
            f"every step of the {len(having)} traces that have a step of kind {kind} is of this kind, so there is nothing else to hold its windows "
            "against; choose another kind, or chains with steps of other kinds"
        )
    read = [_spans(reasoner, trace, kind, sites) for trace in having]
    items = tuple(trace.problem.id for trace in having)
    vectors = {}
    for site in sites:
        rows = torch.stack([states[site] for states in read])
        _check_finite(rows, reasoner, site)
        if not differs(rows, reasoner):
            raise UserError(
                f"the windows of kind {kind} do not differ from their chains in the states of {reasoner.name} at {site.name}; choose another site or "
                "kind, or write more chains"
            )
        vectors[site] = _vector(
            reasoner, rows, site, _sized_like_mean, "span", f"windows of {kind}", items, seed
        )
    return vectors


def differs(rows: Float[Tensor, "item two d_model"], reasoner: Reasoner) -> bool:
    """Return whether the mean difference of two sides is longer than rounding alone makes it."""
    return float(_mean(rows).norm()) > noise(rows, next(reasoner.model.parameters()).dtype)


def noise(rows: Float[Tensor, "item two d_model"], dtype: torch.dtype) -> float:
    """Length that rounding gives a mean difference: the sums are in float32, the states were rounded to the model's own type."""
    sums = 64 * torch.finfo(torch.float32).eps
    states = torch.finfo(dtype).eps / math.sqrt(len(rows))
    return max(sums, states) * float(rows.norm(dim=-1).mean())


def _check_finite(rows: Tensor, reasoner: Reasoner, site: Site) -> None:
    """Raise where states are not finite: no method can make a vector of them."""
    if not bool(torch.isfinite(rows).all()):
        raise UserError(
            f"{reasoner.name} gives states at {site.name} that are not finite; see what `mechcot doctor` says of the model, or take an earlier site"
        )


def _alike(
    reasoner: Reasoner,
    pairs: Sequence[ContrastPair],
    rows: Tensor,
    *,
    site: Site,
    read: ReadPosition,
) -> str:
    """Return why nothing differs between the sides of some pairs, and what to give instead."""
    sides = [[_text_and_tokens(reasoner, side) for side in (p.positive, p.negative)] for p in pairs]
    first = " and ".join(
        repr(_problem(s).question[:40]) for s in (pairs[0].positive, pairs[0].negative)
    )
    intro = f"the two sides of {count_of(len(pairs), 'pair')} for {reasoner.name} (read: {read} at {site.name}) do not differ: "
    advice = "give pairs of your own that differ in this model's tokens (--pairs FILE, JSON lines with id, positive, negative)"
    if all(positive == negative for (positive, _), (negative, _) in sides):
        return f"{intro}both sides are the same text, such as {first}; {advice}"
    if all(positive == negative for (_, positive), (_, negative) in sides):
        return (
            f"{intro}the prompts of both sides, such as {first}, come to the same tokens "
            f"(words that the tokenizer does not know, or a template that drops the question); {advice}"
        )
    if torch.equal(rows[:, 0], rows[:, 1]):
        return (
            f"{intro}what differs between the texts, such as {first}, has not reached the state that is read; "
            "read the whole prompt (--read prompt) or a later block (--site)"
        )
    length, floor = float(_mean(rows).norm()), noise(rows, next(reasoner.model.parameters()).dtype)
    return (
        f"{intro}their mean difference is {length:.2g} long, and rounding alone gives {floor:.2g} (the pairs cancel each other out); "
        "give pairs that differ in one direction (--pairs FILE), or more of them"
    )


def _text_and_tokens(reasoner: Reasoner, side: Problem | Trace) -> tuple[str, list[int]]:
    """Text and tokens of one side."""
    if isinstance(side, Trace):
        return side.problem.question + side.completion, list(side.ids)
    return side.question, prompt_ids(reasoner, side)


def windows(trace: Trace, kind: StepKind) -> list[range]:
    """Token ranges [s-1, min(e-1, s+10)) of the steps of a kind; empty ones are left out."""
    spans = [s.tokens for s in trace.chain_steps if s.kind is kind and s.tokens]
    ranges = [range(max(0, s.start - 1), min(s.stop - 1, s.start + WINDOW)) for s in spans]
    return [window for window in ranges if len(window)]


def stability(
    rows: Float[Tensor, "item *sides d_model"], make: Make, *, seed: int
) -> tuple[float, float]:
    """Split-half cosine and bootstrap cone (degrees) of a vector; NaN below `FEWEST_PAIRS` items."""
    n = len(rows)
    if n < FEWEST_PAIRS:
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    whole = make(rows)
    halves, angles = [], []
    for _ in range(_RESAMPLES // 5):
        order = rng.permutation(n)
        first, second = (
            make(rows[torch.from_numpy(o)]) for o in (order[: n // 2], order[n // 2 :])
        )
        halves.append(float(torch.cosine_similarity(first, second, dim=0)))
    for _ in range(_RESAMPLES):
        again = make(rows[torch.from_numpy(rng.integers(0, n, size=n))])
        cosine = float(torch.cosine_similarity(whole, again, dim=0))
        angles.append(float(np.degrees(np.arccos(np.clip(cosine, -1, 1)))))
    return float(np.mean(halves)), float(np.quantile(angles, 0.95))


def _vector(
    reasoner: Reasoner,
    rows: Tensor,
    site: Site,
    make: Make,
    method: str,
    read: str,
    items: tuple[str, ...],
    seed: int,
) -> SteeringVector:
    split_half, cone = stability(rows, make, seed=seed)
    origin = Origin(reasoner.name, reasoner.weights_hash, method, read, items, split_half, cone)
    return SteeringVector(make(rows), site, origin)


def _problem(side: Problem | Trace) -> Problem:
    return side.problem if isinstance(side, Trace) else side


def _read(
    reasoner: Reasoner, side: Problem | Trace, sites: Sequence[Site], read: ReadPosition
) -> dict[Site, Tensor]:
    if isinstance(side, Trace):
        ids, prompt = list(side.ids), side.prompt_length
        chain = side.phase(Phase.CHAIN)
    else:
        ids = prompt_ids(reasoner, side)
        prompt, chain = len(ids), None
    if read in {"last_prompt", "prompt"}:
        at = slice(prompt - 1, prompt) if read == "last_prompt" else slice(0, prompt)
        ids = ids[:prompt]
    elif chain is None or not chain:
        raise UserError(
            f"read {read!r} needs traces with a chain, got {_problem(side).id} without one; write the chains first"
        )
    else:
        at = slice(chain.stop - 1 if read == "last_chain" else chain.start, chain.stop)
        ids = ids[: chain.stop]
    states = reasoner.states(ids, sites)
    return {site: states[site][at].float().mean(dim=0).cpu() for site in sites}


def _spans(
    reasoner: Reasoner, trace: Trace, kind: StepKind, sites: Sequence[Site]
) -> dict[Site, Tensor]:
    """Per site two rows: mean over the kind's windows, mean over the chain."""
    chain = trace.phase(Phase.CHAIN)
    at = [position for window in windows(trace, kind) for position in window]
    states = reasoner.states(trace.ids[: chain.stop], sites)
    return {
        s: torch.stack(
            [states[s][at].float().mean(0), states[s][chain.start :].float().mean(0)]
        ).cpu()
        for s in sites
    }


def _mean(rows: Float[Tensor, "item two d_model"]) -> Float[Tensor, " d_model"]:
    return (rows[:, 0] - rows[:, 1]).mean(dim=0)


def _pca(rows: Float[Tensor, "item two d_model"]) -> Float[Tensor, " d_model"]:
    mean = _mean(rows)
    first = torch.linalg.svd(rows[:, 0] - rows[:, 1], full_matrices=False).Vh[0]
    sign = 1.0 if float(first @ mean) >= 0 else -1.0
    return sign * first * mean.norm()


def _probe(rows: Float[Tensor, "item two d_model"]) -> Float[Tensor, " d_model"]:
    from sklearn.linear_model import LogisticRegression

    x = rows.transpose(0, 1).flatten(0, 1).double().numpy()
    scale = x.std() or 1.0
    sides = np.repeat([1, 0], len(rows))
    normal = LogisticRegression(max_iter=1000).fit(x / scale, sides).coef_[0]
    direction = torch.from_numpy(normal).float()
    length = direction.norm()
    return direction * (_mean(rows).norm() / length) if float(length) else direction


def _sized_like_mean(rows: Float[Tensor, "item two d_model"]) -> Float[Tensor, " d_model"]:
    difference = _mean(rows)
    length = float(difference.norm())
    return difference * (rows[:, 1].mean(dim=0).norm() / length) if length else difference


_MAKERS: dict[str, Make] = {"mean difference": _mean, "pca": _pca, "probe": _probe}
