"""One run of the ruler: train what is missing, read, score, and write the folder.

DIR/ gets ruler.json (scores, models, bounds), index.html, results/measurements.parquet, and the measurements it
resumes from.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from mechcot.core.notices import print_notice
from mechcot.core.progress import progress_bar
from mechcot.core.store import read_json, write_bytes, write_json, write_text
from mechcot.measures.registry import MEASURES, chosen_measures
from mechcot.model.loading.spec import holds_model
from mechcot.organisms.registry import lineage, path
from mechcot.organisms.training import train_organism
from mechcot.ruler.measurements import measure_panel, panel_chains, tasks, unused
from mechcot.ruler.panel import Panel
from mechcot.ruler.reliance import axes, reliance
from mechcot.ruler.results import added_to, ruler_outcome
from mechcot.ruler.table import rows
from mechcot.runs.executor import Executor
from mechcot.view.pages.ruler import ruler_page

STEPWISE = 32
AXES_ITEMS = 96


def run_ruler(
    panel: Panel, *, out: Path, seed: int, executor: Executor, measures: Sequence[str] | None = None
) -> dict[str, Any]:
    """Run the ruler and give what `ruler.json` holds: measures that a run of the same models took before stay in it.

    Args:
        panel: The models and how much of them is read.
        out: Folder; a second run resumes it.
        seed: Seed of problems, nulls and resampling.
        executor: Where models are read.
        measures: Names of measures; when None all but those that the panel leaves out.
    """
    ready(panel)
    names = chosen_measures(measures or [name for name in MEASURES if name not in panel.without])
    headline = panel_chains(panel, out=out, seed=seed)
    stepwise = unused(min(STEPWISE, panel.items), seed=seed)
    todo = tasks(panel, measures=names, headline=headline, stepwise=stepwise, out=out, seed=seed)
    measurements = measure_panel(todo, executor=executor)
    reached = {
        name: reliance(name, headline, out=out, seed=seed)
        for name in progress_bar(panel.names("mixture"), desc="reached reliance", unit="model")
    }
    subjects = panel.names("subject")
    known = {
        name: axes(name, n=AXES_ITEMS, out=out, seed=seed)
        for name in progress_bar((*panel.references, *subjects) if subjects else (), desc="axes")
    }
    cards = [MEASURES[name].card for name in names if name != "gates"]
    found = rows(
        measurements,
        cards,
        panel=panel,
        headline=headline,
        stepwise=stepwise,
        reached=reached,
        seed=seed,
    )
    result = ruler_outcome(
        found,
        measurements,
        cards,
        panel=panel,
        items=len(headline),
        reached=reached,
        axes=known,
        seed=seed,
    )
    if (path := out / "ruler.json").is_file():
        result = added_to(read_json(path, what="the scores of a ruler"), result)
    write_json(path, result)
    values = pd.DataFrame(
        [(r.measure, r.author, r.reader, r.item, r.value, r.reason) for r in measurements],
        columns=["measure", "author", "reader", "item", "value", "reason"],
    ).sort_values(["measure", "author", "reader", "item"], ignore_index=True)
    write_bytes(out / "results" / "readings.parquet", values.to_parquet(index=False))
    write_text(out / "index.html", ruler_page(result))
    print_notice(f"ruler: {out / 'index.html'}")
    return result


def ready(panel: Panel) -> None:
    """Train the models of the panel that lie nowhere, parents first."""
    wanted = [each for s in panel.subjects for each in lineage(s.organism)]
    missing = [n for n in dict.fromkeys(wanted) if not holds_model(path(n))]
    for name in progress_bar(missing, desc="training", unit="model", disable=not missing):
        train_organism(name, progress=False)
