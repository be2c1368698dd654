"""The explorer's page of 600 steps and 16,384 tokens in headless chromium: size, time to open, work for a key and for a scrolled frame.

`python -m benchmarks.explorer_page`. Needs chromium and chromedriver. Two readers, twelve layers of twelve heads, three step x step matrices, eight
features at every token; the numbers are random, so that nothing packs better than it would in a real run. Opening is timed from the
request of the file to the drawn page (wall time, median of five); a key is `j` with its whole redraw, a frame one in which the list of steps
moves by 120 pixels: both as CPU time of the page's main thread (mean of twenty keys, of 120 frames), which another job on the machine does not
change. 60 frames a second leave 16.7 ms.
"""

import shutil
import statistics
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from mechcot.view.pages.explorer import Explorer
from mechcot.view.pages.explorer_data import (
    AnswerCurve,
    ExplorerData,
    FeatureStrip,
    Grid,
    ItemView,
    StepCard,
    StepValues,
)

STEPS, TOKENS, PROMPT, LAYERS, HEADS, FEATURES = 600, 16_384, 84, 12, 12, 8
READERS = ("before", "after")
KINDS = ("exploration", "progression", "verification", "backtracking", "summary", "conclusion")
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1440,1000")
SCROLL = """
const done = arguments[0], pane = document.querySelector('.cards');
let left = 120;
requestAnimationFrame(function move() {
  pane.scrollTop += 120;
  if (--left) requestAnimationFrame(move); else done(pane.scrollTop);
});
"""
KEY = """
const done = arguments[0];
let left = 20;
requestAnimationFrame(function press() {
  document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'j', bubbles: true }));
  if (--left) requestAnimationFrame(press); else done(location.hash);
});
"""


def trace() -> ExplorerData:
    """One trace of 600 steps and 16,384 tokens."""
    rng = np.random.default_rng(0)
    cuts = np.linspace(PROMPT, TOKENS - 4, STEPS + 1).astype(int).tolist()
    words = " ".join(f"step states that x = {i}" for i in range(4))
    steps = [
        StepCard(f"{i}: {words}", KINDS[i % 6], (a, b), (100 * i, 100 * i + 100))
        for i, (a, b) in enumerate(pairwise(cuts))
    ]
    answer = StepCard("answer 4", "answer", (cuts[-1], TOKENS), (100 * STEPS, 100 * STEPS + 8))

    def each(*shape: int) -> dict[str, np.ndarray]:
        return {name: rng.random(shape) for name in READERS}

    columns = tuple(range(STEPS))
    matrices = [
        Grid(f"m/{i}", f"Matrix {i}", "nats", "steps", columns, each(STEPS, STEPS))
        for i in range(3)
    ]
    layers = Grid("step_patching/answer", "Patch", "probability", "layers", columns, each(LAYERS, STEPS))  # fmt: skip
    heads = Grid("step_attention/answer", "Heads", "mass", "heads", columns, each(LAYERS, HEADS, STEPS))  # fmt: skip
    values = StepValues(
        "suppression/answer", "hidden", "moved", "probability", 0.1, each(STEPS), {}
    )
    strip = FeatureStrip(
        title="dictionary",
        unit="activation",
        names=tuple(map(str, range(FEATURES))),
        notes=("",) * FEATURES,
        start=PROMPT,
        by_reader=each(FEATURES, cuts[-1] - PROMPT),
    )
    item = ItemView(
        trace="long",
        author="before",
        question="What is x?",
        reference="4",
        stated="4",
        prompt_tokens=PROMPT,
        tokens=TOKENS,
        steps=(*steps, answer),
        n_chain=STEPS,
        lines={name: AnswerCurve(rng.random(STEPS + 1), 0.5, 300) for name in READERS},
        values=(values,),
        grids=(*matrices, layers, heads),
        facts={},
        answers={},
        sentences={},
        carrier={"before": 300, "after": None},
        lead=values.key,
        strip=strip,
    )
    return ExplorerData("long", "random numbers", READERS, (item,))


def browser(folder: Path) -> Any:
    """A headless chromium."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for flag in (*FLAGS, f"--user-data-dir={folder}"):
        options.add_argument(flag)
    driver = webdriver.Chrome(
        options=options, service=webdriver.ChromeService(shutil.which("chromedriver"))
    )
    driver.set_script_timeout(120)
    driver.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
    return driver


def work(driver: Any, script: str, *, parts: int) -> float:
    """CPU milliseconds of the page's main thread for each part of a script."""
    before = _tasks(driver)
    driver.execute_async_script(script)
    return 1000 * (_tasks(driver) - before) / parts


def _tasks(driver: Any) -> float:
    found = driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    return next(each["value"] for each in found if each["name"] == "TaskDuration")


def main() -> int:
    """Print the table; 1 when a bound does not hold."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "explorer.html"
        Explorer(trace()).write(path)
        driver = browser(Path(name) / "profile")
        opened = []
        try:
            for _ in range(5):
                driver.get("about:blank")
                start = time.perf_counter()
                driver.get(path.as_uri())
                ready = driver.execute_script("return document.documentElement.dataset.ready")
                opened.append(time.perf_counter() - start)
                if ready != "yes":
                    raise RuntimeError("the page did not open")
            frame = work(driver, SCROLL, parts=120)
            key = work(driver, KEY, parts=20)
        finally:
            driver.quit()
        rows = [
            ("size", path.stat().st_size / 1e6, "MB", 5.0),
            ("opens in", statistics.median(opened), "s", 2.0),
            ("CPU of a key", key, "ms", 100.0),
            ("CPU of a scrolled frame", frame, "ms", 16.7),
        ]
    print(
        f"| {STEPS} steps, {TOKENS} tokens | measured | at most | holds |\n| --- | --- | --- | --- |"
    )
    for what, value, unit, most in rows:
        print(
            f"| {what} | {value:.2f} {unit} | {most:g} {unit} | {'yes' if value <= most else 'no'} |"
        )
    return 0 if all(value <= most for _, value, _, most in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
