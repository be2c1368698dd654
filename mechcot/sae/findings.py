"""The files that `mechcot sae page` sets, and what they hold: `score.json`, `falsify.json`, `probe.json`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired

from annotated_types import Len
from pydantic import AfterValidator, StringConstraints
from typing_extensions import TypedDict

from mechcot.core.errors import UserError
from mechcot.core.store import read_json
from mechcot.runs.items import read_checked

SCHEMA = 2
_Number = float | None


class Fit(TypedDict):
    """How well a dictionary fits one model."""

    model: str
    l0: float
    explained_variance: _Number
    dead_share: float
    recovered_zero: _Number
    recovered_mean: _Number


class IntervalRecord(TypedDict):
    """A mean with its 95 % interval."""

    mean: float
    low: float
    high: float


class ChangeRecord(TypedDict):
    """Mean activation before and after."""

    before: float
    after: float
    change: float
    low: float
    high: float
    p_holm: float


class OfKind(TypedDict):
    """A feature on the steps of one kind."""

    mean: float
    selectivity: float


class Feature(TypedDict):
    """A feature that fires, before and after."""

    feature: int
    score_words: _Number
    score_kinds: _Number
    change: ChangeRecord | None
    frequency: tuple[float, float]
    kinds: tuple[dict[str, OfKind], dict[str, OfKind]]


class Context(TypedDict):
    """A step with the activation at each of its tokens."""

    kind: str
    trace: str
    tokens: list[str]
    values: list[float]


def _as_long(context: Context) -> Context:
    if len(context["tokens"]) != len(context["values"]):
        raise ValueError("expected as many tokens as values")
    return context


class Logits(TypedDict):
    """Tokens that a feature raises and lowers most."""

    up: list[tuple[str, float]]
    down: list[tuple[str, float]]


class Shown(TypedDict):
    """A feature with the steps that excite it most."""

    feature: int
    contexts: list[Annotated[Context, AfterValidator(_as_long)]]
    logits: Logits


class Histogram(TypedDict):
    """Steps of each kind by the largest activation in them."""

    edges: list[float]
    counts: dict[str, list[int]]


def _one_more(histogram: Histogram) -> Histogram:
    if {len(counts) + 1 for counts in histogram["counts"].values()} != {len(histogram["edges"])}:
        raise ValueError("expected one edge more than counts")
    return histogram


class Best(Feature, Shown):
    """A feature of those that score highest."""

    histogram: Annotated[Histogram, AfterValidator(_one_more)]


class Start(TypedDict):
    """Where a step begins."""

    start: int
    kind: str


class Along(TypedDict):
    """Features along one chain."""

    trace: str
    model: str
    tokens: list[str]
    values: list[list[float]]
    steps: list[Start]


def _as_wide(along: Along) -> Along:
    if {len(row) for row in along["values"]} - {len(along["tokens"])}:
        raise ValueError("expected as many tokens as values of each feature")
    return along


class ScoreRecord(TypedDict):
    """`score.json`."""

    models: tuple[str, str]
    site: str
    fit: list[Fit]
    missing: NotRequired[dict[str, str]]
    traces: int
    tokens: int
    steps: Annotated[dict[str, int], Len(1)]
    tested: int
    changed: int
    more: int
    features: list[Feature]
    top_by: NotRequired[Literal["kinds", "words"] | None]
    top: list[Best]
    along: Annotated[Along, AfterValidator(_as_wide)]


class Outcomes(TypedDict):
    """Trial to whether it was passed; None: it was not held."""

    injection: bool | None
    rewording: bool | None
    random: bool | None
    shuffled: bool | None


class TriedRecord(TypedDict):
    """A candidate and its trials; earlier versions noted no more."""

    feature: int
    kind: str
    tokens: list[str]
    injection_d: _Number
    kept: _Number
    selectivity: _Number
    random: _Number
    shuffled: _Number
    passes: Outcomes


class Entry(TriedRecord):
    """A candidate as it stands in `falsify.json`, with what it may be called."""

    standing: str
    survives: bool


class TrialsRecord(TypedDict):
    """`falsify.json`."""

    model: str
    trials: list[TriedRecord]
    shown: list[Shown]


class Probed(IntervalRecord):
    """A probe on one input, also by thirds of the chain."""

    parts: Annotated[list[_Number], Len(3, 3)]


class Target(TypedDict):
    """The probes on one target."""

    chance: float
    probes: dict[str, Probed]
    layers: Annotated[list[IntervalRecord], Len(1)]


def _with_state(target: Target) -> Target:
    if "state" not in target["probes"]:
        raise ValueError("expected a probe on the state")
    return target


HeldRecord = Annotated[Target, AfterValidator(_with_state)] | None


class Targets(TypedDict):
    """What is probed; None: it was not held."""

    kind: HeldRecord
    used: HeldRecord
    again: HeldRecord
    known: HeldRecord


class ProbedModel(TypedDict):
    """The probes of one model."""

    model: str
    site: Annotated[str, StringConstraints(pattern=r"^\w+\.\d+")]
    targets: Targets


def _any_held(models: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    if not any(target for model in models for target in model["targets"].values()):
        raise ValueError("expected a target that was held")
    return models


class Probes(TypedDict):
    """`probe.json`."""

    models: Annotated[list[ProbedModel], Len(1, 2), AfterValidator(_any_held)]


_SHAPES = {"score": ScoreRecord, "falsify": TrialsRecord, "probe": Probes}


def read_findings(folder: Path, command: Literal["score", "falsify", "probe"]) -> Any:
    """Read what a command found in a folder, checked; None where it was not run.

    Raises:
        UserError: The file is damaged, something else, or of another version.
    """
    path, what = folder / f"{command}.json", f"what `mechcot sae {command}` found"
    if not path.is_file():
        return None
    schema = read_json(path, what=what).get("schema")
    if schema != SCHEMA and command != "probe":  # which notes none
        raise UserError(
            f"{path} has schema {schema}, this version reads {SCHEMA}; run `mechcot sae {command}` again"
        )
    return read_checked(path, shape=_SHAPES[command], what=what)
