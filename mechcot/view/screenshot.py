"""Pictures of pages and figures by a headless browser: PNG, SVG and PDF files for papers, READMEs and static notebooks.

A PDF is the figure drawn as vectors on a sheet of its own size, printed by the browser. The figures of a written page are read from
the page itself, so that any page of ours, however old, gives them. Needs chromium (or Chrome) on the PATH; nothing is asked of any host.
"""

import base64
import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

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
PAGES = ("report.html", "index.html", "page.html")
PICTURE_KINDS = ("png", "svg", "pdf")
_PRINTED = """<!doctype html><meta charset="utf-8"><style>@page { size: %dpx %dpx; margin: 0 } body { margin: 0 }
div { overflow: hidden; break-inside: avoid }</style><body><script>%s</script><script>
const figure = %s;
const at = document.createElement("div"); document.body.append(at);
Plotly.newPlot(at, figure.data, figure.layout, { staticPlot: true });
</script>"""
_FIGURE = re.compile(
    r'<script type="application/json" id="data-figure-(\d+)">(.*?)</script>', re.DOTALL
)
_PAPERS = re.compile(r'<script type="application/json" id="papers">(.*?)</script>', re.DOTALL)
_DRAWN = """<!doctype html><meta charset="utf-8"><body><script>%s</script><script>
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
        raise UserError(f"{path}: expected an HTML file, got none; write the page first")
    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder) / "shot.png"
        asked = [f"--window-size={width},{height}", f"--screenshot={shot}"]
        if dark:
            asked.append("--blink-settings=preferredColorScheme=0")
        _browse([*asked, path.resolve().as_uri() + link], folder)
        if not shot.is_file():
            raise UserError(
                f"{path}: the browser made no picture of it; open the file by hand to see why"
            )
        return shot.read_bytes()


def figure_picture(
    figure: go.Figure,
    *,
    kind: str = "png",
    width: int = 900,
    height: int | None = None,
    scale: float = 2,
) -> bytes:
    """A figure as PNG, SVG or PDF, on white.

    Args:
        figure: The figure; it is not changed.
        kind: `png`, `svg` or `pdf`.
        width: In points.
        height: In points; None for the figure's own.
        scale: Pixels a point, for PNG.

    Raises:
        UserError: Another kind, no browser, or the browser made no picture.
    """
    if kind not in PICTURE_KINDS:
        raise UserError(
            f"expected a picture as {', '.join(PICTURE_KINDS[:-1])} or {PICTURE_KINDS[-1]}, got {kind!r}"
        )
    shown = go.Figure(figure).update_layout(paper_bgcolor="white")
    layout: Any = shown["layout"]
    height = int(height or layout["height"] or 450)
    if kind == "pdf":
        return _printed(shown.update_layout(width=width, height=height))
    settings = {
        "format": kind,
        "width": width,
        "height": height,
        "scale": scale if kind == "png" else 1,
    }
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "figure.html"
        page.write_text(
            _DRAWN % (get_plotlyjs(), _inert(shown), json.dumps(settings)), encoding="utf-8"
        )
        text = _browse(["--dump-dom", page.as_uri()], folder)
    return _payload(text)


def _inert(figure: go.Figure) -> str:
    """A figure as JSON that closes no script."""
    return str(figure.to_json()).replace("</", "<\\/")


def _printed(figure: go.Figure) -> bytes:
    """A figure of known size on a sheet of that size, as PDF.

    Raises:
        UserError: No browser, or it printed nothing.
    """
    layout: Any = figure["layout"]
    size = (layout["width"], layout["height"])
    with tempfile.TemporaryDirectory() as folder:
        page, sheet = Path(folder) / "figure.html", Path(folder) / "figure.pdf"
        page.write_text(_PRINTED % (*size, get_plotlyjs(), _inert(figure)), encoding="utf-8")
        _browse([f"--print-to-pdf={sheet}", "--no-pdf-header-footer", page.as_uri()], folder)
        if not sheet.is_file():
            raise UserError("the browser could not print the figure; look at it in a page first")
        return sheet.read_bytes()


def page_figures(path: Path) -> dict[int, go.Figure]:
    """The figures of a page that was written by any command, by their numbers, on the light paper.

    Args:
        path: The HTML file, or the folder of a run that holds one.

    Raises:
        UserError: There is no such file, or it holds no figure.
    """
    if path.is_dir():
        pages = [path / name for name in PAGES if (path / name).is_file()]
        path = pages[0] if pages else path / PAGES[0]
    if not path.is_file():
        raise UserError(
            f"{path}: expected a page that a command wrote ({', '.join(PAGES)}), got none; write it first"
        )
    text = path.read_text(encoding="utf-8")
    papers = _PAPERS.search(text)
    figures = {int(number): json.loads(drawn) for number, drawn in _FIGURE.findall(text)}
    if papers is None or not figures:
        raise UserError(
            f"{path}: expected a page with figures, found none; give a page that compare, prune, influence, steer, sae or ruler wrote"
        )
    template = json.loads(papers.group(1))["light"]["template"]
    return {
        number: go.Figure(drawn["data"], drawn["layout"], skip_invalid=True).update_layout(
            template=template
        )
        for number, drawn in sorted(figures.items())
    }


def save_figures(path: Path, folder: Path, *, kind: str) -> list[Path]:
    """Write every figure of a page as a file of its own.

    Args:
        path: The page, or the folder of a run that holds one.
        folder: Where `figure-1.pdf` and so on go.
        kind: `png`, `svg` or `pdf`.

    Raises:
        UserError: No page, no figure, no browser, or another kind.
    """
    find_browser()
    files = {folder / f"figure-{n}.{kind}": drawn for n, drawn in page_figures(path).items()}
    for file, figure in files.items():
        save_figure(figure, file)
    return list(files)


def save_figure(figure: go.Figure, path: Path, *, width: int = 900) -> None:
    """Write a figure as `.png`, `.svg` or `.pdf`, whole or not at all.

    Args:
        figure: The figure; it is not changed.
        path: Where; its ending decides the kind.
        width: In points.

    Raises:
        UserError: Another ending, no browser, or no picture.
    """
    write_bytes(path, figure_picture(figure, kind=path.suffix.lstrip("."), width=width))


def _payload(text: str) -> bytes:
    """Return what a data address in the body of a dumped page holds."""
    from html import unescape
    from urllib.parse import unquote

    match = re.search(r"<body>data:image/([a-z]+)(?:\+xml)?(;base64)?,(.*?)</body>", text, re.S)
    if match is None:
        raise UserError("the browser could not draw the figure; look at it in a page first")
    if match.group(2):
        return base64.b64decode(match.group(3))
    return unquote(unescape(match.group(3))).encode("utf-8")


def find_browser() -> str:
    """Path of the browser that draws.

    Raises:
        UserError: There is none.
    """
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if browser is None:
        raise UserError(
            f"expected one of {', '.join(BROWSERS)} on the PATH for pictures, got none; install chromium"
        )
    return browser


def _browse(asked: list[str], folder: str) -> str:
    browser = find_browser()
    command = [browser, *FLAGS, f"--user-data-dir={folder}/profile", *asked]
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=SECONDS, check=False, encoding="utf-8"
        )
    except subprocess.TimeoutExpired:
        raise UserError(
            f"the browser took more than {SECONDS} seconds for one picture; try again on a quieter machine"
        ) from None
    return done.stdout
