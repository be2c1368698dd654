"""What one report page shows: frames of `mechcot.stats` and sentences; the page only sets them.

Nothing here is computed by the view: every mean, interval, band and verdict arrives finished. What was not measured stays at its
empty default and the page says so in a sentence. Numbers that do not exist are NaN and are shown as a dash.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

from mechcot.core.card import ArrayCard, MeasureCard
from mechcot.stats.sentences import shown

_NAN = float("nan")


def _empty() -> pd.DataFrame:
    return pd.DataFrame()


@dataclass(frozen=True)
class Sentence:
    """A finding in plain words, numbers and interval inside it.

    Attributes:
        text: The sentence.
        verdict: The verdict it states, or "" for a remark.
        status: The card's status; `provisional` is printed behind the verdict, `exploratory` instead of it.
    """

    text: str
    verdict: str = ""
    status: str = ""

    @property
    def shown(self) -> str:
        """What stands in front of the sentence."""
        return shown(self.verdict, self.status)


@dataclass(frozen=True)
class PromptShown:
    """The prompt policy in a sentence, one rendered prompt, and the text that asks for the answer ("" when not used)."""

    policy: str
    example: str
    cue: str = ""


@dataclass(frozen=True)
class StepShown:
    """One step of a chain that is printed in full: its text, its kind, and what it carries for both models."""

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


@dataclass(frozen=True, eq=False)
class ArrayFrame:
    """An array of a measure, before and after, as the tidy frame that its figure takes.

    Attributes:
        card: The measure.
        array: The array; of several readouts in one figure the first.
        frame: See the figure of the array's axes in `mechcot.view.figures`.
        note: What must be said about this choice of values, or "".
    """

    card: MeasureCard
    array: ArrayCard
    frame: pd.DataFrame
    note: str = ""


@dataclass(frozen=True, eq=False)
class Comparison:
    """The reference model against one later checkpoint, on the same chains or each on its own.

    Attributes:
        name: Such as `base → bypass`.
        before: Name of the reference model.
        after: Name of the later checkpoint.
        accuracy: The sentence about accuracy.
        conclusion: The sentence about the chain.
        sentences: One per judged measure, and one per reason for no verdict.
        contrasts: The contrast table of `mechcot.stats`.
        gates: The gates, with titles of measures.
        strata: The contrast table per subgroup, with a column `stratum`.
        stratum_notes: By subgroup, why rows have no verdict.
        items: One row per measure and item: `measure`, `item`, `before`, `after`.
        arrays: What is drawn of arrays.
        step_sentences: Which steps carry the answer.
        kinds: Importance per step kind.
        layer_sentences: Where in the network it happens.
        losses: The items that lost most, the largest loss first.
        gains: The items that gained most.
        own_chains: One row per measure, author and reader.
        own_note: A sentence on what own-chain numbers cannot tell (lengths).
        use: The claim about each model on its own chains, or None.
        leads: Which claim the page opens with.
        beside: The other claim in a few words.
        next: What to do next where a claim could not be judged.
        validity: Whether own chains became more or less right, step by step; None where nobody can tell.
        abstention: Sentences on how often the models say that they cannot know; "" where nobody asked for it.
        calibration: Whether it is as sure as it is right; None where nobody knows.
        agreement: The same by how often further texts give its answer; None where none were drawn.
        novelty: What the change of right answers follows, novelty or length; "" where nothing tells what is novel.
        axes: Right, valid and used on own chains, in the columns of `use_axes`; empty without `validity`.
        use_axes: One row per axis of `use`: `title`, `before`, `after`, `delta`, `low`, `high`, `n`, `verdict`.
    """

    name: str
    before: str
    after: str
    accuracy: Sentence
    conclusion: Sentence
    contrasts: pd.DataFrame
    sentences: tuple[Sentence, ...] = ()
    gates: pd.DataFrame = field(default_factory=_empty)
    strata: pd.DataFrame = field(default_factory=_empty)
    stratum_notes: Mapping[str, str] = field(default_factory=dict)
    items: pd.DataFrame = field(default_factory=_empty)
    arrays: tuple[ArrayFrame, ...] = ()
    step_sentences: tuple[Sentence, ...] = ()
    kinds: pd.DataFrame = field(default_factory=_empty)
    layer_sentences: tuple[Sentence, ...] = ()
    losses: tuple[ItemShown, ...] = ()
    gains: tuple[ItemShown, ...] = ()
    own_chains: pd.DataFrame = field(default_factory=_empty)
    own_note: str = ""
    use: Sentence | None = None
    leads: Literal["same", "own"] = "same"
    beside: str = ""
    next: str = ""
    use_axes: pd.DataFrame = field(default_factory=_empty)
    validity: Sentence | None = None
    abstention: str = ""
    calibration: Sentence | None = None
    agreement: Sentence | None = None
    axes: pd.DataFrame = field(default_factory=_empty)
    novelty: str = ""

    @property
    def lead(self) -> Sentence:
        """The claim that the page opens with."""
        return self.use if self.use is not None and self.leads == "own" else self.conclusion

    @property
    def told(self) -> tuple[str, ...]:
        """All that the page says before the gates."""
        return tuple(s.text for s in (self.accuracy, self.conclusion, *self.sentences))


@dataclass(frozen=True, eq=False)
class ReportData:
    """Everything the page shows.

    Attributes:
        title: Title of the page.
        command: The command that made it.
        models: One row per checkpoint, the reference first: `name`, `spec`, `weights`, `dtype`, `device`, `parameters`, `revision`.
        prompt: The prompt policy and one example.
        problems: Number of problems.
        comparisons: The reference against each later checkpoint.
        source: Where the problems and chains came from, in words.
        chains: Whether all models read the same chains, or each its own.
        given: Who wrote chains that were given; "" where models wrote them.
        accuracy: One row per model and condition: `model`, `condition`, `mean`, `low`, `high`, `n`.
        series: What `mechcot.stats.checkpoint_series` gives, for more than two checkpoints.
        nulls: The nulls and the identity edits: `null`, `measure`, `model`, `mean`, `low`, `high`, `expected`, `ok` (None: cannot fail), `n`.
        not_judged: Items that could not be measured: `measure`, `model`, `reason`, `count`.
        costs: Seconds by measure and model: `measure`, `model`, `items`, `seconds`.
        cards: The cards of the measures in the report.
        versions: Name of a package -> its version.
        settings: Further facts of the run (seed, resamples, thresholds), name -> value.
        uses: Each model on its own chains, as entries of check.json.
        use_effect: Smallest effect of `uses`.
        validity: How right each model's own chains are, in the columns of `accuracy`; empty where no step can be checked.
        unchecked: Why none of the chains can be checked, in words; "" where some can.
        abstention: Who says that it cannot know, where it cannot and where it could, likewise.
        calibration: One row a model: how sure and how right it is on its own chains, or on given ones, the fields of `mechcot.stats.calibration.Calibration`.
        reliability: One row a model and bin of confidence.
        samples: Further texts that each model wrote about each question.
        agreement: As `calibration`, the confidence being how often they give the model's answer; empty without them.
        agreement_bins: As `reliability`, of the agreement.
        shifts: Right, valid and used by shift, level and model; empty without shifted problems.
        novelty: The same by cell of novelty and length; empty where nothing tells what is novel.
    """

    title: str
    command: str
    models: pd.DataFrame
    prompt: PromptShown
    problems: int
    comparisons: tuple[Comparison, ...]
    source: str = ""
    chains: Literal["same", "own"] = "same"
    given: str = ""
    accuracy: pd.DataFrame = field(default_factory=_empty)
    series: pd.DataFrame = field(default_factory=_empty)
    nulls: pd.DataFrame = field(default_factory=_empty)
    not_judged: pd.DataFrame = field(default_factory=_empty)
    costs: pd.DataFrame = field(default_factory=_empty)
    cards: tuple[MeasureCard, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    uses: tuple[Mapping[str, Any], ...] = ()
    use_effect: float = _NAN
    validity: pd.DataFrame = field(default_factory=_empty)
    unchecked: str = ""
    abstention: pd.DataFrame = field(default_factory=_empty)
    calibration: pd.DataFrame = field(default_factory=_empty)
    reliability: pd.DataFrame = field(default_factory=_empty)
    samples: int = 0
    agreement: pd.DataFrame = field(default_factory=_empty)
    agreement_bins: pd.DataFrame = field(default_factory=_empty)
    shifts: pd.DataFrame = field(default_factory=_empty)
    novelty: pd.DataFrame = field(default_factory=_empty)
