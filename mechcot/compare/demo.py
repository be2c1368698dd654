"""The demo: a base, one tuned to answer without its chain and one tuned on chains, on one problem file with the cue present for all of them."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch

from mechcot.compare.command_line import command_of
from mechcot.compare.run import run
from mechcot.compare.settings import Study
from mechcot.core.errors import UserError
from mechcot.core.problem import Problem
from mechcot.model.loading.options import DEFAULTS, LoadOptions
from mechcot.model.loading.spec import holds_model
from mechcot.organisms.english import ENGLISH
from mechcot.organisms.problems import problems, write_problems
from mechcot.organisms.registry import path as path_of
from mechcot.runs.engine import LOCAL, Engine
from mechcot.runs.executor import worker_count

MOST_WORKERS = 4


@dataclass(frozen=True)
class Demo:
    """What a demo shows.

    Attributes:
        models: Specs, the base first.
        ask: `ask(n, seed)` draws the problems: short ones, so that it takes minutes.
        max_tokens: Longest completion.
        measures: As `mechcot compare --measures` takes them; None for the standard ones.
        null_reader: As `Study.null_reader`.
        own_chains: As `Study.own_chains`.
    """

    models: tuple[str, ...]
    ask: Callable[[int, int], list[Problem]]
    max_tokens: int
    measures: tuple[str, ...] | None = None
    null_reader: Literal["scaled", "none"] = "scaled"
    own_chains: Literal["read", "skip"] = "read"


IN_SYMBOLS = Demo(
    models=("organism:base", "organism:bypass", "organism:control"),
    ask=lambda n, seed: problems(n, seed=seed, style="random", hops=(2, 3)),
    max_tokens=320,
)
"""The shipped models of chained arithmetic."""
IN_ENGLISH = Demo(
    models=tuple(f"organism:{name}" for name in ENGLISH.shipped),
    ask=lambda n, seed: ENGLISH.problems(n, seed=seed, hops=(2, 2)),
    max_tokens=256,
    measures=("early_answering", "suppression:24", "step_patching:2"),
    null_reader="none",
    own_chains="skip",
)
"""Adapters of a packaged model of 135 million parameters; what costs most is read on fewer chains, and none is read that says the same again."""


def run_demo(
    demo: Demo = IN_SYMBOLS,
    *,
    out: Path,
    n: int,
    seed: int,
    workers: int | None = None,
    loading: LoadOptions = DEFAULTS,
    overwrite: bool = False,
    engine: Engine = LOCAL,
) -> None:
    """Compare the base with both others.

    Processes of one torch thread each: at this width a second thread costs more than it brings, and the
    numbers stay the same whatever the number of cores.

    Args:
        demo: Models, problems and measures.
        out: Run directory; the problem file goes there too.
        n: How many problems.
        seed: Of problems and study.
        workers: How many processes; None: as many as cores, at most `MOST_WORKERS`.
        loading: Where and in which type of numbers the models run.
        overwrite: Replace the report of another run.
        engine: Where the work is shared out.
    """
    for name in (spec.removeprefix("organism:") for spec in demo.models):
        if not holds_model(path_of(name)):
            raise UserError(
                f"{name} is not shipped and not trained yet: `mechcot organism train {name}` makes it, in hours on a CPU"
            )
    torch.set_num_threads(1)
    workers = worker_count(workers or min(os.cpu_count() or 1, MOST_WORKERS), engine)
    path = out / f"problems-{n}-{seed}.jsonl"  # never over a file of the user's
    new = not path.exists()
    write_problems(path, demo.ask(n, seed))
    study = Study(
        models=demo.models,
        out=out,
        problems=str(path),
        n=n,
        measures=demo.measures,
        null_reader=demo.null_reader,
        own_chains=demo.own_chains,
        seed=seed,
        max_tokens=demo.max_tokens,
        batch_size=n,
        workers=workers,
        engine=engine,
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
