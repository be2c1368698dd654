"""What a run of hybrids is given, checked."""

from dataclasses import dataclass
from typing import Literal

from mechcot.core.errors import UserError
from mechcot.model.internals.sites import Site

Give = Literal["tokens", "vectors"]


@dataclass(frozen=True)
class HybridSettings:
    """Settings of a run.

    Attributes:
        give: `tokens`, or `vectors` with tokens as the ceiling.
        budgets: Largest shares of the positions that are given something, rising.
        categories: How many vectors at most, of which the right one is told.
        sites: Where vectors are tried; empty: up to four blocks. The site that serves best on the fitting texts is taken.
        fit: Problems whose texts the vectors and thresholds are made from; none of them is asked.
        max_tokens: Longest text.
        batch: Problems that are written together, and lost together when a run is killed.
        seed: Of the draw of the problems, of random places and vectors, and of statistics.

    Raises:
        UserError: A value is not allowed.
    """

    give: Give = "vectors"
    budgets: tuple[float, ...] = (0.05, 0.1, 0.2)
    categories: int = 4
    sites: tuple[str, ...] = ()
    fit: int = 24
    max_tokens: int = 320
    batch: int = 32
    seed: int = 0

    def __post_init__(self) -> None:
        outside = [budget for budget in self.budgets if not 0 <= budget <= 1]
        if outside or not self.budgets:
            raise UserError(
                f"--budget: expected shares of the positions from 0 to 1, such as .05,.1,.2, got {outside[0] if outside else 'none'}"
            )
        for name, value in (("categories", self.categories), ("fit", self.fit)):
            if value < 1:
                raise UserError(f"--{name}: expected 1 or more, got {value}")
        for site in self.sites:
            Site.parse(site)
        object.__setattr__(self, "budgets", tuple(sorted(set(self.budgets))))
