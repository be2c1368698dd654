"""Settings of a study: models, problems or chains, measures, and the cells of author x reader.

The headline cell is written by the first model and read by every model on the same tokens. A tuned
model's own chains are read by itself and by the first model with the cheap measures only. A copy of
the first model with its logits times 1.5 reads the headline chains as a null: it is the same model,
only more confident, and every measure must stay silent about it.

Besides, each model alone is judged on its own chains by the exchange of chains (`use_cells`), whatever the lengths.

With `author="own"` every model writes and reads its own chains instead, with every measure: the only
comparison there is for models whose tokenizers differ. Items are paired by problem, and length-matched.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from mechcot.core.errors import UserError
from mechcot.measures.inputs import DRAWS
from mechcot.measures.registry import MEASURES, PAIRED, chosen_measures
from mechcot.model.asking_options import Asking
from mechcot.model.generation.sampling import Sampling
from mechcot.model.loading.options import DEFAULTS, LoadOptions
from mechcot.model.loading.spec import ModelSpec, distinct_names, parse_spec
from mechcot.runs.engine import LOCAL, Engine
from mechcot.stats.gates import GATE_MEASURE
from mechcot.text.user_truth_files import NO_TRUTH, TruthFiles

EXCHANGE = "chain_exchange"
"""Read on every model's own chains: whether it uses them, whatever the others wrote."""
NULL_SCALE = 1.5
EXPLORER = "explorer.html"
"""The explorer's file in a run's folder."""
MOST = 4096
"""Longest completion, in tokens, when nobody says; `--max-tokens` passes it."""
UNTIL = 512
"""Most problems of a check that asks on until it is decided, when nobody says how many."""
PROBLEMS = 100
"""Problems of a study that does not say how many."""


DRAWN_BY_SERVERS = frozenset({"resampling"})
"""Measures whose continuations a server can draw."""


