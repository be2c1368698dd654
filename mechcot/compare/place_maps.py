"""A measure over layers and steps of two models: means by layer and place in the chain, as a result."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from mechcot.compare.report_figures import WHOLE, patched_chain, place_frame
from mechcot.core.card import MeasureCard
from mechcot.core.display import Displayed
from mechcot.core.errors import UserError
from mechcot.core.measurement import Measurement
from mechcot.core.pair import Pair
from mechcot.view.pages.numbered_figures import PLACE_MAP_AXES

if TYPE_CHECKING:
    import plotly.graph_objects as go


@dataclass(frozen=True, eq=False, repr=False)
class PlaceMaps(Displayed):
    """A measure by layer and place in the chain, mean over the traces that both models have it of.

    Attributes:
        names: The models.
        card: The measure's.
        table: What `place_frame` gives for every readout.
    """

    names: Pair[str]
    card: MeasureCard
    table: pd.DataFrame

    def __repr__(self) -> str:
        whole = self.table[self.table["place"] == WHOLE]
        head = (
            f"{self.card.title}, {self.names.before} → {self.names.after}, n = {whole['items'].max()} traces; "
            f"mean over the chain by layer from 0, {self.card.unit}"
        )
        lines = [head]
        for readout, rows in whole.groupby("readout", sort=False):
            for side, name in zip(("before", "after"), self.names, strict=True):
                effects = ", ".join(f"{value:.2f}" for value in rows[side])
                lines.append(f"  {readout}, {name}: {effects}")
        return "\n".join(lines)

    def to_frame(self) -> pd.DataFrame:
        """One row per `readout`, `layer` and `place` in the chain: means `before` and `after`, and the `items` that have a value there."""
        return self.table[self.table["place"] != WHOLE].reset_index(drop=True)

    def plot(self) -> "go.Figure":
        """Layer x place, before, after and the difference, one row a readout."""
        from mechcot.view.figures.place_map import place_map

        before, after = self.names
        return place_map(self.to_frame(), self.card, before=before, after=after)


def place_maps(
    names: Pair[str],
    card: MeasureCard,
    measurements: Pair[list[Measurement]],
    steps: Sequence[int],
) -> PlaceMaps:
    """Average a measure over the traces that both models have it of.

    Args:
        names: The models.
        card: The measure's.
        measurements: Of every trace by each model, in one order.
        steps: Steps of each trace's chain.

    Raises:
        UserError: No trace was measured in both models, or they differ in depth.
    """
    together = list(zip(*measurements, steps, strict=True))
    frames = []
    for array in (array for array in card.arrays if array.figure and array.axes == PLACE_MAP_AXES):
        both = [
            [patched_chain(one.results[array.name], n) for one in side]
            for *side, n in together
            if all(array.name in one.results for one in side)
        ]
        if len({one.values.shape[0] for side in both for one in side}) > 1:
            raise UserError(
                "the two models differ in depth, so their layers cannot stand side by side; measure each alone"
            )
        if both:
            frames.append(place_frame(array.figure, *zip(*both, strict=True)))
    if not frames:
        reasons = sorted({one.reason for side in measurements for one in side if one.reason})
        raise UserError(
            f"no trace has {card.name} in both models ({'; '.join(reasons) or 'no traces'}); give traces whose chains state values that can be changed"
        )
    return PlaceMaps(names, card, pd.concat(frames, ignore_index=True))
