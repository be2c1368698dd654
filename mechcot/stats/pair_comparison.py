"""One comparison from the two tables to everything that the report says about it.

tables -> (own chains: matched items) -> gates -> contrast -> accuracy -> conclusion -> sentences
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import pandas as pd

from mechcot.core.card import MeasureCard
from mechcot.core.display import Displayed
from mechcot.stats.accuracy_change import ACCURACY, OWN_ACCURACY, AccuracyChange, accuracy_change
from mechcot.stats.contrast import OWN, contrast_readers
from mechcot.stats.gate_bounds import Gate, GateBounds, gates_table
from mechcot.stats.gates import gates, matching
from mechcot.stats.length_matching import Matched
from mechcot.stats.measurement_tables import json_rows, rows_of
from mechcot.stats.sentences import (
    accuracy_sentence,
    conclusion_sentence,
    left_out_sentences,
    row_sentence,
    silent_sentences,
)
from mechcot.stats.verdict import Conclusion, conclude


@dataclass(frozen=True, eq=False, repr=False)
class PairComparison(Displayed):
    """All that is claimed about one pair of models on one set of chains.

    Attributes:
        before: Name of the first model.
        after: Name of the second model.
        author: Who wrote the chains; None for each model's own.
        gates: Every gate, open or closed.
        table: The contrast table.
        accuracy: The accuracy comparison on these chains.
        conclusion: The overall answer.
        matched: The length matching, on own chains only.
    """

    before: str
    after: str
    author: str | None
    gates: tuple[Gate, ...]
    table: pd.DataFrame
    accuracy: AccuracyChange
    conclusion: Conclusion
    matched: Matched | None

    def __repr__(self) -> str:
        return "\n".join([f"{self.before} → {self.after}", *(f"  {s}" for s in self.sentences())])

    def to_frame(self) -> pd.DataFrame:
        """The contrast table: one row a measure with `before`, `after`, `delta`, its 95 % interval `low` and `high`, `n`, `verdict` and `reason`; `dropped` counts the items that were left out, `dropped_because` the reasons."""
        return self.table

    def sentences(self) -> list[str]:
        """Accuracy first, then the chain, one sentence per judged measure, one per reason for no verdict, and what else was left out."""
        rows = rows_of(self.table)
        judged = [row_sentence(row) for row in rows if row["verdict"] != "not judged"]
        silent = silent_sentences(rows, told=self.reasons_told())
        chain = [self.accuracy_sentence(), self.conclusion_sentence()]
        return [*chain, *judged, *silent, *left_out_sentences(rows)]

    def reasons_told(self) -> set[str]:
        """Reasons for no verdict that the conclusion's sentence gives."""
        silent = self.conclusion.verdict == "not judged"
        return {reason for _, reason in self.conclusion.not_judged} if silent else set()

    def accuracy_sentence(self) -> str:
        """Did accuracy change; says so when it is about each model's own chains."""
        what = "accuracy on own chains" if self.author is None else "accuracy"
        return accuracy_sentence(self.accuracy, what=what)

    def conclusion_sentence(self) -> str:
        """Is the chain still used; says so when it is about each model's own chains."""
        sentence = conclusion_sentence(self.conclusion)
        return f"Own chains: {sentence}" if self.author is None else sentence

    @property
    def decides(self) -> int | None:
        """Items that would decide the undecided measures, from the widths of their intervals, never from their means; None where none is undecided."""
        open_ones = self.table[self.table["verdict"] == "inconclusive"]
        if self.conclusion.verdict != "inconclusive" or open_ones.empty:
            return None
        halves = (open_ones["high"] - open_ones["low"]) / 2
        wanted = (open_ones["n"] * (halves / open_ones["smallest_effect"]) ** 2).max()
        seen = int(open_ones["n"].max())
        return math.ceil(round(wanted, 6)) if wanted > seen else 4 * seen

    def summary(self) -> dict[str, object]:
        """JSON-able data: numbers that do not exist are None."""
        rows = rows_of(self.table)
        measures = [
            record | {"sentence": row_sentence(row)}
            for record, row in zip(json_rows(self.table), rows, strict=True)
        ]
        return {
            "before": self.before,
            "after": self.after,
            "author": self.author or OWN,
            "gates": json_rows(gates_table(self.gates)),
            "measures": measures,
            "accuracy": json_rows(pd.DataFrame([asdict(self.accuracy)]))[0]
            | {"sentence": self.accuracy_sentence()},
            "conclusion": _conclusion(self.conclusion) | {"sentence": self.conclusion_sentence()},
            "matched": None if self.matched is None else self.matched.reason,
        }


def compare_pair(
    measurements: pd.DataFrame,
    scalars: pd.DataFrame,
    cards: Sequence[MeasureCard],
    *,
    before: str,
    after: str,
    author: str | None,
    seed: int = 0,
    bounds: GateBounds | None = None,
    answers: Mapping[str, str] | None = None,
    clusters: Mapping[str, str] | None = None,
) -> PairComparison:
    """Everything about one pair of models on one set of chains.

    Args:
        measurements: Tidy measurements table (`tables.measurements_table`).
        scalars: Tidy scalars table (`tables.scalars_table`).
        cards: Measures to compare.
        before: First model.
        after: Second model.
        author: Who wrote the chains; None for each model's own, then on length-matched items.
        seed: Seed of the study.
        bounds: Gate bounds; the defaults when None.
        answers: Reference answer of each item, for the chance level.
        clusters: Cluster of each item, when items share a template.

    Raises:
        UserError: A model has no measurements.
        ValueError: A table is malformed.
    """
    bounds = bounds or GateBounds()
    matched = matching(scalars, before, after, bounds=bounds) if author is None else None
    pair = {"before": before, "after": after, "author": author}
    items = None if matched is None else matched.items
    closed_or_open = gates(
        measurements,
        scalars,
        cards,
        bounds=bounds,
        answers=answers,
        items=items,
        matched=matched,
        **pair,
    )
    table = contrast_readers(
        measurements,
        cards,
        gates=closed_or_open,
        seed=seed,
        clusters=clusters,
        items=items,
        **pair,
    )
    accuracy = accuracy_change(
        scalars,
        share=OWN_ACCURACY if author is None else ACCURACY,
        bounds=bounds,
        clusters=clusters,
        seed=seed,
        **pair,
    )
    return PairComparison(
        gates=tuple(closed_or_open),
        table=table,
        accuracy=accuracy,
        conclusion=conclude(table),
        matched=matched,
        **pair,
    )


def _conclusion(conclusion: Conclusion) -> dict[str, object]:
    return {
        "verdict": conclusion.verdict,
        "gone": conclusion.gone,
        "judged": conclusion.judged,
        "agree": list(conclusion.agree),
        "disagree": [list(pair) for pair in conclusion.disagree],
        "undecided": list(conclusion.undecided),
        "not_judged": [list(pair) for pair in conclusion.not_judged],
        "provisional": conclusion.provisional,
    }
