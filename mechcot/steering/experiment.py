"""An experiment as a file: what is read from TOML, checked once.

experiment = load(Path("experiments/verification.toml"))
schema()                    every key of such a file, with type, default and meaning
"""

from collections.abc import Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import Any, Literal

from pydantic.dataclasses import dataclass

from mechcot.core.errors import UserError
from mechcot.core.settings_file import (
    STRICT,
    Flag,
    Key,
    Number,
    Whole,
    check_among,
    check_within,
    keys_of,
    parse_settings,
)
from mechcot.core.store import file_digest, read_toml
from mechcot.core.trace import Phase, StepKind
from mechcot.model.generation.steering_hooks import PositionSelector
from mechcot.model.internals.sites import Site
from mechcot.steering.contrast_vectors import ReadPosition
from mechcot.steering.controls import DRAWN, Control
from mechcot.steering.switch_penalty import SWITCH_ALPHA, SWITCH_BETA
from mechcot.tasks import TASKS

How = Literal["add", "clamp"]
PhaseName = Literal["question", "chain", "answer"]
VectorMethod = Literal["mean difference", "pca", "probe", "span", "file"]
DEPTH, VECTOR_DEPTH = (5, 6), (2, 4)
"""Operations of a task's questions where the file does not say: of the items, and of what a vector is made from."""


@dataclass(frozen=True, config=STRICT)
class ItemSettings:
    """Held-out questions: of a task that draws them, or of a file of yours.

    Attributes:
        n: How many.
        seed: Of the draw.
        hops: Fewest and most operations, of a task's questions alone; 5 to 6 where it is left out.
        problems: A file of problems (`id`, `question`, `answer`) or a data set; what is not drawn as an item serves doses and vectors.
        fields: Where that file has `id`, `question`, `answer` under other names.
        seen: Questions of that file that nothing is drawn from, by `mechcot.text.problems.question_digest`: what vectors of files were read on.
    """

    n: Whole = 32
    seed: Whole = 0
    hops: tuple[Whole, Whole] | None = None
    problems: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    seen: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_within("items.n", self.n, 1)
        if self.fields and not self.problems:
            raise UserError("items.fields names columns of items.problems; give the file too")


@dataclass(frozen=True, config=STRICT)
class VectorSpec:
    """How a vector is made.

    Attributes:
        site: Where it is read and added.
        method: `mean difference`, `pca`, `probe` (of pairs), `span` (windows of steps of `kind` against their chains) or `file`.
        read: Which positions are read (pairs).
        kind: Kind of step (span).
        n: Pairs or chains.
        seed: Of their draw.
        hops: Depth of a task's questions; keep it away from that of the items. 2 to 4 where it is left out.
        files: With `file`: one vector for each model, as `mechcot steer extract` and `mechcot sae vector` write them;
            their site must be `site`.
        pairs: A file of pairs, JSON lines with `id`, `positive`, `negative` (two wordings of one question).
        styles: Instead of such a file: two instructions that are put behind the questions, what the vector leads to first. The shipped
            task has two of its own, brief and careful.
        traces: With `span`: a file of written chains, read by every model; empty: each model writes its own.
        kinds: With `traces`: a file of the kinds of their steps, JSON lines with `id`, `step`, `kind`; empty: as their task knows, else guessed.
    """

    site: str = "resid_post.1"
    method: VectorMethod = "mean difference"
    read: ReadPosition = "last_prompt"
    kind: StepKind = StepKind.VERIFICATION
    n: Whole = 32
    seed: Whole = 1
    hops: tuple[Whole, Whole] | None = None
    files: tuple[str, ...] = ()
    pairs: str = ""
    styles: tuple[str, ...] = ()
    traces: str = ""
    kinds: str = ""

    def __post_init__(self) -> None:
        check_within("vector.n", self.n, 1)
        Site.parse(self.site)
        of_pairs = self.method not in ("span", "file")
        for name, value, use in (
            ("pairs", self.pairs, of_pairs),
            ("styles", self.styles, of_pairs),
            ("traces", self.traces, self.method == "span"),
            ("kinds", self.kinds, self.method == "span" and bool(self.traces)),
        ):
            if value and not use:
                raise UserError(
                    f"vector.{name} says nothing to method = {self.method!r}; leave it out, or choose another method"
                )
        if self.pairs and self.styles:
            raise UserError(
                "a vector is made from vector.pairs or from vector.styles; give one of the two"
            )
        if len(self.styles) not in (0, 2):
            raise UserError(
                f"vector.styles: expected two, what the vector leads to first, got {list(self.styles)}"
            )

    @property
    def asks(self) -> bool:
        """Whether it is made from questions, and not from a file of its own."""
        return not (self.pairs or self.traces or self.method == "file")


