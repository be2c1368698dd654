"""Write the pictures of docs/gallery from what is committed: the executed notebooks, the ruler's outcome and a study's.

    python -m tools.gallery

Nothing is computed. Run `python -m tools.notebooks` first to measure anew. Needs chromium.
"""

import base64
import json
from pathlib import Path
from typing import Any

import plotly.graph_objects as go

from mechcot.core.errors import UserError
from mechcot.core.store import write_bytes
from mechcot.view.figures import ruler
from mechcot.view.figures.arm_effects import effects_figure
from mechcot.view.pages.lab_sentences import compared_arms
from mechcot.view.pages.ruler import model_points
from mechcot.view.screenshot import figure_picture
from tools.notebooks import FOLDER, PLOTLY

ROOT = FOLDER.parent
OUT = ROOT / "docs" / "gallery"
PAGES = {"explorer": "02_before_and_after", "what-if": "08_what_if"}
"""Name of a picture to the notebook whose last page it shows."""
FIGURES = {
    "pruning": "03_attention_and_pruning",
    "patching": "04_patching_a_step",
    "steering": "05_steering",
    "features": "06_features",
}
"""Name of a picture to the notebook that ends in it."""
WIDTH, SCALE = 900, 1.5


def last_output(path: Path, kind: str) -> Any:
    """What the last output of a kind holds in an executed notebook.

    Raises:
        UserError: There is none.
    """
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    outputs = [output.get("data", {}) for cell in cells for output in cell.get("outputs", [])]
    found = [data[kind] for data in outputs if kind in data]
    if not found:
        msg = f"{path.name}: expected an executed notebook with {kind}; run `python -m tools.notebooks {path.stem}`"
        raise UserError(msg)
    return found[-1]


def figures() -> dict[str, go.Figure]:
    """Every figure by the name of its file."""
    found = {}
    for name, stem in FIGURES.items():
        drawn = last_output(FOLDER / f"{stem}.ipynb", PLOTLY)
        found[name] = go.Figure(data=drawn["data"], layout=drawn["layout"])
    result = json.loads((ROOT / "artifacts/ruler/ruler.json").read_text(encoding="utf-8"))
    study = json.loads((ROOT / "artifacts/studies/arms/lab.json").read_text(encoding="utf-8"))
    found["arms"] = effects_figure(
        compared_arms(study), effects=study["effects"], control=study["control"]
    )
    found["ruler"] = ruler.models_figure(model_points(result), items=result["items"])
    return found


def main() -> None:
    """Write all pictures."""
    for name, figure in figures().items():
        write_bytes(OUT / f"{name}.png", figure_picture(figure, width=WIDTH, scale=SCALE))
        print(name)
    for name, stem in PAGES.items():
        shot = last_output(FOLDER / f"{stem}.ipynb", "image/png")
        write_bytes(OUT / f"{name}.png", base64.b64decode(shot))
        print(name)


if __name__ == "__main__":
    main()
