"""A cell of a study: one arm under one seed, from its training to the numbers of its checkpoints; `base` and the anchors are cells without training.

Whatever decides a cell's numbers is in its key, but for the weights of a model that has a name everywhere: a clone on another machine goes on.
"""

import re
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mechcot.core.errors import NotMeasurable, UserError
from mechcot.core.store import digest, file_digest, nan_to_none, read_json
from mechcot.finetune.checkpoints import step_of
from mechcot.finetune.forecast import REHEARSED
from mechcot.finetune.lab.questions import question_sets
from mechcot.finetune.lab.reading import CHEAP, CheckpointReader, Numbers
from mechcot.finetune.lab.settings import (
    BASE_ARM,
    GIVEN_QUESTIONS,
    LEAKED,
    MISLED,
    PLAIN_QUESTIONS,
    Lab,
)
from mechcot.finetune.material import MaterialSource, drawn_problems
from mechcot.finetune.merging import whole_base
from mechcot.finetune.own_texts import write_groups
from mechcot.finetune.run import ARM_FILE, Tuning, tune
from mechcot.model.loading.fingerprints import hash_spec
from mechcot.model.loading.options import LoadOptions
from mechcot.model.loading.spec import parse_spec
from mechcot.model.reasoner import Reasoner

_VERSION = 1
"""Of what stands in a cell."""
RECORDED = ("budget", "data", "recipe", "weights", "versions", "seconds")
"""What a cell keeps of `arm.json`."""


@dataclass(frozen=True)
class LabCell:
    """One arm under one seed.

    Attributes:
        lab: The study.
        name: Of the arm, of an anchor, or `base`.
        seed: The seed.
        work: Folder for weights and what is under way.
        loading: Where models run, and how they are asked.
    """

    lab: Lab
    name: str
    seed: int
    work: Path
    loading: LoadOptions

    @property
    def base(self) -> str:
        """The model that training starts from."""
        return self.lab.bases[self.seed % len(self.lab.bases)]

    @property
    def trained(self) -> bool:
        """Whether it is an arm."""
        return self.name in self.lab.arms

    @property
    def key(self) -> str:
        """A name that people can read, and a hash of whatever decides the numbers."""
        lab, recipes = self.lab, []
        if self.trained:
            before = lab.arms[self.name].after
            recipes = [asdict(lab.recipe(n, self.seed)) for n in (before, self.name) if n]
        files = [lab.traces, lab.held_out, lab.problems, *lab.shifts.values()]
        known = [
            file_digest(Path(f)) for f in files if isinstance(f, str) and f and Path(f).is_file()
        ]
        asked = [
            asdict(lab.read),
            lab.shifts,
            lab.problems,
            lab.train.n,
            lab.train.depth,
            lab.fields,
        ]
        model = self.lab.anchors.get(self.name, self.base)
        loading = [self.loading.dtype, self.loading.asking.key]
        plain = re.sub(r"[^A-Za-z0-9.-]+", "-", self.name).strip("-.")
        parts = [_VERSION, self.name, self.seed, _known(model), recipes, known, asked, loading]
        return f"{plain}-s{self.seed}-{digest(parts)}"

    @property
    def folder(self) -> Path:
        """Its folder for weights and what is under way."""
        return self.work / self.key


def _known(model: str) -> list[str | None]:
    """A model's name, with the hash of its weights where the name is a path of this machine."""
    spec = parse_spec(model) if Path(model.partition("@")[0]).expanduser().exists() else None
    return [model, hash_spec(spec) if spec is not None else None]


def all_cells(lab: Lab, work: Path, loading: LoadOptions) -> list[LabCell]:
    """The cells, all arms of the first seed before any of the next."""
    cells = [LabCell(lab, name, 0, work, loading) for name in lab.anchors]
    for seed in range(lab.seeds):
        cells += [LabCell(lab, name, seed, work, loading) for name in (BASE_ARM, *lab.arms)]
    return cells


def run_cell(cell: LabCell) -> dict[str, Any]:
    """Train a cell and read its checkpoints; gives what is kept of it.

    Raises:
        NotMeasurable: The base or the data do not allow the arm.
    """
    started = time.time()
    try:
        record, readings = _numbers(cell)
    except UserError as reason:  # of this cell; the others go on
        raise NotMeasurable(f"{cell.name}, seed {cell.seed}: {reason}") from None
    item = {
        "schema": _VERSION,
        "arm": cell.name,
        "seed": cell.seed,
        "base": cell.base,
        "train": record,
        "readings": readings,
        "seconds": round(time.time() - started, 1),
    }
    shutil.rmtree(cell.folder / "read", ignore_errors=True)
    return nan_to_none(item)