@dataclass(frozen=True, config=STRICT)
class Apply:
    """Where and how much is added.

    Attributes:
        how: `add` (x + gamma v) or `clamp` (a feature is kept at gamma times its largest activation; needs a file of
            `mechcot sae vector`, and sign 1).
        phases: Phases of the positions.
        step_starts: Only where a step of the chain begins.
        nats: Doses.
        signs: 1 adds, -1 takes away.
        chains: Clean chains that doses are measured on.
    """

    how: How = "add"
    phases: tuple[PhaseName, ...] = ("chain",)
    step_starts: Flag = False
    nats: tuple[Number, ...] = (0.02, 0.05, 0.1, 0.2)
    signs: tuple[Literal[1, -1], ...] = (1,)
    chains: Whole = 6

    def __post_init__(self) -> None:
        check_within("apply.nats", self.nats, 0)
        check_within("apply.chains", self.chains, 1)
        check_within("apply.signs", self.signs, -1, 1)

    @property
    def where(self) -> PositionSelector:
        """The positions."""
        return PositionSelector(phases=tuple(map(Phase, self.phases)), step_starts=self.step_starts)


@dataclass(frozen=True, config=STRICT)
class Compare:
    """What the vector is compared with.

    Attributes:
        controls: Vectors at the same dose.
        truncation: Also the clean chain cut to the steered length.
        prompt: Also this style in the prompt: a style word of the shipped task, an instruction behind any other question; empty: no.
        bare: Also this style, and the vector at its largest dose, with marker words forbidden at every k-th
            step, for these k; only where the task knows such words (see `mechcot.core.task.ShortestChain`).
        sweep: Sites of a sweep with vectors of their own.
        sweep_nats: Dose of the sweep.
    """

    controls: tuple[Control, ...] = ()
    truncation: Flag = False
    prompt: str = ""
    bare: tuple[Whole, ...] = ()
    sweep: tuple[str, ...] = ()
    sweep_nats: Number = 0.1

    def __post_init__(self) -> None:
        if self.bare and not (self.prompt and min(self.bare) > 0):
            raise UserError(
                "compare.bare: expected whole numbers from 1 on, and a style word in compare.prompt"
            )
        for site in self.sweep:
            Site.parse(site)


@dataclass(frozen=True, config=STRICT)
class Penalty:
    """A switch penalty.

    Attributes:
        phrases: What opens a new thought.
        alphas: Taken from the logits.
        betas: For so many tokens of each thought.
        controls: How many draws of random tokens of equal frequency.
    """

    phrases: tuple[str, ...] = ()
    alphas: tuple[Number, ...] = (SWITCH_ALPHA,)
    betas: tuple[Whole, ...] = (SWITCH_BETA,)
    controls: Whole = 1

    def __post_init__(self) -> None:
        check_within("penalty.alphas", self.alphas, 0)
        check_within("penalty.betas", self.betas, 1)
        check_within("penalty.controls", self.controls, 0)
        if not self.phrases:
            raise UserError("penalty.phrases: expected at least one phrase, got none")


