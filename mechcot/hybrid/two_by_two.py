"""The 2 x 2: a vector read from each of two models, added to each of them at one dose. Is a change a mechanism, or what calls it?

What is tried: `mechcot.hybrid.behaviours`; verdicts: `mechcot.hybrid.crossed_verdicts`. Random vectors are added at each site and phase of these, at the same dose.
Each is an experiment of `mechcot steer run`, in a folder of its own, so that the same command goes on.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from mechcot.core.errors import UserError
from mechcot.core.pair import Pair
from mechcot.core.store import nan_to_none, write_json, write_text
from mechcot.core.trace import StepKind
from mechcot.hybrid.behaviours import Behaviour, behaviours_of_chance, folder_name
from mechcot.hybrid.crossed_rows import RandomChange, crossed_row, random_changes
from mechcot.model.loading.options import DEFAULTS, LoadOptions
from mechcot.model.reasoner import Reasoner
from mechcot.runs.executor import SERIAL, Executor
from mechcot.steering.experiment import Apply, Experiment, ItemSettings
from mechcot.steering.run import run_experiment
from mechcot.view.pages.two_by_two import decided_by, two_by_two_page

CHANCE = 4
"""Pairs of random vectors that are added beside those of one site, phase and start of steps."""


@dataclass(frozen=True)
class CrossSettings:
    """Settings of a 2 x 2.

    Attributes:
        problems: File of problems.
        nats: Dose of every vector on every model.
        n: Problems that are asked.
        chains: Others, on whose clean texts doses are measured.
        max_tokens: Longest text.
        seed: Of draws and statistics.
        fields: Where the file has its columns.
        chance: Pairs of random vectors.
    """

    problems: str
    nats: float = 0.1
    n: int = 32
    chains: int = 16
    max_tokens: int = 320
    seed: int = 0
    fields: Mapping[str, str] = field(default_factory=dict)
    chance: int = CHANCE


def run_two_by_two(
    specs: Pair[str],
    models: Pair[Reasoner],
    behaviours: Sequence[Behaviour],
    settings: CrossSettings,
    *,
    out: Path,
    loading: LoadOptions = DEFAULTS,
    executor: Executor = SERIAL,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Run the 2 x 2 of every behaviour, and of random vectors; writes two_by_two.json and report.html.

    Args:
        specs: The models by name.
        models: The same, loaded.
        behaviours: What is tried.
        settings: On which problems, and how much is added.
        out: Folder; each behaviour has one below it.
        loading: How the models are loaded.
        executor: Where conditions are written.
        overwrite: Replace other runs in the folders of the behaviours.

    Returns:
        `models` (names), `nats`, `n`, `chains`, `rows` (see `crossed_row`), `notes`, `left_out` with reasons.

    Raises:
        UserError: Nothing can be tried, or both models are one.
    """
    if specs.before == specs.after:
        raise UserError(
            f"expected two models, got {specs.before} twice; vectors of one model on another need another"
        )
    kwargs: dict[str, Any] = {"loading": loading, "executor": executor, "overwrite": overwrite}
    kwargs["models"] = dict(zip(specs, models, strict=True))
    tried: list[tuple[Behaviour, Mapping[str, Any]]] = []
    left_out: dict[str, str] = {}
    chance: dict[Any, list[RandomChange]] = {}
    seen = tuple(sorted({question for behaviour in behaviours for question in behaviour.seen}))

    def folder_of(behaviour: Behaviour) -> Path:
        return out / "runs" / folder_name(behaviour.name)

    def attempt(behaviour: Behaviour) -> list[dict[str, Any]]:
        folder = folder_of(behaviour)
        try:
            experiment = _experiment(behaviour, specs, settings, seen=seen)
            result = run_experiment(experiment, folder, **kwargs)
        except UserError as reason:
            left_out[behaviour.name] = str(reason)
            return []
        return [json.loads(json.dumps(result))]

    for behaviour in behaviours:
        tried += [(behaviour, result) for result in attempt(behaviour)]
    if not tried:
        raise UserError(f"none of the vectors can be tried: {next(iter(left_out.values()))}")
    draws = {"pairs": settings.chance, "seed": settings.seed}
    for behaviour, _ in tried:
        if behaviour.place not in chance:
            random = behaviours_of_chance(behaviour, models, out, **draws)
            chance[behaviour.place] = [
                change
                for pair in random
                for result in attempt(pair)
                for change in random_changes(
                    result, pd.read_parquet(folder_of(pair) / "items.parquet")
                )
            ]
    result = {
        "models": [model.name for model in models],
        "nats": settings.nats,
        "n": settings.n,
        "chains": settings.chains,
        "rows": [
            crossed_row(behaviour, specs, result, chance[behaviour.place], behaviours=len(tried))
            for behaviour, result in tried
        ],
        "notes": _notes(tried),
        "left_out": [{"id": name, "reason": reason} for name, reason in left_out.items()],
    }
    result = nan_to_none(result)
    write_json(out / "two_by_two.json", result)
    write_text(out / "report.html", two_by_two_page(result))
    return result


def _notes(tried: Sequence[tuple[Behaviour, Mapping[str, Any]]]) -> list[str]:
    """What is not known of the problems and matters to a readout that is a kind of step."""
    kinds = set(StepKind)
    missing = [result["missing"] for behaviour, result in tried if behaviour.readout in kinds]
    notes = {each["kinds"] for each in missing if "kinds" in each}
    return [f"on these problems {note}" for note in sorted(notes)]


def _experiment(
    behaviour: Behaviour, specs: Pair[str], settings: CrossSettings, *, seen: tuple[str, ...]
) -> Experiment:
    return Experiment(
        title=behaviour.name,
        question="Whose vector moves whom?",
        models=(specs.before, specs.after),
        readout=behaviour.readout if behaviour.readout != "correct" else "tokens",
        seed=settings.seed,
        max_tokens=settings.max_tokens,
        items=ItemSettings(
            n=settings.n,
            seed=settings.seed,
            problems=settings.problems,
            fields=settings.fields,
            seen=seen,
        ),
        vector=behaviour.vector,
        apply=Apply(
            phases=behaviour.phases,
            step_starts=behaviour.step_starts,
            nats=(settings.nats,),
            chains=settings.chains,
        ),
    )


def crossed_lines(result: Mapping[str, Any]) -> Iterator[str]:
    """The result as lines of text."""
    for row in result["rows"]:
        cells = "  ".join(
            f"{cell['source']} on {cell['model']} {_told(cell)}" for cell in row["cells"]
        )
        yield f"{row['name']:<16} {row['readout']:<12} {row['verdict']:<12} {cells}{decided_by(row)}"
    yield from result["notes"]
    for row in result["left_out"]:
        yield f"left out: {row['id']}: {row['reason']}"


def _told(cell: Mapping[str, Any]) -> str:
    if cell["low"] is None:
        return "-"
    return f"{cell['mean']:+.2f} [{cell['low']:+.2f}, {cell['high']:+.2f}]"
