"""A comparison of many problems: memory, files and the page. Does any of it grow with the number of chains, and what holds it?

    python -m benchmarks.many_problems [--problems 200 400 1000] [--where] [--keep FOLDER]

Chains of four steps in a file, a random model of one layer and a copy whose weights were moved, the standard measures, one thread; a process for each number of
problems. Memory is the process' high-water mark (VmHWM) and what it holds when the run is over (VmRSS). `--where` runs under tracemalloc and tells which
lines made what is still held when the report is written, the greatest first; memory is then not told, since tracemalloc itself takes as much again.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.measures import chain, cpu_seconds, random_pair
from benchmarks.step_attention import status
from mechcot.compare import run as comparison
from mechcot.compare.settings import Study

STEPS, TOKENS = 4, 150


def study(folder: Path, *, problems: int) -> Study:
    """A study of two random models on chains in a file."""
    readers = random_pair(context=512, layers=1, width=32)
    for name, reader in zip(("first", "later"), readers, strict=True):
        reader.model.save_pretrained(folder / name)
        reader.tokenizer.save_pretrained(folder / name)
    traces = (
        chain(readers[0], tokens=TOKENS, steps=STEPS, start=200 + index)
        for index in range(problems)
    )
    rows = [
        {
            "id": trace.problem.id,
            "question": trace.problem.question,
            "answer": trace.problem.answer,
            "chain": trace.chain_text,
            "answer_text": f"The answer is {trace.problem.answer}.",
        }
        for trace in traces
    ]
    (folder / "chains.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    models = (str(folder / "first"), str(folder / "later"))
    out = folder / "out"
    return Study(models=models, out=out, traces=folder / "chains.jsonl", chains="all")


def held(run: Callable[[], Any], *, lines: int = 25) -> None:
    """Print which lines made what is still held where a run writes its report."""
    write = comparison.report_page

    def told(data: Any) -> Any:
        taken = tracemalloc.take_snapshot()
        for one in taken.statistics("lineno")[:lines]:
            frame = one.traceback[0]
            print(f"{one.size / 1e6:8.1f} MB {one.count:9d}  {frame.filename}:{frame.lineno}")
        return write(data)

    comparison.report_page = told
    tracemalloc.start()
    run()


def measured(args: argparse.Namespace, folder: Path) -> dict[str, float]:
    """Memory (MB), CPU seconds, files and size of the page (MB) of one run, in this process."""
    wanted = study(folder, problems=args.problems[0])
    before = status("VmRSS")

    def run() -> None:
        comparison.run(wanted, console=Console(file=sys.stderr))

    if args.where:
        held(run)
        return {}
    seconds = cpu_seconds(run)
    return {
        "before": before / 1024,
        "peak": status("VmHWM") / 1024,
        "after": status("VmRSS") / 1024,
        "seconds": seconds,
        "files": sum(path.is_file() for path in wanted.out.rglob("*")),
        "page": (wanted.out / "report.html").stat().st_size / 1e6,
    }


def fresh(problems: int, args: argparse.Namespace) -> None:
    """Run one number of problems in a process of its own and print its line."""
    command = [sys.executable, "-m", __spec__.name, "--here", "--problems", str(problems)]
    command += [*(["--where"] if args.where else []), *(["--keep", args.keep] if args.keep else [])]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    *told, last = done.stdout.splitlines()
    if args.where:
        print(f"{problems} problems", *told, sep="\n", flush=True)
        return
    value = json.loads(last)
    cells = (
        *(f"{value[key]:.0f}" for key in ("before", "peak", "after", "seconds", "files")),
        f"{value['page']:.1f}",
    )
    print(f"| {problems} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", type=int, nargs="+", default=[200, 400, 1000])
    parser.add_argument("--where", action="store_true", help="which lines made what is held")
    parser.add_argument("--keep", help="a folder for the run, to open its page")
    parser.add_argument("--here", action="store_true", help="run in this process")
    args = parser.parse_args()
    if not args.here:
        if not args.where:
            print("| problems | MB before | peak | after | CPU seconds | files | MB of page |")
            print("|---|---|---|---|---|---|---|", flush=True)
        for problems in args.problems:
            fresh(problems, args)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(args.keep or temporary) / str(args.problems[0])
        folder.mkdir(parents=True, exist_ok=True)
        print(json.dumps(measured(args, folder)))


if __name__ == "__main__":
    main()