@dataclass(frozen=True, config=STRICT)
class Experiment:
    """One experiment.

    Attributes:
        title: Of the page.
        question: What is asked, in one sentence.
        models: The models; vectors of each are added to each.
        task: A task that draws its questions; `mod10`, the shipped models' task, where neither this nor `items.problems` is given.
        readout: What the experiment is about: `tokens`, `thoughts`, or a kind of step that is counted (exactly, where the task knows the kinds
            of its steps; elsewhere they are guessed from the wording).
        seed: Of controls and statistics.
        max_tokens: Longest text.
        items: See `ItemSettings`.
        vector: See `VectorSpec`; None with a penalty.
        apply: See `Apply`.
        compare: See `Compare`.
        penalty: See `Penalty`; None with a vector.
    """

    title: str
    question: str
    models: tuple[str, ...]
    task: str = ""
    readout: str = "tokens"
    seed: Whole = 0
    max_tokens: Whole = 320
    items: ItemSettings = field(default_factory=ItemSettings)
    vector: VectorSpec | None = None
    apply: Apply = field(default_factory=Apply)
    compare: Compare = field(default_factory=Compare)
    penalty: Penalty | None = None

    def __post_init__(self) -> None:
        if (self.vector is None) == (self.penalty is None):
            raise UserError("an experiment has either [vector] or [penalty]; give one of the two")
        if not self.models or len(set(self.models)) < len(self.models):
            raise UserError(f"models: expected one or more that differ, got {list(self.models)}")
        check_within("max_tokens", self.max_tokens, 1)
        check_among("readout", self.readout, ("tokens", "thoughts", *map(str, StepKind)))
        file = self.vector is not None and self.vector.method == "file"
        if self.apply.how == "clamp" and (self.apply.signs != (1,) or not file):
            raise UserError(
                "apply.how: a clamp needs vector.method = 'file' (see `mechcot sae vector`) and signs = [1]"
            )
        if self.vector:
            _check_files(self.vector, self.models, self.compare)
        self._settle_questions()

    def _settle_questions(self) -> None:
        """Fill in whose questions are asked, and how deep they are."""
        if self.items.problems:
            if self.task:
                raise UserError(
                    "questions come from a task or from items.problems; give one of the two"
                )
            for name, part in (("items", self.items), ("vector", self.vector)):
                if part and part.hops:
                    raise UserError(
                        f"{name}.hops: the questions of a file have no depth to choose; leave it out"
                    )
            return
        object.__setattr__(self, "task", self.task or "mod10")
        check_among("task", self.task, TASKS)
        items = replace(self.items, hops=self.items.hops or DEPTH)
        object.__setattr__(self, "items", items)
        if self.vector:
            vector = replace(self.vector, hops=self.vector.hops or VECTOR_DEPTH)
            object.__setattr__(self, "vector", vector)

    @property
    def shared(self) -> "Experiment":
        """The experiment without what only chooses its arms and words its page: two of which this is the same write an arm alike."""
        return replace(
            self,
            **dict.fromkeys(("title", "question"), ""),
            readout=Experiment.readout,
            apply=replace(self.apply, nats=Apply.nats, signs=Apply.signs),
            compare=Compare(prompt=self.compare.prompt),
            penalty=self.penalty and Penalty(phrases=self.penalty.phrases),
        )

    def file_digests(self) -> dict[str, str]:
        """Hash the files that questions and vectors come from, by name."""
        spec = self.vector
        names = [
            self.items.problems,
            *((spec.pairs, spec.traces, spec.kinds, *spec.files) if spec else ()),
        ]
        return {name: file_digest(Path(name)) for name in names if name and Path(name).is_file()}


_TABLES: Mapping[str, type] = {
    "": Experiment,
    "items": ItemSettings,
    "vector": VectorSpec,
    "apply": Apply,
    "compare": Compare,
    "penalty": Penalty,
}
"""The tables of a file; the file itself has no name."""


def read_experiment(path: Path) -> Experiment:
    """Read an experiment.

    Raises:
        UserError: No such file, no TOML, a name that is not known, a value that is not allowed.
    """
    data = read_toml(path, what="an experiment", examples="experiments/")
    return parse_experiment(data, name=path.name)


def parse_experiment(data: Mapping[str, Any], *, name: str = "experiment") -> Experiment:
    """Make an experiment of what a file holds, or of `asdict` of one as JSON.

    Raises:
        UserError: A name that is not known, a value that is not allowed.
    """
    return parse_settings(Experiment, data, name=name, tables=_TABLES)


def schema() -> list[Key]:
    """Every key of an experiment file, in the order of the tables.

    Example:
        >>> from mechcot.steering.experiment import schema
        >>> next(key.type for key in schema() if key.name == "how")
        'one of add, clamp'
    """
    return keys_of(_TABLES)


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
