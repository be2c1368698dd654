"""How far does it hold? Right answers, right chains and the use of the chain, against the distance of a shift, for every model."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol

import pandas as pd

from mechcot.compare.chain_validity import ChainValidity
from mechcot.core.card import MeasureCard
from mechcot.core.problem import Problem
from mechcot.stats.accuracy_change import OWN_ACCURACY
from mechcot.stats.measurement_tables import item_means, scalar_rows
from mechcot.stats.proportions import share_interval
from mechcot.traces.validity import VALIDITY


class StudyTables(Protocol):
    """What is read of a study's tables."""

    @property
    def measurements(self) -> pd.DataFrame:
        """Tidy measurements."""
        ...

    @property
    def scalars(self) -> pd.DataFrame:
        """Tidy scalars."""
        ...

    @property
    def validity(self) -> ChainValidity:
        """The chains, checked."""
        ...


def shift_frame(
    problems: Sequence[Problem],
    tables: StudyTables,
    cards: Sequence[MeasureCard],
    names: Sequence[str],
    *,
    author: str | None,
    seed: int,
) -> pd.DataFrame:
    """One row a shift, level, quantity and model: `shift`, `level`, `quantity`, `model`, `mean`, `low`, `high`, `n`; empty without shifted problems.

    Level 0, what is not shifted, stands with every shift. Answers and steps are those of each model's own chains, the use of the chain is read on the headline's.

    Args:
        problems: All that were asked, with `shift` and `level` in `meta` where they are shifted.
        tables: All that was measured.
        cards: What is judged, the leading measure first.
        names: The models.
        author: Who wrote the headline's chains; None for each model itself.
        seed: Of the study.
    """
    groups = [
        ({"shift": shift, "level": level}, f"shift {shift} {level:g}", items)
        for shift, levels in _levels(problems).items()
        for level, items in levels.items()
    ]
    return frame_of_groups(groups, own_values(tables, cards[:1], names, author), seed=seed)


def frame_of_groups(
    groups: Iterable[tuple[Mapping[str, Any], str, Collection[str]]],
    values: Mapping[tuple[str, str], pd.Series],
    *,
    seed: int,
) -> pd.DataFrame:
    """One row a group of items, quantity and model that has items: the group's own columns, `quantity`, `model`, `mean`, `low`, `high`, `n`.

    Args:
        groups: Columns of each group, what its resampling is called, and its items.
        values: See `own_values`.
        seed: Of the study.
    """
    return pd.DataFrame(
        dict(group)
        | {"quantity": quantity, "model": name}
        | share_interval(here, seed=seed, purpose=purpose).row()
        for group, purpose, items in groups
        for (quantity, name), series in values.items()
        if len(here := series[series.index.isin(items)].to_numpy(float))
    )


def _levels(problems: Sequence[Problem]) -> dict[str, dict[float, list[str]]]:
    """Ids by shift and level; what is not shifted is level 0 of each. Of what cannot be answered nothing is measured here."""
    known = [problem for problem in problems if problem.answerable]
    plain = [p.id for p in known if p.meta.get("shift") in (None, "none")]
    levels: dict[str, dict[float, list[str]]] = {}
    for problem in known:
        shift, level = problem.meta.get("shift"), problem.meta.get("level")
        if isinstance(shift, str) and shift != "none" and isinstance(level, (int, float)):
            here = levels.setdefault(shift, {0.0: plain})
            here.setdefault(float(level), []).append(problem.id)
    return {shift: dict(sorted(by_level.items())) for shift, by_level in levels.items()}


def own_values(
    tables: StudyTables, cards: Sequence[MeasureCard], names: Sequence[str], author: str | None
) -> Mapping[tuple[str, str], pd.Series]:
    """By quantity and model, values by item: right answers and whole chains of its own, and what the cards measure.

    Args:
        tables: All that was measured.
        cards: Measures of use.
        names: The models.
        author: Who wrote the chains on which use is read; None for each model itself.
    """
    measure, scalar = OWN_ACCURACY
    right = scalar_rows(tables.scalars, measure=measure, name=scalar)
    whole = scalar_rows(tables.validity.scalars, measure=VALIDITY, name="whole")
    values = {}
    for name in names:
        values["right: the answer", name] = item_means(right, reader=name, author=name)
        values["valid: the whole chain", name] = item_means(whole, reader=name, author=name)
        for card in cards:
            rows = tables.measurements[tables.measurements["measure"] == card.name]
            used = item_means(rows, reader=name, author=author or name)
            values[f"used: {card.title}", name] = used
    return values