@dataclass(frozen=True)
class Study:
    """All settings of one run.

    Attributes:
        models: Specs as typed, the reference first.
        out: Folder of the run.
        problems: File, `gsm8k` or a dataset name; None when `traces` is given.
        traces: File of chains written elsewhere, or None.
        fields: Our names for columns of either file, with the columns.
        n: Number of problems or chains; None: 100 problems, or every chain of `traces`.
        measures: Names of measures, None for the standard ones; `NAME:N` takes it on the first N chains of every author only.
        seed: Seed of sampling, nulls and statistics.
        draws: Continuations drawn at each place of a chain, by the measures that draw.
        loading: How the models are loaded and asked.
        author: Who writes the chains that are compared: `first`, the first model for all; `own`, each
            model for itself.
        prompt: `shared`: the first model's rendered text for all; `own`: each model's template; None:
            `shared` for one author's chains, `own` for own chains.
        chains: `correct`: the headline uses chains whose author answered right; `all`: every chain.
        residency: `together` keeps all models in memory, `one-at-a-time` holds one.
        null_reader: `scaled` adds the first model with logits x 1.5 as a reader; `none` leaves it out.
        own_chains: `read`: the tuned models' own chains are read as well, by them and by the first, with the cheap measures; `skip`: only as far as each model's own use of its chain asks for it.
        max_tokens: Longest completion that is written; None: from the first model's context, see `mechcot.compare.completion_length`.
        batch_size: Completions written at a time (halves itself when memory runs out).
        temperature: Sampling temperature, 0 is greedy.
        samples: Further texts that each model writes about each question, for how often they give its answer; None: none.
        workers: Processes that read side by side, one thread each; every one loads the models.
        engine: Where they are: this machine, a Ray cluster, a Slurm queue.
        command: The command line, for the report.
        until: Most problems of a check that asks on until its verdict is decided; None: `n` problems, decided or not.
        overwrite: Whether the folder may hold another run, whose report is then replaced.
        truth: Files of the user's own truth.
        served: Models, as typed, and the address of the server that draws their continuations.
        asking_of: How a later model is asked, by name, where its own texts showed another way than that of the first.
        asking_notes: Why models are asked in another way than their files say, where their own texts showed it; see `mechcot.compare.own_words`.
        trained_on: Which models' training was given questions that they are asked, a sentence each; see `mechcot.model.loading.training_questions`.
        left_out: Measures that a model's family cannot give, each with the reason; see `mechcot.compare.measurable`.
    """

    models: tuple[str, ...]
    out: Path
    problems: str | None = None
    traces: Path | None = None
    fields: tuple[tuple[str, str], ...] = ()
    n: int | None = None
    measures: tuple[str, ...] | None = None
    seed: int = 0
    draws: int = DRAWS
    loading: LoadOptions = DEFAULTS
    author: Literal["first", "own"] = "first"
    prompt: Literal["shared", "own"] | None = None
    chains: Literal["correct", "all"] = "correct"
    residency: Literal["together", "one-at-a-time"] = "together"
    null_reader: Literal["scaled", "none"] = "scaled"
    own_chains: Literal["read", "skip"] = "read"
    max_tokens: int | None = None
    batch_size: int = 16
    temperature: float = 0.0
    samples: int | None = None
    workers: int = 1
    engine: Engine = LOCAL
    truth: TruthFiles = NO_TRUTH
    command: str = ""
    served: tuple[tuple[str, str], ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    until: int | None = None
    overwrite: bool = False
    asking_of: tuple[tuple[str, Asking], ...] = ()
    asking_notes: tuple[str, ...] = ()
    trained_on: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.problems is None) == (self.traces is None):
            raise UserError("expected either --problems or --traces; give exactly one of them")
        if self.author == "own" and self.traces is not None:
            raise UserError(
                "--author own lets each model write its own chains, so it needs --problems instead of --traces"
            )
        for option, value in (
            ("--n", self.n),
            ("--max-n", self.until),
            ("--batch-size", self.batch_size),
            ("--draws", self.draws),
            ("--workers", self.workers),
        ):
            if value is not None and value < 1:
                raise UserError(f"expected {option} of at least 1, got {value}")
        Sampling(
            max_tokens=1 if self.max_tokens is None else self.max_tokens,
            temperature=self.temperature,
        )
        if self.samples is not None and (self.samples < 2 or self.traces is not None):
            raise UserError(
                f"expected --samples of at least 2, got {self.samples}"
                if self.samples < 2
                else "--samples draws further texts of each model, so it needs --problems instead of --traces"
            )
        self._check_served()
        _ = self.most_chains
        both = sorted(PAIRED & set(self.measure_names))
        if both and self.residency == "one-at-a-time":
            raise UserError(
                f"{', '.join(both)} needs two models in memory; leave it out, or run without --one-at-a-time"
            )

    def _check_served(self) -> None:
        if unknown := [model for model, _ in self.served if model not in self.models]:
            raise UserError(
                f"--served {unknown[0]}=...: expected one of the models, as typed: {', '.join(self.models)}"
            )
        if self.served and not DRAWN_BY_SERVERS & set(self.measure_names):
            raise UserError(
                f"--served draws the continuations of {', '.join(DRAWN_BY_SERVERS)}; add --measures {', '.join(DRAWN_BY_SERVERS)}, or leave it out"
            )

    def address_of(self, reader: str) -> tuple[str, str] | None:
        """Return the model, as typed, and the address of the server that draws for a reader; None: it draws itself."""
        name = reader.partition("@logits=")[0]
        typed = dict(zip((spec.name for spec in self.specs), self.models, strict=True))
        return next((pair for pair in self.served if pair[0] == typed.get(name)), None)

    def asking(self, name: str) -> Asking:
        """Return how a model is asked; a null as the model that it is made from."""
        return dict(self.asking_of).get(name.partition("@logits=")[0], self.loading.asking)

    @property
    def side_by_side(self) -> bool:
        """Return whether measurements are taken outside of this process."""
        return self.workers > 1 or self.engine != LOCAL

    @property
    def drawn(self) -> tuple["Study", ...]:
        """Return the settings of which each writes one further text of every model about every question."""
        temperature = self.temperature or 1.0
        return tuple(
            replace(self, samples=None, temperature=temperature, seed=self.seed + 1 + index)
            for index in range(self.samples or 0)
        )

    @property
    def most(self) -> int | None:
        """Return how many problems or chains are taken at most; None: all."""
        if self.until is not None:
            return self.until
        return PROBLEMS if self.n is None and self.traces is None else self.n

    @property
    def template(self) -> Literal["shared", "own"]:
        """Return whose prompt template renders a model's questions."""
        return self.prompt or ("own" if self.author == "own" else "shared")

    @property
    def specs(self) -> tuple[ModelSpec, ...]:
        """Parsed specs with names that differ."""
        return distinct_names(tuple(parse_spec(text) for text in self.models))

    @property
    def measure_names(self) -> tuple[str, ...]:
        """The measures that will be taken, gates first."""
        return chosen_measures(self.measures and [name.partition(":")[0] for name in self.measures])

    @property
    def most_chains(self) -> dict[str, int]:
        """Measure to the most chains that it is taken on, for those that have a limit.

        Raises:
            UserError: A limit is no whole number of at least 1.
        """
        limits = {}
        for text in self.measures or ():
            name, colon, most = text.partition(":")
            if colon and name == "all":
                raise UserError(f"expected measures by name with a limit of chains, got {text!r}")
            if colon and not (most.isdecimal() and int(most)):
                raise UserError(f"expected --measures {name}:N with N of at least 1, got {text!r}")
            if name in limits:
                raise UserError(f"expected one limit for {name}, got {text!r} besides")
            if colon:
                limits[name] = int(most)
        return limits


