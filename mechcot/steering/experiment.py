"""An experiment as a file: what is read from TOML, checked once."""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from mechcot.core.errors import UserError
from mechcot.core.trace import Phase, StepKind
from mechcot.model.generation.steering_hooks import PositionSelector
from mechcot.model.internals.sites import Site
from mechcot.steering.controls import CONTROLS, DRAWN
from mechcot.steering.switch_penalty import ALPHA, BETA

T = TypeVar("T")
HOW = ("add", "clamp")
HOPS = (1, 10)
"""Fewest and most operations of a question that the task can draw."""


@dataclass(frozen=True)
class Items:
    """Held-out questions of the shipped models' task, without style word.

    Attributes:
        n: How many.
        seed: Of the draw.
        hops: Fewest and most operations.
    """

    n: int = 32
    seed: int = 0
    hops: tuple[int, int] = (5, 6)

    def __post_init__(self) -> None:
        _within("items.n", self.n, 1)
        _check_hops("items.hops", self.hops)


@dataclass(frozen=True)
class VectorSpec:
    """Recipe of a vector.

    Attributes:
        site: Where it is read and added.
        method: `mean difference`, `pca`, `probe` (pairs brief against careful), `span` (windows of `kind`) or `file`.
        read: Which positions are read (pairs).
        kind: Kind of step (span).
        n: Pairs or chains.
        seed: Of their draw.
        hops: Their depth; keep it away from that of the items.
        files: With `file`: one vector for each model, as `mechcot steer extract` and `mechcot sae vector` write them;
            their site must be `site`.
    """

    site: str = "resid_post.1"
    method: str = "mean difference"
    read: str = "last_prompt"
    kind: str = "verification"
    n: int = 32
    seed: int = 1
    hops: tuple[int, int] = (2, 4)
    files: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _within("vector.n", self.n, 1)
        _check_hops("vector.hops", self.hops)


@dataclass(frozen=True)
class Apply:
    """Places and amounts of an addition.

    Attributes:
        how: `add` (x + gamma v) or `clamp` (a feature is held at gamma times its largest activation; needs a file of
            `mechcot sae vector`, and sign 1).
        phases: Phases of the positions.
        step_starts: Only where a step of the chain begins.
        nats: Doses.
        signs: 1 adds, -1 takes away.
        chains: Clean chains that doses are measured on.
    """

    how: str = "add"
    phases: tuple[str, ...] = ("chain",)
    step_starts: bool = False
    nats: tuple[float, ...] = (0.02, 0.05, 0.1, 0.2)
    signs: tuple[int, ...] = (1,)
    chains: int = 6

    def __post_init__(self) -> None:
        _within("apply.nats", self.nats, 0)
        _within("apply.chains", self.chains, 1)
        for sign in self.signs or (0,):
            _among("apply.signs", sign, (1, -1))

    @property
    def where(self) -> PositionSelector:
        """The positions."""
        return PositionSelector(phases=tuple(map(Phase, self.phases)), step_starts=self.step_starts)


@dataclass(frozen=True)
class Compare:
    """Controls of a vector.

    Attributes:
        controls: Vectors at the same dose.
        truncation: Also the clean chain cut to the steered length.
        prompt: Also this style word in the prompt; empty: no.
        bare: Also this style word, and the vector at its largest dose, with marker words forbidden at every k-th
            step, for these k (see `shortest`).
        sweep: Sites of a sweep with vectors of their own.
        sweep_nats: Dose of the sweep.
    """

    controls: tuple[str, ...] = ()
    truncation: bool = False
    prompt: str = ""
    bare: tuple[int, ...] = ()
    sweep: tuple[str, ...] = ()
    sweep_nats: float = 0.1


@dataclass(frozen=True)
class Penalty:
    """A switch penalty.

    Attributes:
        phrases: What opens a new thought.
        alphas: Taken from the logits.
        betas: For so many tokens of each thought.
        controls: How many draws of random tokens of equal frequency.
    """

    phrases: tuple[str, ...] = ()
    alphas: tuple[float, ...] = (ALPHA,)
    betas: tuple[int, ...] = (BETA,)
    controls: int = 1

    def __post_init__(self) -> None:
        _within("penalty.alphas", self.alphas, 0)
        _within("penalty.betas", self.betas, 1)
        _within("penalty.controls", self.controls, 0)


