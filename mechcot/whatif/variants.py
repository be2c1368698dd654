"""The table of what was tried on one trace."""

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from mechcot.core.display import Displayed
from mechcot.core.wording import count_of
from mechcot.whatif.readout import BeforeAfter
from mechcot.whatif.variant import Variant


@dataclass(frozen=True, eq=False, repr=False)
class Variants(Displayed):
    """What was tried on one trace.

    Attributes:
        rows: The reading model, the variant, and what followed.
    """

    rows: tuple[tuple[str, Variant, BeforeAfter], ...]

    def __repr__(self) -> str:
        return f"{count_of(len(self.rows), 'variant')} read"

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row a variant and reader."""
        return pd.DataFrame(
            [
                {
                    "reader": reader,
                    "variant": variant.label,
                    "tokens": len(variant),
                    "answer_before": result.before.said,
                    "answer_after": result.after.said,
                    "predicted": variant.prediction.kept,
                    "p_before": result.before.probability,
                    "p_after": result.after.probability,
                    "p_predicted": result.after.predicted,
                    "moved": result.moved,
                    "noise": result.noise,
                    "effect": result.effect,
                }
                for reader, variant, result in self.rows
            ]
        )

    def to_frame(self) -> pd.DataFrame:
        """One row a variant and reader.

        `variant` (what was changed), `tokens`, the answers `answer_before` and `answer_after`, the `predicted` one, probability of the own
        answer before and after (`p_before`, `p_after`) and of the predicted one (`p_predicted`), `moved` (total variation of the answer),
        `noise`, and whether it is an `effect`.
        """
        return self.frame
