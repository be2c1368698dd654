"""The contrast per stratum (difficulty, in- or out-of-distribution): same rules, own gates, one Holm family.

The family is all judgeable rows of all strata together: looking at five strata is five looks. Strata are
small, so many rows will read "not judged" or "inconclusive"; a stratum that is significant while another is not
does not show that the two differ. The chance level, too, is the stratum's own: hard problems may have other answers than
easy ones. On own chains only items of matched length are compared, as everywhere.
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from mechcot.core.card import MeasureCard
from mechcot.stats.contrast import CONTRAST_COLUMNS, judge, measured
from mechcot.stats.gate_bounds import Gate, GateBounds
from mechcot.stats.gates import gates, matching


def by_stratum(
    measurements: pd.DataFrame,
    scalars: pd.DataFrame,
    cards: Sequence[MeasureCard],
    *,
    strata: Mapping[str, str],
    before: str,
    after: str,
    author: str | None,
    seed: int = 0,
    bounds: GateBounds | None = None,
    answers: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """`contrast` for each stratum; items without a stratum are left out.

    Args:
        measurements: Tidy measurements table.
        scalars: Tidy scalars table.
        cards: Measures to compare.
        strata: Stratum of each item.
        before: Reader of the first side.
        after: Reader of the second side.
        author: Who wrote the chains; None for each model's own.
        seed: Seed of the study.
        bounds: Gate bounds; the defaults when None.
        answers: Reference answer of each item, for the chance level of each stratum.

    Returns:
        Column `stratum` and the columns of `contrast`, strata sorted by name.
    """
    bounds = bounds or GateBounds()
    pair = {"before": before, "after": after, "author": author}
    parts: list[pd.DataFrame] = []
    gates_of_rows: list[Sequence[Gate]] = []
    for stratum in sorted(set(strata.values())):
        items = sorted(item for item, name in strata.items() if name == stratum)
        here = scalars[scalars["item"].isin(items)]
        matched = matching(here, before, after, bounds=bounds) if author is None else None
        kept = items if matched is None else matched.items
        part = measured(measurements, cards, items=kept, seed=seed, **pair)
        opened = gates(
            measurements,
            here,
            cards,
            bounds=bounds,
            answers=answers,
            items=kept,
            matched=matched,
            **pair,
        )
        parts.append(part.assign(stratum=stratum))
        gates_of_rows += [opened] * len(part)
    if not parts:
        return pd.DataFrame(columns=["stratum", *CONTRAST_COLUMNS])
    return judge(pd.concat(parts, ignore_index=True), gates=gates_of_rows)[
        ["stratum", *CONTRAST_COLUMNS]
    ]
