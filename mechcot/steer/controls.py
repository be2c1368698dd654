"""Vectors that should do nothing in particular, to hold the real one against at the same dose in nats."""

from dataclasses import replace

import numpy as np
import torch

from mechcot.core.errors import UserError
from mechcot.steer.vectors import SteeringVector

CONTROLS = ("random", "orthogonal", "flipped")


def control(vector: SteeringVector, kind: str, *, seed: int) -> SteeringVector:
    """Make a control of the same norm.

    Args:
        vector: The real one.
        kind: `random` (any direction), `orthogonal` (random, without the vector's own part), `flipped`.
        seed: Of the draw.

    Raises:
        UserError: No such control.
    """
    if kind not in CONTROLS:
        msg = f"expected a control out of {', '.join(CONTROLS)}, got {kind!r}"
        raise UserError(msg)
    if kind == "flipped":
        return -vector
    rng = np.random.default_rng([seed, CONTROLS.index(kind)])
    drawn = torch.from_numpy(rng.standard_normal(len(vector.direction))).float()
    if kind == "orthogonal":
        unit = vector.direction / vector.direction.norm()
        drawn -= (drawn @ unit) * unit
    drawn *= vector.norm / drawn.norm()
    origin = replace(
        vector.origin, method=f"{kind} control", split_half=float("nan"), cone=float("nan")
    )
    return SteeringVector(drawn, vector.site, origin)
