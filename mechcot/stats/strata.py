"""The contrast per stratum (difficulty, in- or out-of-distribution): same rules, own gates, one Holm family.

The family is all judgeable rows of all strata together: looking at five strata is five looks. Strata are
small, so many rows will read "not judged" or "inconclusive"; a stratum that is significant while another is not
does not show that the two differ.
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from mechcot.core.card import MeasureCard
from mechcot.stats.bootstrap import RESAMPLES
from mechcot.stats.contrast import COLUMNS, judge, measured
from mechcot.stats.gate import Gate, GateBounds
from mechcot.stats.gates import gates


def by_stratum(
    readings: pd.DataFrame,
    scalars: pd.DataFrame,
    cards: Sequence[MeasureCard],
    *,
    strata: Mapping[str, str],
    before: str,
    after: str,
    author: str | None,
    seed: int = 0,
    bounds: GateBounds | None = None,
    resamples: int = RESAMPLES,
) -> pd.DataFrame:
    """`contrast` for each stratum; items without a stratum are left out.

    Args:
        readings: Tidy readings table.
        scalars: Tidy scalars table.
        cards: Measures to compare.
        strata: Stratum of each item.
        before: Reader of the first side.
        after: Reader of the second side.
        author: Who wrote the chains; None for each model's own.
        seed: Seed of the study.
        bounds: Gate bounds; the defaults when None.
        resamples: Number of resamples.

    Returns:
        Column `stratum` and the columns of `contrast`, strata sorted by name.
    """
    parts: list[pd.DataFrame] = []
    held: list[Sequence[Gate]] = []
    for stratum in sorted(set(strata.values())):
        items = sorted(item for item, name in strata.items() if name == stratum)
        side = {"before": before, "after": after, "author": author, "items": items}
        part = measured(readings, cards, seed=seed, resamples=resamples, **side)
        found = gates(readings, scalars, cards, bounds=bounds, **side)
        parts.append(part.assign(stratum=stratum))
        held += [found] * len(part)
    if not parts:
        return pd.DataFrame(columns=["stratum", *COLUMNS])
    return judge(pd.concat(parts, ignore_index=True), gates=held)[["stratum", *COLUMNS]]
