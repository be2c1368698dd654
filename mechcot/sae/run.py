"""One run of `mechcot sae train`: chains, states, training, fit; and what the other commands start from."""

import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from mechcot.core.errors import UserError
from mechcot.core.pair import Pair
from mechcot.core.store import file_digest, read_json, write_json
from mechcot.core.trace import Trace
from mechcot.model.compatibility import refuse_soft
from mechcot.model.internals.sites import Site
from mechcot.model.loading.fingerprints import hash_module
from mechcot.model.loading.options import DEFAULTS, LoadOptions
from mechcot.model.loading.pairs import load_models
from mechcot.model.loading.spec import parse_spec
from mechcot.model.reasoner import Reasoner
from mechcot.runs.executor import SERIAL, Executor
from mechcot.runs.output_claims import claimed
from mechcot.runs.reader_keys import precision, read_by
from mechcot.sae.chains import ChainSource, chains
from mechcot.sae.dictionary import Dictionary, load
from mechcot.sae.evaluation import Evaluation, evaluate
from mechcot.sae.token_states import token_states
from mechcot.sae.training import TrainingSettings, train
from mechcot.tasks import missing_for
from mechcot.text.user_truth_files import NO_TRUTH, TruthFiles

HELD_OUT = 64
RECORD = "training.json"
THE_RECORD = "the record of a dictionary's training"
_SCHEMA = 1
_NO_SETTINGS = {"problems_seen", "versions"}
"""What a record tells beside the settings."""
USES = {
    "kinds": "numbers by kind of step",
    "paraphrases": "the trial by rewording",
    "step_graph": "probes of a value's later use",
}
"""What the commands after the training need to know of the problems."""


@dataclass(frozen=True)
class Training:
    """Settings of `mechcot sae train`; see its options."""

    base: str
    tuned: str
    site: str
    settings: TrainingSettings
    problems: str | None
    n: int
    max_tokens: int
    out: Path
    loading: LoadOptions = DEFAULTS
    fields: tuple[tuple[str, str], ...] = ()
    traces: Path | None = None
    executor: Executor = SERIAL
    overwrite: bool = False


@dataclass(frozen=True)
class TrainedDictionary:
    """Inputs of the commands after the training.

    Attributes:
        dictionary: The dictionary.
        readers: Both checkpoints.
        traces: Chains that it was not trained on, with exact kinds where they are known.
        fits: Its fit on both checkpoints, on these chains.
    """

    dictionary: Dictionary
    readers: Pair[Reasoner]
    traces: list[Trace]
    fits: Pair[Evaluation]

    @property
    def missing(self) -> dict[str, str]:
        """Parts of the study that the problems' tasks leave unknown or inexact -> what follows."""
        return missing_for([trace.problem for trace in self.traces], USES)


@dataclass(frozen=True)
class Prepared:
    """What a training needs: models and chains, and what is noted of it.

    Attributes:
        readers: Both checkpoints.
        site: Where.
        seen: Chains to train on.
        held_out: Chains for the fit.
        settings: Whatever decides what the training gives.
        made: Whether it is finished.
    """

    readers: Pair[Reasoner]
    site: Site
    seen: list[Trace]
    held_out: list[Trace]
    settings: dict[str, Any]
    made: bool

    def note(self, out: Path) -> None:
        """Note in a folder that the training is finished, and what it has seen."""
        ids = sorted({trace.problem.id for trace in (*self.seen, *self.held_out)})
        write_json(out / RECORD, self.settings | {"problems_seen": ids, "versions": _versions()})


