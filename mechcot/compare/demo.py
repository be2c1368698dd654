"""The demo: the three shipped models on one problem file with the cue present for all of them."""

import os
from dataclasses import replace
from pathlib import Path

import torch

from mechcot.compare.command_line import command_of
from mechcot.compare.run import run
from mechcot.compare.study import Study
from mechcot.core.errors import UserError
from mechcot.model.loading.options import DEFAULTS, LoadOptions
from mechcot.organisms.problems import problems, write_problems

MODELS = ("organism:base", "organism:bypass", "organism:control")
_LONGEST = 320
DEMO_HOPS = (2, 3)
"""Short questions, so that the demo takes about two minutes."""
MOST_WORKERS = 4


def run_demo(
    *,
    out: Path,
    n: int,
    seed: int,
    workers: int | None = None,
    loading: LoadOptions = DEFAULTS,
    overwrite: bool = False,
) -> None:
    """Compare base with bypass and with control.

    Processes of one torch thread each: at this width a second thread costs more than it brings, and the
    numbers stay the same whatever the number of cores.

    Args:
        out: Run directory; the problem file goes there too.
        n: How many problems.
        seed: Of problems and study.
        workers: How many processes; None: as many as cores, at most `MOST_WORKERS`.
        loading: Where and in which type of numbers the models run.
        overwrite: Replace the report of another run.
    """
    torch.set_num_threads(1)
    workers = workers or min(os.cpu_count() or 1, MOST_WORKERS)
    path = out / f"problems-{n}-{seed}.jsonl"  # never over a file of the user's
    new = not path.exists()
    write_problems(path, problems(n, seed=seed, style="random", hops=DEMO_HOPS))
    study = Study(
        models=MODELS,
        out=out,
        problems=str(path),
        n=n,
        seed=seed,
        max_tokens=_LONGEST,
        batch_size=n,
        workers=workers,
        loading=loading,
        overwrite=overwrite,
    )
    study = replace(study, command=command_of(study, "compare"))
    try:
        run(study)
    except UserError:
        if new:
            path.unlink()
        raise
