"""The explorer's page of 600 steps and 16,384 tokens in headless chromium: size, time to open, time for a key, frames while scrolling.

`python -m benchmarks.explorer_page`. Needs chromium and chromedriver. Two readers, twelve layers of twelve heads, three step x step matrices, eight
features at every token; the numbers are random, so that nothing packs better than it would in a real run. Opening is timed from the
request of the file to the drawn page, in a fresh tab; a key is `j`, to the end of the redraw; a frame is the time between two
animation frames while the list of steps moves by 120 pixels in each. Medians of five (keys: of twenty), and the slowest twentieth of frames.
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

from mechcot.view.explorer import Explorer
from mechcot.view.explorer_data import (
    ExplorerData,
    FeatureStrip,
    Grid,
    ItemView,
    Line,
    StepCard,
    StepValues,
)

STEPS, TOKENS, PROMPT, LAYERS, HEADS, FEATURES = 600, 16_384, 84, 12, 12, 8
READERS = ("before", "after")
KINDS = ("exploration", "progression", "verification", "backtracking", "summary", "conclusion")
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1440,1000")
SCROLL = """
const done = arguments[0], pane = document.querySelector('.cards'), times = [];
let last = performance.now(), left = 120;
requestAnimationFrame(function move(now) {
  times.push(now - last);
  last = now;
  pane.scrollTop += 120;
  if (--left) requestAnimationFrame(move); else done(times.slice(5));
});
"""
KEY = """
const times = [];
for (let i = 0; i < 20; i++) {
  const start = performance.now();
  document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'j', bubbles: true }));
  document.getElementById('cards').getBoundingClientRect();
  times.push(performance.now() - start);
}
return times;
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
        lines={name: Line(rng.random(STEPS + 1), 0.5, 300) for name in READERS},
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
    return driver


def main() -> int:
    """Print the table; 1 when a bound does not hold."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "explorer.html"
        Explorer(trace()).write(path)
        driver = browser(Path(name) / "profile")
        opened, frames = [], []
        try:
            for _ in range(5):
                driver.get("about:blank")
                start = time.perf_counter()
                driver.get(path.as_uri())
                ready = driver.execute_script("return document.documentElement.dataset.ready")
                opened.append(time.perf_counter() - start)
                if ready != "yes":
                    raise RuntimeError("the page did not open")
                frames += driver.execute_async_script(SCROLL)
            keys = driver.execute_script(KEY)
        finally:
            driver.quit()
        rows = [
            ("size", path.stat().st_size / 1e6, "MB", 5.0),
            ("opens in", statistics.median(opened), "s", 2.0),
            ("a key takes", statistics.median(keys), "ms", 100.0),
            ("a frame while scrolling, median", statistics.median(frames), "ms", 17.0),
            ("the slowest twentieth of frames", float(np.quantile(frames, 0.95)), "ms", 34.0),
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
