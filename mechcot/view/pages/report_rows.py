"""The words and rows of a report: sentences, verdicts, gates, nulls, each with its interval."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from mechcot.core.card import MeasureCard
from mechcot.stats.tables import rows_of

Verdict = Literal["less", "more", "no change", "inconclusive", "not judged"]
VERDICTS: tuple[Verdict, ...] = ("less", "more", "no change", "inconclusive", "not judged")
_NAN = math.nan


def shown(verdict: str, status: str) -> str:
    """The verdict, or `exploratory`: a measure that did not pass the ruler gives none."""
    judged = verdict not in ("", "not judged")
    return "exploratory" if judged and status == "exploratory" else verdict


@dataclass(frozen=True)
class Sentence:
    """One plain sentence of a finding, numbers and interval inside it.

    Attributes:
        text: The sentence.
        verdict: The verdict it states, or "" for a remark.
        measure: Name of the measure it is about, or "".
        status: The card's status; `provisional` is printed behind the verdict, `exploratory` instead of it.
    """

    text: str
    verdict: Verdict | Literal[""] = ""
    measure: str = ""
    status: str = ""

    @property
    def shown(self) -> str:
        """Return what stands in front of the sentence."""
        return shown(self.verdict, self.status)


@dataclass(frozen=True)
class AccuracyRow:
    """Accuracy of one reader under one condition.

    Attributes:
        model: Who answers.
        condition: Column heading, such as `own chain`, `base's chain`, `no chain`, `another item's chain`.
        value: Share of right answers.
        low: Lower end of the 95 % interval.
        high: Upper end.
        n: Number of items.
    """

    model: str
    condition: str
    value: float
    low: float = _NAN
    high: float = _NAN
    n: int = 0


@dataclass(frozen=True)
class ContrastRow:
    """One row of the contrast table: one measure before and after, on the same items.

    Attributes:
        measure: Name of the measure's card.
        title: Its title for people.
        unit: Unit of before, after and delta.
        before: Mean of the reference model.
        after: Mean of the later checkpoint.
        delta: Mean paired difference, after - before.
        low: Lower end of the 95 % interval of delta.
        high: Upper end.
        n: Item pairs that survived.
        dropped: Items that could not be measured on both sides.
        p: Two-sided p of delta = 0.
        p_holm: The same, corrected over the report's measures.
        p_equivalence: p of the equivalence test (TOST).
        effect_size: Paired Cohen d_z.
        verdict: One of the five verdict words.
        reason: Why it is not judged, or "".
        status: `provisional`, `passed` or `exploratory`.
        smallest_effect: Half width of the equivalence band; NaN draws no band.
    """

    measure: str
    title: str
    unit: str
    before: float
    after: float
    delta: float
    low: float
    high: float
    n: int
    dropped: int
    p: float
    p_holm: float
    p_equivalence: float
    effect_size: float
    verdict: Verdict
    reason: str = ""
    status: str = "provisional"
    smallest_effect: float = _NAN

    @property
    def shown(self) -> str:
        """The verdict as the page shows it."""
        return shown(self.verdict, self.status)


@dataclass(frozen=True)
class GateRow:
    """One gate: a condition that must hold before anything is judged.

    Attributes:
        name: What is checked.
        side: Which cell of author x reader it is about.
        value: What was measured.
        bound: What it is compared with.
        ok: Whether it holds.
        reason: The sentence that says so.
    """

    name: str
    side: str
    value: float
    bound: float
    ok: bool
    reason: str = ""


@dataclass(frozen=True)
class Stratum:
    """The contrast table of one subgroup of problems."""

    name: str
    rows: tuple[ContrastRow, ...]


@dataclass(frozen=True)
class KindRow:
    """Weight of the steps of one kind.

    Attributes:
        kind: Step kind.
        unit: Unit of the values.
        before: Mean importance for the reference model.
        after: The same for the later checkpoint.
        delta: after - before.
        low: Lower end of delta's 95 % interval over items.
        high: Upper end.
        n: Number of steps.
    """

    kind: str
    unit: str
    before: float
    after: float
    delta: float
    low: float = _NAN
    high: float = _NAN
    n: int = 0


@dataclass(frozen=True)
class OwnChainCell:
    """One cell of author x reader for one measure.

    Attributes:
        measure: Title of the measure or gate.
        author: Who wrote the chains.
        reader: Who read them.
        value: Mean.
        low: Lower end of the 95 % interval.
        high: Upper end.
        n: Number of items.
        unit: Unit.
    """

    measure: str
    author: str
    reader: str
    value: float
    low: float = _NAN
    high: float = _NAN
    n: int = 0
    unit: str = ""


@dataclass(frozen=True)
class NullRow:
    """One null: an edit that must do nothing, or the size of doing something meaningless.

    Attributes:
        name: Such as `identity edit`, `another item's chain`, `random positions`, `logits x 1.5`.
        measure: Title of the measure.
        model: Which model or comparison.
        value: What came out.
        low: Lower end of its 95 % interval.
        high: Upper end.
        expected: What must come out, in words (`exactly 0`, `within ±0.10`).
        ok: Whether it did; None when it is a yardstick that cannot fail.
        n: Number of items.
        unit: Unit.
    """

    name: str
    measure: str
    model: str
    value: float
    expected: str
    ok: bool | None = None
    low: float = _NAN
    high: float = _NAN
    n: int = 0
    unit: str = ""


@dataclass(frozen=True)
class NotJudgedRow:
    """Count and reasons of the items that a measure could not be taken on."""

    measure: str
    model: str
    reason: str
    count: int


def contrast_rows(table: pd.DataFrame, cards: Mapping[str, MeasureCard]) -> tuple[ContrastRow, ...]:
    """Turn the contrast table of `mechcot.stats` into rows, title, unit and band from the cards.

    Args:
        table: One row per measure with a column (or the index) `measure` and the columns before,
            after, delta, low, high, n, dropped, p, p_holm, p_equivalence, effect_size, verdict, reason, status.
        cards: Measure name -> card.

    Raises:
        ValueError: A verdict is not one of the five words.
    """
    frame = table if "measure" in table.columns else table.reset_index(names="measure")
    return tuple(_contrast_row(record, cards[str(record["measure"])]) for record in rows_of(frame))


def gate_rows(
    gates: Iterable[Any], cards: Mapping[str, MeasureCard] | None = None
) -> tuple[GateRow, ...]:
    """Turn gates (anything with name, side, measure, value, bound, ok, reason) into rows.

    Args:
        gates: The gates.
        cards: Measure name -> card, for the titles of the measures that gates are about.
    """
    titles = {name: card.title for name, card in (cards or {}).items()}
    return tuple(
        GateRow(
            name=str(gate.name).replace("_", " "),
            side=", ".join(filter(None, (titles.get(gate.measure, gate.measure), str(gate.side)))),
            value=float(gate.value),
            bound=float(gate.bound),
            ok=bool(gate.ok),
            reason=str(gate.reason),
        )
        for gate in gates
    )


def _contrast_row(record: Mapping[str, Any], card: MeasureCard) -> ContrastRow:
    if record["verdict"] not in VERDICTS:
        raise ValueError(
            f"measure {card.name}: expected a verdict among {VERDICTS}, got {record['verdict']!r}"
        )
    numbers = (
        "before",
        "after",
        "delta",
        "low",
        "high",
        "p",
        "p_holm",
        "p_equivalence",
        "effect_size",
    )
    return ContrastRow(
        measure=card.name,
        title=card.title,
        unit=card.unit,
        n=int(record["n"]),
        dropped=int(record.get("dropped", 0)),
        verdict=record["verdict"],
        reason=str(record.get("reason") or ""),
        status=str(record.get("status") or card.status),
        smallest_effect=card.smallest_effect,
        **{name: float(record[name]) for name in numbers},
    )
