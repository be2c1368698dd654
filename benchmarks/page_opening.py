"""Seconds until a page of a run is open in a browser just started: its file read, its scripts parsed, the figures in sight drawn.

python -m benchmarks.page_opening artifacts/demo/index.html
"""

import statistics
import sys
import tempfile
from pathlib import Path

import typer

from benchmarks.explorer_page import browser

REST = "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => done(performance.now()), 0)))"


def opened(page: Path) -> float:
    """Seconds until a page is drawn and at rest, in a browser of its own."""
    with tempfile.TemporaryDirectory() as folder:
        driver = browser(Path(folder))
        try:
            driver.get(page.absolute().as_uri())
            return driver.execute_async_script(REST) / 1000
        finally:
            driver.quit()


def main(page: Path, runs: int = 5) -> None:
    """Print how long a page takes to open."""
    seconds = statistics.median(opened(page) for _ in range(runs))
    print(f"{page}: {page.stat().st_size / 1e6:.1f} MB, open in {seconds:.2f} s (median of {runs})")


if __name__ == "__main__":
    sys.exit(typer.run(main))
