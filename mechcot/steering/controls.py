"""Vectors that should do nothing in particular, to compare the real one with at the same dose in nats.

    random            any direction
    orthogonal        random, without the vector's own part
    flipped           the other way round
    wrong layer       read at another layer, added at the vector's own site
    shuffled labels   made from the same texts with the labels mixed up: half of the pairs turned round, or the kinds of a
                      chain's steps permuted

All have the vector's length. Under a clamp they get as much as the feature itself would.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, get_args

import numpy as np
import torch

from mechcot.core.errors import UserError
from mechcot.core.task import ContrastPair
from mechcot.core.trace import Phase, Trace
from mechcot.model.internals.sites import Site
from mechcot.steering.vectors import SteeringVector

Control = Literal["random", "orthogonal", "flipped", "wrong layer", "shuffled labels"]
CONTROLS: tuple[Control, ...] = get_args(Control)
DRAWN = CONTROLS[:3]
"""Controls that need no text."""


def control(vector: SteeringVector, kind: str, *, seed: int) -> SteeringVector:
    """Make a control that needs no text.

    Args:
        vector: The real one.
        kind: `random`, `orthogonal` or `flipped`.
        seed: Of the draw.

    Raises:
        UserError: No such control, or a zero vector.
    """
    if kind not in DRAWN:
        raise UserError(f"expected a control out of {', '.join(DRAWN)}, got {kind!r}")
    if kind == "flipped":
        return -vector
    if not vector.norm:
        raise UserError(
            f"a {kind} control has the vector's length, and the vector at {vector.site.name} is zero; make another"
        )
    rng = np.random.default_rng([seed, DRAWN.index(kind)])
    drawn = torch.from_numpy(rng.standard_normal(len(vector.direction))).float()
    if kind == "orthogonal":
        unit = vector.direction / vector.direction.norm()
        drawn -= (drawn @ unit) * unit
    return _like(drawn, vector, kind)


def replaced(other: SteeringVector, vector: SteeringVector, kind: str) -> SteeringVector:
    """Another vector in place of the real one: at its site, of its length.

    Args:
        other: Where the direction comes from.
        vector: The real one; site, length, weights and gate are its.
        kind: Name of the control.

    Raises:
        UserError: The other vector is zero.
    """
    if not other.norm:
        raise UserError(
            f"the {kind} control of the vector at {vector.site.name} is zero; give more texts"
        )
    return _like(other.direction, vector, kind)


def other_layer(site: Site, n_layers: int) -> Site:
    """The layer that lies furthest from a site: the last one, or the first for sites of the upper half."""
    return replace(site, layer=n_layers - 1 if 2 * site.layer < n_layers else 0)


def shuffled_pairs(pairs: Sequence[ContrastPair], *, seed: int) -> list[ContrastPair]:
    """The pairs with half of them turned round (the smaller half of an odd number)."""
    turned = np.random.default_rng(seed).permutation(len(pairs))[: len(pairs) // 2]
    return [
        ContrastPair(pair.negative, pair.positive) if index in set(turned.tolist()) else pair
        for index, pair in enumerate(pairs)
    ]


def shuffled_kinds(traces: Sequence[Trace], *, seed: int) -> list[Trace]:
    """The traces with the kinds of each chain's steps permuted among them."""
    rng = np.random.default_rng(seed)
    shuffled = []
    for trace in traces:
        kinds = iter(rng.permutation([str(step.kind) for step in trace.chain_steps]).tolist())
        steps = tuple(
            replace(step, kind=type(step.kind)(next(kinds))) if step.phase is Phase.CHAIN else step
            for step in trace.steps
        )
        shuffled.append(replace(trace, steps=steps))
    return shuffled


def _like(direction: torch.Tensor, vector: SteeringVector, kind: str) -> SteeringVector:
    """A direction with the site, length and weights of the real vector."""
    origin = replace(
        vector.origin, method=f"{kind} control", split_half=float("nan"), cone=float("nan")
    )
    return SteeringVector(
        direction * (vector.norm / direction.norm()), vector.site, origin, vector.gate
    )
