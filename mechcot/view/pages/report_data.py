"""Contents of one report page, as plain values: the study fills it in, the page only sets it.

Nothing here is computed by the view: every mean, interval, band, difference and verdict arrives
finished. Whatever was not measured stays at its empty default and the page says so in a sentence.
Numbers that do not exist are NaN and are shown as a dash.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mechcot.core.card import MeasureCard
from mechcot.view.pages.figure_data import (
    Band,
    EarlyCurves,
    ItemValues,
    PatchMap,
    SeriesLine,
    StepMaps,
)
from mechcot.view.pages.report_rows import (
    VERDICTS,
    AccuracyRow,
    ContrastRow,
    GateRow,
    KindRow,
    NotJudgedRow,
    NullRow,
    OwnChainCell,
    Sentence,
    Stratum,
    Verdict,
    contrast_rows,
    gate_rows,
)

_NAN = math.nan

__all__ = [
    "VERDICTS",
    "AccuracyRow",
    "Band",
    "Comparison",
    "ContrastRow",
    "CostRow",
    "EarlyCurves",
    "GateRow",
    "ItemShown",
    "ItemValues",
    "KindRow",
    "ModelEntry",
    "NotJudgedRow",
    "NullRow",
    "OwnChainCell",
    "PatchMap",
    "PromptShown",
    "ReportData",
    "Sentence",
    "SeriesLine",
    "StepMaps",
    "StepShown",
    "Stratum",
    "Verdict",
    "contrast_rows",
    "gate_rows",
]


@dataclass(frozen=True)
class ModelEntry:
    """One checkpoint as loaded.

    Attributes:
        name: Short name used in every figure.
        spec: What the user typed (`organism:base`, a directory, a hub name, `DIR+ADAPTER`).
        weights_hash: Hash of the weights that ran.
        dtype: Number format of the run.
        device: Where it ran.
        parameters: Number of parameters, 0 when not counted.
        revision: Revision of a hub model, else "".
    """

    name: str
    spec: str
    weights_hash: str
    dtype: str
    device: str
    parameters: int = 0
    revision: str = ""


@dataclass(frozen=True)
class PromptShown:
    """The one prompt policy of the study.

    Attributes:
        policy: The policy in a plain sentence.
        example: One rendered prompt, exactly as a model saw it.
        cue: The text that closes the thought and asks for the answer, "" when not used.
    """

    policy: str
    example: str
    cue: str = ""


@dataclass(frozen=True)
class StepShown:
    """One step of a chain that is printed in full.

    Attributes:
        text: The step's text.
        kind: Its kind.
        before: Importance for the reference model.
        after: Importance for the later checkpoint.
    """

    text: str
    kind: str
    before: float = _NAN
    after: float = _NAN


@dataclass(frozen=True)
class ItemShown:
    """One item printed in full.

    Attributes:
        item: Problem id.
        question: The question.
        reference: The right answer.
        steps: The chain that both models read.
        importance: What the step bars show, with the unit.
        answer_before: The answer that the reference model gives.
        answer_after: The answer that the later checkpoint gives.
        measure: Title of the measure that ranks the items.
        unit: Its unit.
        before: The measure on this item, before.
        after: The same, after.
        delta: after - before.
    """

    item: str
    question: str
    reference: str
    steps: tuple[StepShown, ...]
    importance: str
    answer_before: str
    answer_after: str
    measure: str
    unit: str
    before: float
    after: float
    delta: float


@dataclass(frozen=True)
class Comparison:
    """The reference model against one later checkpoint, on the same chains or each on its own.

    Attributes:
        name: Such as `base → bypass`.
        before: Name of the reference model.
        after: Name of the later checkpoint.
        accuracy: The sentence about accuracy.
        headline: The sentences about the chain, the most important first.
        contrasts: One row per measure.
        gates: One row per gate.
        strata: The contrast table per subgroup.
        items: One measure each, for the slope plots.
        early: Early-answering lines.
        step_maps: Step x step matrices of one trace, one entry per measure.
        step_sentences: Sentences about which steps carry the answer.
        kinds: Importance per step kind.
        patch_maps: Layer x place, one entry per readout.
        layer_sentences: Sentences about where in the network it happens.
        losses: The items that lost most, the largest loss first.
        gains: The items that gained most.
        own_chains: The 2 x 2 of author and reader.
        own_note: A sentence on what own-chain numbers cannot tell (lengths).
    """

    name: str
    before: str
    after: str
    accuracy: Sentence
    headline: tuple[Sentence, ...]
    contrasts: tuple[ContrastRow, ...]
    gates: tuple[GateRow, ...] = ()
    strata: tuple[Stratum, ...] = ()
    items: tuple[ItemValues, ...] = ()
    early: EarlyCurves | None = None
    step_maps: tuple[StepMaps, ...] = ()
    step_sentences: tuple[Sentence, ...] = ()
    kinds: tuple[KindRow, ...] = ()
    patch_maps: tuple[PatchMap, ...] = ()
    layer_sentences: tuple[Sentence, ...] = ()
    losses: tuple[ItemShown, ...] = ()
    gains: tuple[ItemShown, ...] = ()
    own_chains: tuple[OwnChainCell, ...] = ()
    own_note: str = ""


@dataclass(frozen=True)
class CostRow:
    """Cost of one part of the run; NaN where it was not counted."""

    what: str
    model: str
    items: int
    seconds: float
    forwards: float = _NAN
    tokens: float = _NAN
    memory_bytes: float = _NAN
    disk_bytes: float = _NAN


@dataclass(frozen=True)
class ReportData:
    """Everything the page shows.

    Attributes:
        title: Title of the page.
        command: The command that made it.
        models: All checkpoints, the reference first.
        prompt: The prompt policy and one example.
        problems: Number of problems.
        source: Where the problems and chains came from, in words.
        comparisons: The reference against each later checkpoint.
        accuracy: Accuracy of each model under each condition.
        chains: Whether all models read the same chains, or each its own.
        series: One line per measure; shown for more than two checkpoints.
        nulls: The nulls and the identity edits.
        not_judged: Items that could not be measured, counted by reason.
        costs: What it cost.
        cards: The cards of the measures in the report.
        versions: Name of a package -> its version.
        settings: Further facts of the run (seed, resamples, thresholds), name -> value.
        started: When the run began, as text; "" leaves it out.

    Raises:
        ValueError: A comparison, or a line in it, names a model that is not among `models`.
    """

    title: str
    command: str
    models: tuple[ModelEntry, ...]
    prompt: PromptShown
    problems: int
    comparisons: tuple[Comparison, ...]
    source: str = ""
    chains: Literal["same", "own"] = "same"
    accuracy: tuple[AccuracyRow, ...] = ()
    series: tuple[SeriesLine, ...] = ()
    nulls: tuple[NullRow, ...] = ()
    not_judged: tuple[NotJudgedRow, ...] = ()
    costs: tuple[CostRow, ...] = ()
    cards: tuple[MeasureCard, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    started: str = ""

    def __post_init__(self) -> None:
        known = [model.name for model in self.models]
        for comparison in self.comparisons:
            early = comparison.early
            lines = () if early is None else (early.before.model, early.after.model)
            for name in (comparison.before, comparison.after, *lines):
                if name not in known:
                    raise ValueError(
                        f"comparison {comparison.name}: expected a model among {known}, got {name!r}"
                    )
