"""The features of a dictionary that fire most on one kind of step, against all other steps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mechcot.core.display import Displayed
from mechcot.core.errors import UserError
from mechcot.core.trace import StepKind, Trace
from mechcot.core.wording import count_of
from mechcot.model.reasoner import Reasoner
from mechcot.sae.dictionary import Dictionary
from mechcot.sae.feature_activations import FeatureActivations, read_features, selectivity

if TYPE_CHECKING:
    import plotly.graph_objects as go

_FEWEST = 2
"""Fewest steps of the kind, and of other kinds, for a standard deviation."""


@dataclass(frozen=True, eq=False, repr=False)
class FeatureTable(Displayed):
    """Features of one dictionary, ordered by how selective they are for one kind of step.

    Attributes:
        dictionary: Its name.
        reader: Name of the model whose states were read.
        kind: The kind of step.
        steps: How many steps are of the kind, and how many are not.
        table: One row a feature, see `to_frame`.
    """

    dictionary: str
    reader: str
    kind: StepKind
    steps: tuple[int, int]
    table: pd.DataFrame

    def __repr__(self) -> str:
        head = (
            f"Features of {self.dictionary} on {self.reader} that fire most on {self.kind} steps "
            f"({self.steps[0]} steps against {self.steps[1]} others)"
        )
        columns = ["feature", "selectivity", "inside", "outside"]
        shown = self.table[columns].to_string(index=False, float_format="{:.3f}".format)
        return f"{head}\n{shown}"

    def to_frame(self) -> pd.DataFrame:
        """One row a feature, the most selective first.

        `feature` (its number), `selectivity` (Cohen's d of the mean activation of the kind's steps against the other steps, in standard
        deviations), `inside` and `outside` (mean activation over the steps of the kind, and over the others), `frequency` (share of the kind's
        steps in which it fires), `trace`, `step` (from 1) and `text` of the step where it is most active.
        """
        return self.table

    def plot(self) -> "go.Figure":
        """Selectivity by feature, one bar each."""
        from mechcot.view.figures.results import feature_bars

        return feature_bars(self.table, reader=self.reader, kind=str(self.kind), steps=self.steps)


def top_features(
    dictionary: Dictionary,
    reader: Reasoner,
    traces: Sequence[Trace],
    *,
    kind: StepKind | str,
    count: int = 12,
) -> FeatureTable:
    """Order features by their selectivity for one kind of step. Cost: one forward a trace.

    Raises:
        UserError: The dictionary does not fit the model, no such kind, or fewer than two steps of it or of the others.
    """
    dictionary.check(reader)
    if kind not in list(StepKind):
        raise UserError(f"expected a kind of step out of {', '.join(StepKind)}, got {kind!r}")
    seen = [reader.view(trace) for trace in traces]
    chains = [trace for trace in seen if trace.chain_steps]
    if not chains:
        raise UserError(
            f"none of {count_of(len(seen), 'trace')} has a chain; give traces with steps"
        )
    reads = read_features(dictionary, reader, chains)
    inside = reads.kinds == str(kind)
    if min(inside.sum(), (~inside).sum()) < _FEWEST:
        kinds, counts = np.unique(reads.kinds, return_counts=True)
        there = ", ".join(f"{name} {number}" for name, number in zip(kinds, counts, strict=True))
        raise UserError(
            f"expected at least {_FEWEST} {kind} steps and {_FEWEST} others in {len(chains)} traces, got {there}; "
            "give more traces or another kind"
        )
    values = selectivity(reads.steps, inside)
    order = np.argsort(-values, kind="stable")[:count]
    rows = [_row(reads, int(feature), inside, float(values[feature])) for feature in order]
    steps = (int(inside.sum()), int((~inside).sum()))
    return FeatureTable(dictionary.name, reader.name, StepKind(kind), steps, pd.DataFrame(rows))


def _row(
    reads: FeatureActivations, feature: int, inside: np.ndarray, value: float
) -> dict[str, object]:
    by_step = reads.steps[:, feature]
    peak = int(by_step.argmax())
    trace = reads.traces[reads.step_trace[peak]]
    step = trace.steps[reads.step[reads.bounds[peak]]]
    return {
        "feature": feature,
        "selectivity": value,
        "inside": float(by_step[inside].mean()),
        "outside": float(by_step[~inside].mean()),
        "frequency": float((by_step[inside] > 0).mean()),
        "trace": trace.id,
        "step": step.index + 1,
        "text": step.text.strip(),
    }
