"""`mechcot tune`: from a base, an arm and its material to checkpoints, `arm.json` and curves."""

import platform
import shutil
import sys
import time
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from mechcot.core.errors import UserError
from mechcot.core.store import write_json
from mechcot.finetune.arm import TrainingArm, arm_named
from mechcot.finetune.checkpoints import STATE_FOLDER
from mechcot.finetune.draws import leaking
from mechcot.finetune.forecast import TrainingCost, forecast
from mechcot.finetune.material import MaterialSource, gather
from mechcot.finetune.merging import whole_base
from mechcot.finetune.recipe import SOFT, ArmRecipe, SoftRecipe
from mechcot.finetune.session import TuningSession
from mechcot.model.loading.options import DEFAULTS, LoadOptions
from mechcot.model.loading.spec import parse_spec
from mechcot.model.loading.training_questions import (
    TRAINING_QUESTIONS,
    write_training_questions,
)
from mechcot.model.reasoner import Reasoner

ARM_FILE = "arm.json"
BASES_FOLDER = "base"
"""Folder of a base with its adapter folded in: what the trained adapters rest on."""


@dataclass(frozen=True)
class Tuning:
    """A training that was asked for.

    Attributes:
        base: The model.
        recipe: How it is trained.
        source: Problems and chains.
        out: Folder.
        loading: Where it runs, and how it is asked.
        command: What the user typed, for the record.
        progress: Show a bar.
        soft: What stands before the chain of a frozen base, for arms that train that.
    """

    base: str
    recipe: ArmRecipe
    source: MaterialSource
    out: Path
    loading: LoadOptions = DEFAULTS
    command: str = ""
    progress: bool = True
    soft: SoftRecipe = SOFT


def tune(job: Tuning, *, claimed: AbstractContextManager[None], anew: bool = False) -> list[Path]:
    """Train one arm; gives its checkpoints in the order of training.

    Args:
        job: What is trained.
        claimed: Claims the folder.
        anew: Remove what is there first; else an interrupted run goes on, and a finished one stays.

    Raises:
        UserError: The arm, the material or the model do not allow it.
    """
    if find_spec("trl") is None:
        raise UserError("fine-tuning needs the package trl: pip install 'mechcot[train]'")
    arm = arm_named(job.recipe.arm)
    if job.recipe.leak is not None and arm.hints:
        raise UserError(f"--arm {arm.name} sets its hints itself; leave --leak out")
    with claimed:
        if anew:
            _remove(job.out)
        if (job.out / ARM_FILE).is_file():
            return _checkpoints(job.out)
        return _trained(job, arm)


def cost(job: Tuning) -> TrainingCost:
    """What a training would cost; the base is loaded and writes a few texts, nothing is trained.

    Raises:
        UserError: The arm, the material or the model do not allow it.
    """
    with TemporaryDirectory() as folder:
        return forecast(open_session(job, arm_named(job.recipe.arm), Path(folder)))


def _remove(out: Path) -> None:
    for name in (ARM_FILE, TRAINING_QUESTIONS):
        (out / name).unlink(missing_ok=True)
    for folder in (out / STATE_FOLDER, out / BASES_FOLDER, *_checkpoints(out)):
        shutil.rmtree(folder, ignore_errors=True)


def _checkpoints(out: Path) -> list[Path]:
    return sorted(out.glob("step-*"))


def _trained(job: Tuning, arm: TrainingArm) -> list[Path]:
    from mechcot.finetune.methods import TRAINING_METHODS  # needs trl

    started, recipe = time.time(), job.recipe
    session = open_session(job, arm, job.out / BASES_FOLDER)
    weights = session.reader.weights_hash
    write_training_questions(job.out, session.material.problems, parse_spec(job.base))
    used = TRAINING_METHODS[arm.trainer](session)
    packages = ("torch", "transformers", "trl", "peft")
    record = {
        "schema": 1,
        "arm": arm.name,
        "about": arm.about,
        "base": job.base,
        "weights": weights,
        "recipe": asdict(recipe)
        | {"rate": recipe.peak(arm.trainer), "leak": recipe.leak or arm.leak},
        **({"soft": asdict(job.soft)} if arm.trainer == "soft" else {}),
        **used,
        "checkpoints": [path.name for path in _checkpoints(job.out)],
        "seconds": round(time.time() - started, 1),
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in packages},
        "command": job.command or " ".join(["mechcot", *sys.argv[1:]]),
    }
    write_json(job.out / ARM_FILE, record)
    shutil.rmtree(job.out / STATE_FOLDER, ignore_errors=True)
    return _checkpoints(job.out)


def open_session(job: Tuning, arm: TrainingArm, bases: Path) -> TuningSession:
    """What a training works with; the base is loaded, and the material read.

    Args:
        job: What is trained.
        arm: On what.
        bases: Folder for a copy of the base with its adapter folded in, where it has one.

    Raises:
        UserError: The material or the model do not allow it.
    """
    job = replace(job, base=whole_base(job.base, bases, job.loading))
    recipe, open_base = job.recipe, partial(_base, job)
    material = gather(job.source, arm, open_base(), seed=recipe.seed)
    hinted = leaking(material.problems, recipe.leak or arm.leak, recipe.seed)
    at = partial(_at, job)
    return TuningSession(
        arm, recipe, material, open_base, at, hinted, job.out, job.progress, job.soft
    )


def _base(job: Tuning) -> Reasoner:
    """The base, in float32 where all weights are trained."""
    whole = job.recipe.lora is None
    return Reasoner.open(job.base, replace(job.loading, dtype="float32") if whole else job.loading)


def _at(job: Tuning, checkpoint: Path) -> Reasoner:
    """The model at a checkpoint."""
    if job.recipe.lora is None:
        return Reasoner.open(str(checkpoint), job.loading)
    return Reasoner.open(replace(parse_spec(job.base), adapter=str(checkpoint)), job.loading)
