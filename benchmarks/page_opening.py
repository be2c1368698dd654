"""Seconds until a page of a run is open in a browser just started: its file read, its scripts parsed, the figures in sight drawn.

python -m benchmarks.page_opening artifacts/demo/index.html
"""

import shutil
import statistics
import sys
from pathlib import Path

import typer

FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1440,1000")
REST = "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => done(performance.now()), 0)))"


def opened(page: Path) -> float:
    """Seconds until a page is drawn and at rest."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    for flag in FLAGS:
        options.add_argument(flag)
    service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
    with webdriver.Chrome(options=options, service=service) as browser:
        browser.get(page.absolute().as_uri())
        return browser.execute_async_script(REST) / 1000


def main(page: Path, runs: int = 5) -> None:
    """Print how long a page takes to open."""
    seconds = statistics.median(opened(page) for _ in range(runs))
    print(f"{page}: {page.stat().st_size / 1e6:.1f} MB, open in {seconds:.2f} s (median of {runs})")


if __name__ == "__main__":
    sys.exit(typer.run(main))
