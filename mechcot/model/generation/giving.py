"""What a writer is given under a guide, and where; see `mechcot.model.generation.guided`."""

import math
from dataclasses import dataclass, field
from typing import Literal

from jaxtyping import Float
from torch import Tensor

from mechcot.model.internals.sites import Site


@dataclass(frozen=True, eq=False)
class GivenVectors:
    """Vectors of which one is added where something is given.

    Attributes:
        site: Where in the network.
        vectors: One a category, scaled.
        centres: Difference of states (guide less writer) that stands for each category; the nearest one is taken.
        pick: `random`: any category, whatever the states are.
    """

    site: Site
    vectors: Float[Tensor, "category d_model"]
    centres: Float[Tensor, "category d_model"]
    pick: Literal["nearest", "random"] = "nearest"


@dataclass(frozen=True, eq=False)
class Giving:
    """What is given, and where.

    Attributes:
        vectors: None: the guide's token.
        places: `disagreements`, positions that are `listed` for each text, or `everywhere`.
        threshold: Nats by which the guide must prefer its token, at a disagreement.
        budget: Largest share of the positions, at disagreements.
        until_answer: Only at `told_positions`, which is read in the text when it is written: one that was given something later is written again without that.
    """

    vectors: GivenVectors | None = None
    places: Literal["disagreements", "listed", "everywhere"] = "disagreements"
    threshold: float = 0.0
    budget: float = 1.0
    until_answer: bool = False


@dataclass
class GivenRow:
    """What one text was given.

    Attributes:
        positions: How many next tokens were chosen, that of the end among them.
        given: At which of them something was given, from 0.
        bits: What each choice says, beside its position.
        disagreed: At how many the models disagreed.
    """

    positions: int = 0
    given: list[int] = field(default_factory=list)
    bits: list[float] = field(default_factory=list)
    disagreed: int = 0

    @property
    def position_bits(self) -> float:
        """Bits that say which positions of the text were given something."""
        n, m = self.positions, len(self.given)
        logs = math.lgamma(n + 1) - math.lgamma(m + 1) - math.lgamma(n - m + 1)
        return logs / math.log(2) if 0 < m < n else 0.0
