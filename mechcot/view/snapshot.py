"""Pictures of pages and figures by a headless browser: PNG and SVG files for papers, READMEs and static notebooks.

Needs chromium (or Chrome) on the PATH; nothing is asked of any host.
"""

import base64
import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from mechcot.core.errors import UserError
from mechcot.core.store import write_bytes

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--hide-scrollbars",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--virtual-time-budget=20000",
)
SECONDS = 120
DRAWN = """<!doctype html><meta charset="utf-8"><body><script>%s</script><script>
const figure = %s;
const at = document.createElement("div"); document.body.append(at);
Plotly.newPlot(at, figure.data, figure.layout).then(() => Plotly.toImage(at, %s)).then((made) => { document.body.textContent = made; });
</script>"""


def page_picture(
    path: Path, *, width: int = 1440, height: int = 1000, link: str = "", dark: bool = False
) -> bytes:
    """A PNG of the top of an HTML file as it opens.

    Args:
        path: The file.
        width: Of the window, pixels.
        height: Of the window, pixels.
        link: What follows the file's name, such as `#item=2`.
        dark: Ask the page for its dark colours.

    Raises:
        UserError: No browser, no such file, or the browser made no picture.
    """
    if not path.is_file():
        msg = f"{path}: expected an HTML file, got none; write the page first"
        raise UserError(msg)
    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder) / "shot.png"
        asked = [f"--window-size={width},{height}", f"--screenshot={shot}"]
        if dark:
            asked.append("--blink-settings=preferredColorScheme=0")
        _browse([*asked, path.resolve().as_uri() + link], folder)
        if not shot.is_file():
            msg = f"{path}: the browser made no picture of it; open the file by hand to see why"
            raise UserError(msg)
        return shot.read_bytes()


def figure_picture(
    figure: go.Figure,
    *,
    kind: str = "png",
    width: int = 900,
    height: int | None = None,
    scale: float = 2,
) -> bytes:
    """A figure as PNG or SVG, on white.

    Args:
        figure: The figure; it is not changed.
        kind: `png` or `svg`.
        width: In points.
        height: In points; None for the figure's own.
        scale: Pixels a point, for PNG.

    Raises:
        UserError: Another kind, no browser, or the browser made no picture.
    """
    if kind not in ("png", "svg"):
        msg = f"expected a picture as png or svg, got {kind!r}"
        raise UserError(msg)
    shown = go.Figure(figure).update_layout(paper_bgcolor="white")
    about = {
        "format": kind,
        "width": width,
        "height": height or shown.layout.height or 450,
        "scale": scale if kind == "png" else 1,
    }
    drawn = (str(shown.to_json()).replace("</", "<\\/"), json.dumps(about))
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "figure.html"
        page.write_text(DRAWN % (get_plotlyjs(), *drawn), encoding="utf-8")
        text = _browse(["--dump-dom", page.as_uri()], folder)
    return _payload(text)


def save_figure(figure: go.Figure, path: Path, *, width: int = 900) -> None:
    """Write a figure as `.png` or `.svg`, whole or not at all.

    Args:
        figure: The figure; it is not changed.
        path: Where; its ending decides the kind.
        width: In points.

    Raises:
        UserError: Another ending, no browser, or no picture.
    """
    write_bytes(path, figure_picture(figure, kind=path.suffix.lstrip("."), width=width))


def _payload(text: str) -> bytes:
    """What a data address in the body of a dumped page holds."""
    from html import unescape
    from urllib.parse import unquote

    found = re.search(r"<body>data:image/([a-z]+)(?:\+xml)?(;base64)?,(.*?)</body>", text, re.S)
    if found is None:
        raise UserError("the browser could not draw the figure; look at it in a page first")
    if found.group(2):
        return base64.b64decode(found.group(3))
    return unquote(unescape(found.group(3))).encode("utf-8")


def _browse(asked: list[str], folder: str) -> str:
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if browser is None:
        msg = f"expected one of {', '.join(BROWSERS)} on the PATH for pictures, got none; install chromium"
        raise UserError(msg)
    command = [browser, *FLAGS, f"--user-data-dir={folder}/profile", *asked]
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=SECONDS, check=False, encoding="utf-8"
        )
    except subprocess.TimeoutExpired:
        msg = f"the browser took more than {SECONDS} seconds for one picture; try again on a quieter machine"
        raise UserError(msg) from None
    return done.stdout
