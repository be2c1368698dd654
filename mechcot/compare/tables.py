"""The tidy tables of a run: measurements, their scalars, nulls, and what could not be judged."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from mechcot.compare.abstention import Abstention
from mechcot.compare.chain_validity import ChainValidity
from mechcot.core.card import MeasureCard
from mechcot.core.measurement import Measurement
from mechcot.core.trace import Trace
from mechcot.measures.registry import MEASURES
from mechcot.stats.measurement_tables import measurements_table, scalars_table

Measurements = Mapping[tuple[str, str, str, str], Measurement]
"""Every measurement by (measure, author, reader, trace id)."""
COMMON_NULLS = ("identity", "noise", "null_random")
"""Scalars that are nulls of any measure; further yardsticks stand on the cards."""


@dataclass(frozen=True, eq=False)
class Tables:
    """The tidy tables of a run.

    Attributes:
        measurements: One row per measurement.
        scalars: One row per named scalar.
        all: The measurements themselves, by (measure, author, reader, trace).
        validity: Whether the chains are right, step by step.
        abstention: Who says that a question cannot be answered.
        agreement: How often further texts of a model give its answer; empty where none were drawn.
    """

    measurements: pd.DataFrame
    scalars: pd.DataFrame
    all: Measurements
    validity: ChainValidity = field(default_factory=ChainValidity)
    abstention: Abstention = field(default_factory=Abstention)
    agreement: pd.DataFrame = field(default_factory=lambda: scalars_table(()))

    @classmethod
    def of(cls, measurements: Sequence[Measurement], traces: Sequence[Trace]) -> "Tables":
        """Build them, and check the chains as they stand.

        Args:
            measurements: All that were taken.
            traces: The chains, each by its author, also of questions that cannot be answered.
        """
        by_key = {(r.measure, r.author, r.reader, r.trace): r for r in measurements}
        tables = measurements_table(measurements), scalars_table(measurements)
        known = [trace for trace in traces if trace.problem.answerable]
        return cls(*tables, by_key, ChainValidity.of(known), Abstention.of(traces))


def all_cards() -> Iterator[MeasureCard]:
    """The cards of all measures, in the order of tables."""
    return (measure.card for measure in MEASURES.values())


def nulls(tables: Tables, *, author: str | None) -> pd.DataFrame:
    """Every yardstick and identity edit, per measure and reader.

    Columns: `measure`, `name`, `reader`; `mean` over `n` items and `largest` (of the absolute values) of the yardstick;
    `own`, the mean over items of the measure itself. On own chains each reader's own, and any of a reader that wrote none.
    """
    rows = _theirs(tables.scalars, author)
    further = {(card.name, name) for card in all_cards() for name, _ in card.yardsticks}
    keyed = zip(rows["measure"], rows["name"], strict=True)
    shown = [key in further or key[1] in COMMON_NULLS for key in keyed]
    rows = rows[np.array(shown, dtype=bool)]
    keys = ["measure", "name", "reader"]
    by_item = rows.groupby([*keys, "item"], sort=True)["value"].mean().groupby(keys)
    largest = rows["value"].abs().groupby([rows[key] for key in keys]).max()
    found = pd.DataFrame({"mean": by_item.mean(), "largest": largest, "n": by_item.count()})
    own = (
        _theirs(tables.measurements, author).groupby(["measure", "reader", "item"])["value"].mean()
    )
    own = own.groupby(["measure", "reader"]).mean().rename("own")
    return found.reset_index().join(own, on=["measure", "reader"])


def _theirs(table: pd.DataFrame, author: str | None) -> pd.DataFrame:
    """Finite values on one author's chains; for None on each reader's own, and on any of a reader that wrote none."""
    mine = table["author"] == (table["reader"] if author is None else author)
    if author is None:
        mine |= ~table["reader"].isin(table["author"])
    return table[mine & np.isfinite(table["value"].astype(float))]


def not_judged(tables: Tables) -> pd.DataFrame:
    """Measurements without a value, counted by measure, reader, author and reason."""
    rows = tables.measurements[tables.measurements["reason"] != ""]
    keys = ["measure", "reader", "author", "reason"]
    return rows.groupby(keys, sort=True).size().rename("count").reset_index()
