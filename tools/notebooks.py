"""Execute the notebooks and keep their outputs so that they also render where no script runs.

    python -m tools.notebooks [NAME ...]

Each `notebooks/NAME.py` becomes `NAME.ipynb`. A figure is kept as plotly's data (JupyterLab draws it) beside a PNG, the explorer
beside a PNG of its page; progress bars are dropped. Outputs that name a folder of this machine are refused.
"""

import base64
import html
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import plotly.io as pio
from nbclient import NotebookClient

from mechcot.core.errors import UserError
from mechcot.core.store import write_text
from mechcot.view.screenshot import figure_picture, page_picture

FOLDER = Path(__file__).parent.parent / "notebooks"
PLOTLY = "application/vnd.plotly.v1+json"
WIDGET = "application/vnd.jupyter.widget-view+json"
SECONDS = 600


def execute(source: Path) -> Path:
    """Run one notebook and write its pair.

    Raises:
        UserError: An output names a folder of this machine.
        CellExecutionError: A cell fails.
    """
    notebook = jupytext.read(source)
    notebook.metadata["kernelspec"] = {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    }
    where = {"metadata": {"path": str(source.parent)}}
    NotebookClient(notebook, timeout=SECONDS, resources=where).execute()
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"
        cell["metadata"] = {}
        if "outputs" in cell:
            cell["outputs"] = [
                each for each in cell["outputs"] if WIDGET not in each.get("data", {})
            ]
        for output in cell.get("outputs", []):
            output.get("data", {}).update(static(output.get("data", {})))
            if PLOTLY in output.get("data", {}):
                output["data"].pop("text/html", None)
    notebook.metadata.pop("widgets", None)
    target = source.with_suffix(".ipynb")
    text = nbformat.writes(notebook) + "\n"
    _refuse_paths(text, target)
    write_text(target, text)
    return target


def static(data: dict[str, Any]) -> dict[str, str]:
    """The picture of an output that needs a script; empty for others."""
    if PLOTLY in data:
        figure = pio.from_json(pio.json.to_json_plotly(data[PLOTLY]))
        return {"image/png": base64.b64encode(figure_picture(figure, scale=1)).decode()}
    frame = re.search(r'<iframe sandbox[^>]* srcdoc="([^"]*)"', data.get("text/html", ""))
    if frame is None:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        page.write_text(html.unescape(frame.group(1)), encoding="utf-8")
        return {"image/png": base64.b64encode(page_picture(page, width=1200, height=860)).decode()}


def _refuse_paths(text: str, target: Path) -> None:
    """Folders of this machine have no place in outputs."""
    for folder in {str(FOLDER.parent), str(Path.home()), sys.prefix, tempfile.gettempdir()}:
        if folder != "/" and folder + "/" in text:
            msg = f"{target.name}: an output names {folder}; print names instead of paths"
            raise UserError(msg)


def main() -> None:
    """Execute the named notebooks, or all."""
    names = sys.argv[1:]
    for source in sorted(FOLDER.glob("[0-9]*.py")):
        if not names or source.stem in names:
            print(execute(source).name)


if __name__ == "__main__":
    main()