@dataclass(frozen=True)
class Condition:
    """Chains of one author read by one reader with some measures.

    Attributes:
        author: Name of who wrote the chains.
        reader: Name of who reads them.
        spec: Spec of the reader (differs from the name for the scaled null).
        measures: Names of measures.
        role: `headline`, `own`, `null`, or `use`: own chains for the verdict of each model alone.
    """

    author: str
    reader: str
    spec: ModelSpec
    measures: tuple[str, ...]
    role: Literal["headline", "own", "null", "use"]


def cells(study: Study, *, author: str) -> tuple[Condition, ...]:
    """All cells of a study, grouped by reader.

    Args:
        study: The study.
        author: Name of the headline chains' author (the first model, or the traces' own author); on own
            chains it is each reader, and the null's is the first model.
    """
    specs = study.specs
    names = study.measure_names
    cheap = tuple(name for name in names if MEASURES[name].card.own_chains)
    first = specs[0]
    own = study.author == "own"
    found = [
        Condition(spec.name if own else author, spec.name, spec, names, "headline")
        for spec in specs
    ]
    if study.null_reader == "scaled":
        null = scaled(first)
        found.insert(1, Condition(author, null.name, null, names, "null"))
    if study.traces is None and not own:
        for spec in specs[1:]:
            if study.own_chains == "skip":
                found.append(Condition(spec.name, spec.name, spec, (GATE_MEASURE,), "own"))
                continue
            found.append(Condition(spec.name, spec.name, spec, cheap, "own"))
            found.append(Condition(spec.name, first.name, first, cheap, "own"))
            if shared := tuple(name for name in names if MEASURES[name].card.by_others):
                others = (other for other in specs[1:] if other is not spec)
                found += [Condition(spec.name, o.name, o, shared, "own") for o in others]
    return by_reader(found)


def use_cells(study: Study) -> tuple[Condition, ...]:
    """The cells that judge each model alone on its own chains, and the null reader on those of the first; none where chains are given."""
    if study.traces is not None:
        return ()
    readers = [(spec.name, spec) for spec in study.specs]
    null = [(readers[0][0], scaled(readers[0][1]))] if study.null_reader == "scaled" else []
    return tuple(
        Condition(author, spec.name, spec, (EXCHANGE,), "use") for author, spec in readers + null
    )


def by_reader(table: Sequence[Condition]) -> tuple[Condition, ...]:
    """The cells of a reader side by side, readers in the order in which they first occur."""
    order = {cell.reader: index for index, cell in reversed(list(enumerate(table)))}
    return tuple(sorted(table, key=lambda cell: order[cell.reader]))


def scaled(spec: ModelSpec) -> ModelSpec:
    """The same model, only more confident."""
    name = f"{spec.name}@logits={NULL_SCALE:g}"
    return replace(spec, name=name, logit_scale=spec.logit_scale * NULL_SCALE)