@contextmanager
def prepared(job: Training, command: str) -> Iterator[Prepared]:
    """Load the models, claim the folder for what is done inside, and read or write the chains.

    Args:
        job: The training.
        command: Whose the folder is, such as `sae train`.

    Raises:
        UserError: A site that is not in a model, tokenizers or soft tokens that differ, or the folder of another run.
    """
    site = Site.parse(job.site)
    readers = Pair(*load_models((job.base, job.tuned), job.loading))
    refuse_soft(*readers)
    for reader in readers:
        _check_site(reader, site)
    settings = _settings(job, readers) | _maker(command)
    made = _recorded(job.out, settings)
    with claimed(job.out, command, settings, earlier=made, overwrite=job.overwrite):
        asked = ChainSource(
            job.problems,
            job.n,
            job.settings.seed,
            max_tokens=job.max_tokens,
            fields=job.fields,
            traces=job.traces,
        )
        traces = chains(readers, asked, folder=job.out / "chains", executor=job.executor)
        seen, held_out = _split(traces, min(HELD_OUT, max(2, len(traces) // 6)))
        yield Prepared(readers, site, seen, held_out, settings, made == settings)


def _maker(command: str) -> dict[str, str]:
    """Which command a training is of; that it is `sae train` goes without saying, so that folders of earlier versions go on."""
    return {} if command == "sae train" else {"command": command}


def train_and_fit(job: Training) -> list[str]:
    """Train, save and fit; a finished dictionary with the same settings is not trained again.

    Returns:
        Lines for people: the fit on each side, on held-out chains.

    Raises:
        UserError: As `prepared`, or too few tokens.
    """
    with prepared(job, "sae train") as ready:
        if not ready.made:
            states = [
                token_states(reader, ready.seen, ready.site).states for reader in ready.readers
            ]
            trained = train(
                torch.cat(states), site=ready.site, model=job.base, settings=job.settings
            )
            trained.save(job.out)
            ready.note(job.out)
        dictionary = load(str(job.out))
        fits = ready.readers.map(lambda reader: evaluate(dictionary, reader, ready.held_out))
        write_json(job.out / "fit.json", [fit.to_json() for fit in fits])
        return [*(str(fit) for fit in fits), f"written: {job.out}"]


@contextmanager
def open_study(  # noqa: PLR0913 - one argument per option
    source: str,
    base: str,
    tuned: str,
    *,
    problems: str | None,
    n: int,
    seed: int,
    out: Path,
    loading: LoadOptions = DEFAULTS,
    fields: Mapping[str, str] | None = None,
    traces: Path | None = None,
    truth: TruthFiles = NO_TRUTH,
    executor: Executor = SERIAL,
    overwrite: bool = False,
) -> Iterator[TrainedDictionary]:
    """Load a dictionary and both models, read or write fresh chains and evaluate the dictionary on them; the folder is claimed for what is done inside.

    Args:
        source: Folder, or RELEASE/ID.
        base: The model before.
        tuned: The model after.
        problems: Where problems come from; None: the shipped task.
        n: How many.
        seed: Of problems; an organism's training used another one by 1000.
        out: Where chains are kept.
        loading: How the models are loaded and asked.
        fields: Where to find id, question and answer of a problem.
        traces: A file of chains; None: the models write them.
        truth: Files of the user's own truth.
        executor: Where chains are written.
        overwrite: Take over the folder of another dictionary or other models.

    Raises:
        UserError: The dictionary does not fit, or no fresh problems are left.
    """
    dictionary = load(source)
    readers = Pair(*load_models((base, tuned), loading))
    for reader in readers:
        dictionary.check(reader)
    read = {"dictionary": hash_module(dictionary.sae)} | read_by(list(readers), [])
    with claimed(out, "sae", read, overwrite=overwrite):
        record = Path(source) / RECORD
        seen = read_json(record, what=THE_RECORD)["problems_seen"] if record.is_file() else []
        asked = ChainSource(
            problems,
            n,
            seed + 1000,
            frozenset(seen),
            fields=tuple((fields or {}).items()),
            traces=traces,
            truth=truth,
            uses=USES,
        )
        read = chains(readers, asked, folder=out / "chains", executor=executor)
        fits = readers.map(lambda reader: evaluate(dictionary, reader, read))
        yield TrainedDictionary(dictionary, readers, read, fits)


def _split(traces: list[Trace], count: int) -> tuple[list[Trace], list[Trace]]:
    """Take every so many for the fit, so that both authors are in it."""
    every = max(2, len(traces) // count)
    return [t for i, t in enumerate(traces) if i % every], traces[::every]


def _check_site(reader: Reasoner, site: Site) -> None:
    blocks = reader.model.config.get_text_config().num_hidden_layers
    if site.layer >= blocks:
        raise UserError(
            f"{site.name} is not in {reader.name}: it has {blocks} blocks, counted from 0; name an earlier one"
        )


def _versions() -> dict[str, str]:
    """Versions of what trained a dictionary."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "sae_lens": version("sae-lens"),
    }


def _settings(job: Training, readers: Pair[Reasoner]) -> dict[str, Any]:
    """Whatever decides what a training gives."""
    questions = Path(job.problems or "")
    dtypes = [dtype for reader in readers for dtype in precision(reader)]
    return {
        "schema": _SCHEMA,
        "models": [parse_spec(name).name for name in (job.base, job.tuned)],
        "weights": [reader.weights_hash for reader in readers],
        "site": Site.parse(job.site).name,
        "settings": asdict(job.settings),
        "problems": job.problems,
        "n": job.n,
        "max_tokens": job.max_tokens,
        **({"dtype": dtypes} if dtypes else {}),
        **({"asking": job.loading.asking.key} if job.loading.asking.key else {}),
        **({"fields": dict(job.fields)} if job.fields else {}),
        **({"questions": file_digest(questions)} if questions.is_file() else {}),
        **({"traces": file_digest(job.traces)} if job.traces else {}),
    }


def _recorded(out: Path, settings: Mapping[str, Any]) -> dict[str, Any] | None:
    """The settings of the finished training in a folder; None: there is none.

    Args:
        out: The folder.
        settings: Those of now, for what earlier versions did not note.
    """
    if not (out / RECORD).is_file():
        return None
    record = read_json(out / RECORD, what=THE_RECORD)
    unnoted = {n: settings[n] for n in ("max_tokens", "questions") if n in settings}
    return {k: v for k, v in (unnoted | record).items() if k not in _NO_SETTINGS}
