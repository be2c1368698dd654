"""`mechcot lab`: from a file to cells, their numbers, one result and one page.

OUT/cells/*.json     what is kept of every cell: small, no weights; a copy of this folder goes on where it was left
OUT/lab.json         what all of them say (`mechcot.finetune.lab.result`)
OUT/report.html      the page
OUT/asking.json      how models are asked that are not the shipped ones
OUT/work/            checkpoints of every arm (`train/step-*`), and what is under way
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from typing_extensions import TypedDict

from mechcot.core.errors import NotMeasurable, UserError
from mechcot.core.store import read_json, write_json, write_text
from mechcot.finetune.lab.cells import LabCell, all_cells, run_cell, tuning
from mechcot.finetune.lab.questions import check_held_out
from mechcot.finetune.lab.result import lab_result
from mechcot.finetune.lab.settings import Lab
from mechcot.finetune.run import cost
from mechcot.model.asking_options import Asking
from mechcot.model.loading.options import LoadOptions
from mechcot.runs.executor import Executor
from mechcot.runs.items import Items, json_items
from mechcot.traces.own_words import LONGEST_TEXT, loading_in_own_words
from mechcot.view.pages.lab import lab_page
from mechcot.view.pages.lab_sentences import lab_sentences

ASKING = "asking.json"


class _CellItem(TypedDict):
    schema: int
    arm: str
    seed: int
    base: str
    train: dict[str, Any]
    readings: list[dict[str, Any]]


def run_lab(
    lab: Lab, out: Path, *, loading: LoadOptions, executor: Executor, console: Console | None = None
) -> dict[str, Any]:
    """Run what is missing of a study, and write its page; gives the result.

    Args:
        lab: The study.
        out: Folder.
        loading: Where models run, and how they are asked.
        executor: Where cells run.
        console: Where sentences and reasons are printed.

    Raises:
        UserError: A model, a file or the folder does not allow it.
    """
    console = console or Console()
    check_held_out(lab)
    loading = loading_of_lab(lab, out, loading)
    cells, items = all_cells(lab, out / "work", loading), cell_items(out)
    tasks = {cell.key: cell for cell in cells}
    finished: list[str] = []
    kinds = {"executor": executor, "desc": "lab", "unit": "cell"}
    for key, failed in items.fill(tasks, run_cell, **kinds):
        if failed is None:
            finished.append(key)
            write_result(lab, out, [items.read(each) for each in finished])
        else:
            console.print(f"not trained: {failed.reason}", markup=False, soft_wrap=True)
    result = write_result(lab, out, [items.read(key) for key in tasks if key in items])
    for sentence in lab_sentences(result):
        console.print(sentence, markup=False, soft_wrap=True)
    console.print(f"report: {out / 'report.html'}", markup=False, soft_wrap=True)
    return result


def loading_of_lab(lab: Lab, out: Path, loading: LoadOptions, *, keep: bool = True) -> LoadOptions:
    """The options under which the bases are asked in their own words (`mechcot.traces.own_words`), found once and kept in the folder.

    Args:
        lab: The study.
        out: Folder.
        loading: Where models run, and how they are asked as far as the user said it.
        keep: Write down what was found.

    Raises:
        UserError: The first base cannot be loaded, or a file is wrong.
    """
    file, said = out / ASKING, loading.asking.to_json()
    kept = read_json(file, what="how the bases are asked") if file.is_file() else {}
    if kept.get("said") == said:
        return replace(loading, asking=Asking.from_json(kept["asking"]))
    found = loading_in_own_words(
        lab.bases[0],
        loading,
        problems=lab.problems,
        fields=lab.fields,
        max_tokens=lab.read.max_tokens or LONGEST_TEXT,
    )
    if keep and found is not loading:
        write_json(file, {"said": said, "asking": found.asking.to_json()})
    return found


def say_cost(lab: Lab, out: Path, *, loading: LoadOptions, console: Console | None = None) -> float:
    """Say what is finished and what the rest costs; gives the hours of training.

    What a training costs is read under the first seed: a few texts are written, one update is timed.
    Reading checkpoints comes on top, as long as that of finished cells took.

    Raises:
        UserError: A file is wrong, or a question is both trained on and read.
    """
    console, hours = console or Console(), 0.0
    check_held_out(lab)
    loading = loading_of_lab(lab, out, loading, keep=False)
    done, missing = finished_cells(lab, out, loading)
    count: dict[str, int] = {}
    for cell in missing:
        count[cell.name] = count.get(cell.name, 0) + 1
    console.print(f"{len(done)} of {len(done) + len(missing)} cells are finished", markup=False)
    with TemporaryDirectory() as folder:
        for name, cells in count.items():
            if name not in lab.arms:
                continue
            cell = LabCell(lab, name, 0, Path(folder), loading)
            job = tuning(cell, name, cell.base, Path(folder) / "dry")
            try:
                price = cost(job)
            except (UserError, NotMeasurable) as reason:
                console.print(f"{name}: {reason}", markup=False, soft_wrap=True)
                continue
            hours += cells * price.seconds / 3600
            console.print(f"{name} x {cells}: {price}", markup=False, soft_wrap=True)
    console.print(f"about {hours:.1f} h of training, and the reading", markup=False)
    return hours


def cell_items(out: Path) -> Items[dict[str, Any]]:
    """The finished cells of a folder."""
    return Items(out / "cells", json_items(_CellItem))


def finished_cells(
    lab: Lab, out: Path, loading: LoadOptions
) -> tuple[list[LabCell], list[LabCell]]:
    """The cells of a study that are finished, and those that are not."""
    items, cells = cell_items(out), all_cells(lab, out / "work", loading)
    return [c for c in cells if c.key in items], [c for c in cells if c.key not in items]


def write_result(lab: Lab, out: Path, cells: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Write what some cells say, and the page; gives the result."""
    result = lab_result(lab, cells)
    write_json(out / "lab.json", result)
    write_text(out / "report.html", lab_page(result))
    return result