def _numbers(cell: LabCell) -> tuple[dict[str, Any], list[Numbers]]:
    """The record of the training, and what was read."""
    if not cell.trained:
        spec = cell.lab.anchors.get(cell.name, cell.base)
        sampled = _sampled(cell) if cell.name == BASE_ARM else {}
        return sampled, list(_at_end(cell, spec, 0))
    record, checkpoints = _trained(cell)
    readings = (_at_checkpoint(cell, path, checkpoints) for path in checkpoints)
    return record, [reading for several in readings for reading in several]


def _sampled(cell: LabCell) -> dict[str, float]:
    """What the base's texts on problems of the training give an arm to learn from."""
    job = tuning(cell, cell.lab.control, cell.base, cell.folder)
    problems = drawn_problems(job.source, cell.seed)[:REHEARSED]
    reader = Reasoner.open(cell.base, cell.loading)
    groups = write_groups(reader, problems, job.recipe.own, seed=cell.seed)
    return {"right": groups.right, "mixed": groups.mixed}


def _trained(cell: LabCell) -> tuple[dict[str, Any], Sequence[Path]]:
    """The record of the training, and its checkpoints."""
    before = cell.lab.arms[cell.name].after
    base = whole_base(cell.base, cell.work / "bases", cell.loading)
    if before:
        ended = tune(tuning(cell, before, base, cell.folder / "before"), claimed=nullcontext())[-1]
        base = whole_base(str(ended), cell.folder / "start", cell.loading)
    job = tuning(cell, cell.name, base, cell.folder / "train")
    checkpoints = tune(job, claimed=nullcontext())
    record = read_json(job.out / ARM_FILE, what="the record of a training")
    return {name: record[name] for name in RECORDED}, checkpoints


def tuning(cell: LabCell, arm: str, base: str, out: Path) -> Tuning:
    """The training of an arm under the cell's seed."""
    lab = cell.lab
    source = MaterialSource(
        lab.problems,
        Path(lab.traces) if lab.traces else None,
        lab.train.n,
        lab.fields,
        depth=lab.train.depth,
    )
    out.mkdir(parents=True, exist_ok=True)
    recipe = lab.recipe(arm, cell.seed)
    return Tuning(base, recipe, source, out, cell.loading, command="mechcot lab")


def _at_checkpoint(cell: LabCell, path: Path, checkpoints: Sequence[Path]) -> Iterator[Numbers]:
    step = step_of(path)
    if path == checkpoints[-1]:
        yield from _at_end(cell, str(path), step)
        return
    read, sets = _reader(cell), question_sets(cell.lab, cell.seed)
    names = [PLAIN_QUESTIONS]
    if cell.lab.trained_on(cell.name) == LEAKED:
        names += [LEAKED, MISLED]
    for name in names:
        few = sets[name].first(cell.lab.read.snapshot_n)
        measures = () if name == MISLED else CHEAP
        yield _named(step, name, read.read(str(path), few, measures, name=f"{path.name}/{name}"))


def _at_end(cell: LabCell, spec: str, step: int) -> Iterator[Numbers]:
    """Everything, on every set."""
    read, sets = _reader(cell), question_sets(cell.lab, cell.seed)
    for name, questions in sets.items():
        measures: Sequence[str] = () if name == MISLED else CHEAP
        if name == PLAIN_QUESTIONS:
            measures = tuple(dict.fromkeys((*CHEAP, *cell.lab.read.measures)))
        numbers = read.read(spec, questions, measures, name=f"end/{name}")
        yield _named(step, name, numbers)
    if cell.trained or cell.name == BASE_ARM:
        yield _named(
            step,
            GIVEN_QUESTIONS,
            read.read_given(spec, cell.base, sets[PLAIN_QUESTIONS], name="end/given"),
        )


def _named(step: int, name: str, numbers: Numbers) -> Numbers:
    return {"step": step, "set": name} | numbers


def _reader(cell: LabCell) -> CheckpointReader:
    return CheckpointReader(cell.lab, cell.seed, cell.folder / "read", cell.loading)
