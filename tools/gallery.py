"""Write the pictures of docs/gallery from finished runs; nothing is computed, what is shown is what the runs hold.

    python -m tools.gallery RUN_DIR        # the folder of `mechcot compare` or `mechcot demo`

Takes the figures of RUN_DIR/report.html, the explorer of the run, the ruler's figures (artifacts/ruler/ruler.json) and the closing figures of the
executed notebooks. Needs chromium.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

import plotly.graph_objects as go

from mechcot.core.errors import UserError
from mechcot.core.store import write_bytes
from mechcot.study.explore import explore
from mechcot.view.figures import ruler
from mechcot.view.ruler_page import model_points
from mechcot.view.snapshot import figure_picture, page_picture
from mechcot.view.theme import LIGHT, template
from tools.notebooks import FOLDER, PLOTLY

ROOT = FOLDER.parent
OUT = ROOT / "docs" / "gallery"
REPORT = {
    "forest": "What changed",
    "early": "Early answering",
    "patching": "Where a counterfactual value",
    "suppression": "Attention suppression",
}
"""Name of a picture to the beginning of its figure's title in the report."""
NOTEBOOKS = {
    "pruning": "03_attention_and_pruning",
    "steering": "05_steering",
    "features": "06_features",
}
WIDTH, SCALE = 900, 1.5


def report_figures(page: str) -> list[go.Figure]:
    """The figures that a report page carries, on light paper."""
    texts = re.findall(
        r'<script type="application/json" id="data-figure-\d+">(.*?)</script>', page, re.S
    )
    return [go.Figure(json.loads(text)).update_layout(template=template(LIGHT)) for text in texts]


def notebook_figure(path: Path) -> go.Figure:
    """The last figure of an executed notebook.

    Raises:
        UserError: It has none.
    """
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    found: list[dict[str, Any]] = [
        output["data"][PLOTLY]
        for cell in cells
        for output in cell.get("outputs", [])
        if PLOTLY in output.get("data", {})
    ]
    if not found:
        msg = f"{path.name}: expected an executed notebook with a figure; run `python -m tools.notebooks {path.stem}`"
        raise UserError(msg)
    return go.Figure(data=found[-1]["data"], layout=found[-1]["layout"])


def named(figures: list[go.Figure], begins: str) -> go.Figure:
    """The first figure whose title begins so.

    Raises:
        UserError: There is none.
    """
    for figure in figures:
        if (figure.layout.title.text or "").startswith(begins):
            return figure
    titles = [figure.layout.title.text for figure in figures]
    msg = f"expected a figure titled {begins!r}, got {titles}; run `make demo` first"
    raise UserError(msg)


def pictures(run: Path) -> dict[str, go.Figure]:
    """Every figure of the gallery by the name of its file."""
    page = (run / "report.html").read_text(encoding="utf-8")
    figures = report_figures(page)
    found = {name: named(figures, begins) for name, begins in REPORT.items()}
    found |= {name: notebook_figure(FOLDER / f"{stem}.ipynb") for name, stem in NOTEBOOKS.items()}
    result = json.loads((ROOT / "artifacts/ruler/ruler.json").read_text(encoding="utf-8"))
    found["ruler"] = ruler.models(model_points(result), items=result["items"])
    return found


def main() -> None:
    """Write all pictures."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tools.gallery RUN_DIR")
    run = Path(sys.argv[1])
    for name, figure in pictures(run).items():
        write_bytes(OUT / f"{name}.png", figure_picture(figure, width=WIDTH, scale=SCALE))
        print(name)
    page = run / "explorer.html"
    explore(run).write(page)
    write_bytes(OUT / "explorer.png", page_picture(page, width=1440, height=1000, link="#item=1"))
    print("explorer")


if __name__ == "__main__":
    main()
