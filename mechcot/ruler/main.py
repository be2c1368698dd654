"""One run of the ruler: train what is missing, read, score, and write the folder.

DIR/ gets ruler.json (scores, models, bounds), index.html, results/*.parquet, figures, and the readings it
resumes from.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from tqdm.auto import tqdm

from mechcot.core.card import MeasureCard
from mechcot.core.store import write_bytes, write_json, write_text
from mechcot.measure.registry import MEASURES, chosen
from mechcot.organisms.registry import lineage, path
from mechcot.organisms.training import train
from mechcot.ruler.panel import Panel
from mechcot.ruler.reach import reach
from mechcot.ruler.table import BOUNDS, BY_DEFINITION, COLUMNS, Row, agreement, grid, rows
from mechcot.ruler.take import chains, read, tasks, unused
from mechcot.view.ruler_page import page

STEPWISE = 32


def run(
    panel: Panel, *, out: Path, seed: int, workers: int, measures: Sequence[str] | None = None
) -> dict[str, Any]:
    """Run the ruler and give what `ruler.json` holds.

    Args:
        panel: The models and how much of them is read.
        out: Folder; a second run resumes it.
        seed: Seed of problems, nulls and resampling.
        workers: Processes that read side by side.
        measures: Names of measures; all when None.
    """
    console = Console(stderr=True)
    ready(panel)
    names = chosen(measures or ("all",))
    headline = chains(panel, out=out, seed=seed)
    stepwise = unused(min(STEPWISE, panel.items), seed=seed)
    todo = tasks(panel, measures=names, headline=headline, stepwise=stepwise, out=out, seed=seed)
    readings = read(todo, workers=workers)
    known = {
        name: reach(name, headline, out=out, seed=seed)
        for name in tqdm(panel.names("mixture"), desc="reached reliance", unit="model")
    }
    cards = [MEASURES[name].card for name in names if name != "gates"]
    found = rows(
        readings,
        cards,
        panel=panel,
        headline=headline,
        stepwise=stepwise,
        reached=known,
        seed=seed,
    )
    means = pd.concat(
        [
            grid([r for r in readings if r.measure == card.name]).mean(axis=1).rename(card.name)
            for card in cards
        ],
        axis=1,
    )
    result = {
        "schema": 1,
        "seed": seed,
        "items": len(headline),
        "bounds": BOUNDS,
        "measures": {row.card.name: as_json(row) for row in found},
        "models": [
            {"name": s.name, "group": s.group}
            | {"reached": known.get(s.name)}
            | {"means": _plain(means.loc[s.name]) if s.name in means.index else {}}
            for s in panel.subjects
        ],
        "agreement": {
            str(left): _plain(line) for left, line in agreement(readings, cards).iterrows()
        },
    }
    write_json(out / "ruler.json", result)
    values = pd.DataFrame(
        [(r.measure, r.author, r.reader, r.item, r.value, r.reason) for r in readings],
        columns=["measure", "author", "reader", "item", "value", "reason"],
    ).sort_values(["measure", "author", "reader", "item"], ignore_index=True)
    write_bytes(out / "results" / "readings.parquet", values.to_parquet(index=False))
    write_text(out / "index.html", page(result))
    console.print(f"ruler: {out / 'index.html'}", markup=False)
    return result


def ready(panel: Panel) -> None:
    """Train the models of the panel that lie nowhere, parents first."""
    wanted = [each for s in panel.subjects for each in lineage(s.name)]
    missing = [n for n in dict.fromkeys(wanted) if not (path(n) / "config.json").is_file()]
    for name in tqdm(missing, desc="training", unit="model", disable=not missing):
        train(name, progress=False)


def as_json(row: Row) -> dict[str, Any]:
    """One row of `ruler.json`; numbers that do not exist are None."""
    return {
        "title": row.card.title,
        "direction": row.card.direction,
        "status": "passed" if row.earned else "exploratory",
        "scaled": row.scaled,
        "identity": _number(row.identity),
        "seconds": _number(row.seconds),
        "missing": _number(row.missing),
        "scores": {
            column: {key: _number(value) for key, value in asdict(row.scores[column]).items()}
            | {"by_definition": (row.card.name, column) in BY_DEFINITION}
            for column in COLUMNS
        },
    }


def _number(value: Any) -> Any:
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _plain(line: pd.Series) -> dict[str, float | None]:
    return {str(name): _number(float(value)) for name, value in line.items()}


def load(out: Path) -> dict[str, Any]:
    """Read a finished run."""
    return json.loads((out / "ruler.json").read_text(encoding="utf-8"))


def cards_of(result: dict[str, Any]) -> list[MeasureCard]:
    """The cards that a run scored."""
    return [MEASURES[name].card for name in result["measures"]]
