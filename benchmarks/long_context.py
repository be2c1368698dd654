"""Step attention at 16,384 tokens and 600 steps against a plain SDPA forward, in a model of two layers: time, and peak extra memory in fresh processes.

`python -m benchmarks.long_context`. Each run is a process of its own that builds the model, warms up on 64 tokens, resets its high-water
mark and runs once: the two sides in turn, three times each; medians. Step attention is quadratic in the length, as the forward is.
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.setting import Row, show, small_model, tokens
from benchmarks.step_attention import plain, status
from mechcot.core.trace import Span
from mechcot.model.attention import group_attention

LENGTH = 16_384
STEPS = 600
LAYERS = 2
ROUNDS = 3


def groups_of(length: int, *, steps: int = STEPS) -> list[Span]:
    """Steps of nearly equal length, all the way."""
    cuts = [round(i * length / steps) for i in range(steps + 1)]
    return [Span(start, stop) for start, stop in pairwise(cuts)]


def run() -> Iterator[Row]:
    """Two rows."""
    found: dict[str, list[dict[str, float]]] = {"plain": [], "steps": []}
    for _ in range(ROUNDS):
        for side, runs in found.items():
            runs.append(_fresh(side))
            print(side, runs[-1], file=sys.stderr, flush=True)
    middle = {
        side: {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        for side, runs in found.items()
    }
    for key, unit, scale, most in (
        ("memory", "MB", 1 / 1024, 3.0),
        ("wall", "s", 1.0, 6.0),
    ):
        before, after = middle["plain"][key] * scale, middle["steps"][key] * scale
        cpu = (
            f" ({middle['steps']['cpu'] / middle['plain']['cpu']:.1f}x CPU)" if unit == "s" else ""
        )
        yield Row(
            name=f"step attention, {LENGTH} tokens, {STEPS} steps, {LAYERS} layers, {'peak extra memory' if unit == 'MB' else 'time'}: ours / plain SDPA forward",
            slow=f"{before:.0f} {unit}",
            fast=f"{after:.0f} {unit}",
            ratio=f"{after / before:.1f}x{cpu}",
            bound=f"<= {most:.0f}x",
            holds=after / before <= most,
            difference="see step_attention",
        )


def _fresh(side: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.long_context", side]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def _measure(side: str) -> dict[str, float]:
    reasoner: Any = small_model(context=LENGTH, layers=LAYERS)
    plain(reasoner, 64)
    group_attention(reasoner, tokens(128), groups_of(128, steps=4))
    groups, ids = groups_of(LENGTH), tokens(LENGTH)
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # resets the high-water mark
    before, wall, cpu = status("VmRSS"), time.perf_counter(), time.process_time()
    if side == "plain":
        plain(reasoner, LENGTH)
    else:
        group_attention(reasoner, ids, groups)
    taken = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    return taken | {"memory": float(status("VmHWM") - before)}


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(_measure(sys.argv[1])))
    else:
        show(run())
