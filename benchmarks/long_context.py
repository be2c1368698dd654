"""The default measures on one trace of 32,000 tokens and 300 steps, a process each: time and peak extra memory over those of a plain forward.

    python -m benchmarks.long_context [--tokens 32000] [--steps 300] [--layers 2] [--width 64] [--rounds 1] [measure ...]

Each process builds the model, warms up on a short chain, resets its high-water mark, runs once, and then times a plain forward of the same chain: CPU
seconds are told over those, since what others do on the machine slows both. Chain, model and tokens are those of
`benchmarks.measures`; every side runs `--rounds` times, in turn, and medians are told. What a measure is asked is one trace, float32, one thread.
"""

import argparse
import json
import statistics
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.measures import cpu_seconds, random_pair, work_of
from benchmarks.step_attention import status
from mechcot.measures.registry import MEASURES, STANDARD
from mechcot.model.token_count import counted

PLAIN = "plain forward"
WARM = (600, 6)
"""Tokens and steps of the chain that every process warms up on."""


def measured(side: str, args: argparse.Namespace) -> dict[str, float]:
    """CPU seconds, traces' worth of tokens, and peak extra megabytes of one side, in this process.

    Args:
        side: A measure's name, or the plain forward.
        args: The shape.
    """
    readers = random_pair(context=2 * args.tokens + 512, layers=args.layers, width=args.width)

    def prepared(tokens: int, steps: int) -> tuple[Any, Any]:
        return work_of(*readers, lengths=[tokens, tokens], steps=steps, chains=1)[0]

    def plain(trace: Any, _inputs: Any) -> None:
        readers[0].prefix(trace.ids[: trace.cuts()[-1]])

    run = plain if side == PLAIN else partial(MEASURES[side].run, readers[0])
    run(*prepared(*WARM))
    trace, inputs = prepared(args.tokens, args.steps)
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # resets the high-water mark
    resident = status("VmRSS")
    with counted(readers[0]) as count:
        seconds = cpu_seconds(partial(run, trace, inputs))
    megabytes = (status("VmHWM") - resident) / 1024
    forward = statistics.median(cpu_seconds(partial(plain, trace, inputs)) for _ in range(3))
    return {
        "seconds": seconds,
        "forwards": seconds / forward,
        "traces": count.tokens / trace.cuts()[-1],
        "megabytes": megabytes,
    }


def fresh(side: str, arguments: list[str]) -> dict[str, float]:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.long_context", *arguments, "--here", side]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, value in (("tokens", 32_000), ("steps", 300), ("layers", 2), ("width", 64)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--here", action="store_true", help="measure in this process")
    parser.add_argument("sides", nargs="*", default=list(STANDARD))
    args = parser.parse_args()
    if args.here:
        print(json.dumps(measured(args.sides[0], args)))
        return
    shape = [f"--{key}={getattr(args, key)}" for key in ("tokens", "steps", "layers", "width")]
    print("| side | traces run | CPU seconds | over plain | peak extra MB | over plain |")
    print("|---|---|---|---|---|---|", flush=True)
    rounds: dict[str, list[dict[str, float]]] = {PLAIN: [], **{name: [] for name in args.sides}}
    for _ in range(args.rounds - 1):
        for side, runs in rounds.items():
            runs.append(fresh(side, shape))
    plain: dict[str, float] = {}
    for side, runs in rounds.items():
        runs.append(fresh(side, shape))
        value = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        plain = plain or value
        cells = (
            side,
            f"{value['traces']:.1f}",
            f"{value['seconds']:.1f}",
            f"{value['forwards']:.1f}",
            f"{value['megabytes']:.0f}",
            f"{value['megabytes'] / plain['megabytes']:.1f}",
        )
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