@dataclass(frozen=True)
class Experiment:
    """One experiment.

    Attributes:
        title: Of the page.
        question: What is asked, in one sentence.
        models: The models; vectors of each are added to each.
        readout: What the experiment is about: `tokens`, `thoughts`, or a kind of step that is counted (exactly, by
            the law of the shipped models' task).
        seed: Of controls and statistics.
        max_tokens: Longest text.
        items: See `Items`.
        vector: See `VectorSpec`; None with a penalty.
        apply: See `Apply`.
        compare: See `Compare`.
        penalty: See `Penalty`; None with a vector.
    """

    title: str
    question: str
    models: tuple[str, ...]
    readout: str = "tokens"
    seed: int = 0
    max_tokens: int = 320
    items: Items = field(default_factory=Items)
    vector: VectorSpec | None = None
    apply: Apply = field(default_factory=Apply)
    compare: Compare = field(default_factory=Compare)
    penalty: Penalty | None = None

    def __post_init__(self) -> None:
        if (self.vector is None) == (self.penalty is None):
            raise UserError("an experiment has either [vector] or [penalty]; give one of the two")
        if not self.models or len(set(self.models)) < len(self.models):
            raise UserError(f"models: expected one or more that differ, got {list(self.models)}")
        _within("max_tokens", self.max_tokens, 1)
        kinds = [str(kind) for kind in StepKind]
        _among("readout", self.readout, ("tokens", "thoughts", *kinds))
        _among("apply.how", self.apply.how, HOW)
        if self.apply.how == "clamp" and (
            self.apply.signs != (1,) or not (self.vector and self.vector.method == "file")
        ):
            raise UserError(
                "apply.how: a clamp needs vector.method = 'file' (see `mechcot sae vector`) and signs = [1]"
            )
        for phase in self.apply.phases:
            _among("apply.phases", phase, [str(one) for one in Phase])
        for control in self.compare.controls:
            _among("compare.controls", control, CONTROLS)
        if self.compare.bare and not (self.compare.prompt and min(self.compare.bare) > 0):
            raise UserError(
                "compare.bare: expected whole numbers from 1 on, and a style word in compare.prompt"
            )
        if self.vector:
            methods = ("mean difference", "pca", "probe", "span", "file")
            _among("vector.method", self.vector.method, methods)
            _check_files(self.vector, self.models, self.compare)
            _among(
                "vector.read", self.vector.read, ("last_prompt", "prompt", "last_chain", "chain")
            )
            _among("vector.kind", self.vector.kind, kinds)
            for site in (self.vector.site, *self.compare.sweep):
                Site.parse(site)
        if self.penalty and not self.penalty.phrases:
            raise UserError("penalty.phrases: expected at least one phrase, got none")


_PARTS: Mapping[str, type] = {
    "items": Items,
    "vector": VectorSpec,
    "apply": Apply,
    "compare": Compare,
    "penalty": Penalty,
}


def load(path: Path) -> Experiment:
    """Read an experiment.

    Raises:
        UserError: No such file, no TOML, a name that is not known, a value that is not allowed.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(
            f"expected an experiment in {path}, got none ({error.strerror}); experiments/ has examples"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is no TOML: {error}") from None
    parts = {
        name: _build(kind, data.pop(name), name) for name, kind in _PARTS.items() if name in data
    }
    return _build(Experiment, data | parts, path.name)


def _build(kind: type[T], data: Any, name: str) -> T:
    if not isinstance(data, dict):
        raise UserError(f"{name}: expected a table, got {data!r}")
    about: Any = fields(kind)  # type: ignore[arg-type]
    known = {one.name: one for one in about}
    strange = sorted(set(data) - set(known))
    absent = [
        n
        for n, f in known.items()
        if f.default is MISSING and f.default_factory is MISSING and n not in data
    ]
    if strange or absent:
        raise UserError(
            f"{name}: unknown {strange or 'nothing'}, missing {absent or 'nothing'}; known are {', '.join(known)}"
        )
    hints = get_type_hints(kind)
    return kind(**{n: _typed(value, hints[n], f"{name}.{n}") for n, value in data.items()})


_CALLED = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}


def _typed(value: Any, hint: Any, name: str) -> Any:
    """A value of TOML as the type that a field has; a part that is built already stays as it is."""
    if get_origin(hint) is tuple:
        inner = get_args(hint)
        if not isinstance(value, list) or (inner[-1] is not ... and len(value) != len(inner)):
            many = "a list" if inner[-1] is ... else f"a list of {len(inner)}"
            raise UserError(f"{name}: expected {many}, got {value!r}")
        return tuple(_typed(each, inner[0], name) for each in value)
    if hint is float and type(value) is int:
        return float(value)
    if hint in _CALLED and (
        type(value) is not hint or value in (math.inf, -math.inf) or value != value
    ):
        raise UserError(f"{name}: expected {_CALLED[hint]}, got {value!r}")
    return value


def _check_files(vector: VectorSpec, models: tuple[str, ...], compare: Compare) -> None:
    wanted = len(models) if vector.method == "file" else 0
    if len(vector.files) != wanted:
        raise UserError(
            f"vector.files: expected {wanted} (one for each model with method = 'file', else none), "
            f"got {len(vector.files)}"
        )
    if wanted and compare.sweep:
        raise UserError(
            "compare.sweep needs vectors of its own at every site; leave it out with files"
        )
    made = sorted(set(compare.controls) - set(DRAWN))
    if wanted and made:
        raise UserError(
            f"compare.controls: {', '.join(made)} are made from texts; leave them out with files"
        )


def _within(name: str, values: Any, low: int, high: int | None = None) -> None:
    """Check that there are numbers and that all lie between two bounds, both included."""
    every = values if isinstance(values, tuple) else (values,)
    if not every or min(every) < low or (high is not None and max(every) > high):
        most = "" if high is None else f" to {high}"
        raise UserError(f"{name}: expected numbers from {low}{most}, got {values!r}")


def _check_hops(name: str, hops: tuple[int, int]) -> None:
    _within(name, hops, *HOPS)
    if hops[0] > hops[1]:
        raise UserError(f"{name}: expected fewest and most operations, got {hops!r}")


def _among(name: str, value: Any, allowed: Any) -> None:
    if value not in allowed:
        raise UserError(f"{name}: expected one of {', '.join(map(str, allowed))}, got {value!r}")
