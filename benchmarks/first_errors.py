"""`python -m benchmarks.first_errors FOLDER [--list]`: the first step that the arithmetic check calls wrong, against people's marks.

FOLDER holds the public samples that the tests read too (`gsm8k`, `prmbench`, `mr_gsm8k`, `big_bench_mistake`, `r1_math500_traces`). A row a source: steps and how many of them can be
checked; chains with a marked first error, and in how many the check names that step (recall), another one, or none; chains without an error, and in how many it
calls a step wrong. Precision: of the chains in which a step was called wrong, those whose first marked error it is. Intervals: Wilson, 95 %. `--list` prints
what was called wrong and is not the marked step, for the eye.
"""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from statsmodels.stats.proportion import proportion_confint

from mechcot.text.arithmetic.validity import checked_steps


class Marked(NamedTuple):
    """A chain, and the index of the first step that people call wrong; None where none is."""

    source: str
    question: str
    steps: Sequence[str]
    first: int | None


def chains(folder: Path) -> Iterator[Marked]:
    """Every chain of the samples."""
    for row in _rows(folder / "gsm8k" / "test_first400.jsonl"):
        yield Marked("gsm8k, solutions", row["question"], row["answer"].split("\n")[:-1], None)
    for row in _rows(folder / "mr_gsm8k" / "sample.jsonl"):
        first = str(row["model_output_solution_first_error_step"])
        if first.isdecimal():
            yield Marked("mr_gsm8k", row["question"], row["model_output_steps"], int(first) - 1)
    for row in _rows(folder / "big_bench_mistake" / "sample.jsonl"):
        yield Marked(f"mistakes, {row['task']}", row["input"], row["steps"], row["mistake_index"])
    for row in _rows(folder / "prmbench" / "error_sample.jsonl"):
        yield Marked("prmbench, as they were", row["question"], row["original_process"], None)
        first = min(row["error_steps"], default=None)
        if first is not None:
            yield Marked("prmbench", row["question"], row["modified_process"], first - 1)
    for row in _rows(folder / "prmbench" / "qwq_correct_solutions_sample.jsonl"):
        yield Marked("prmbench, QwQ", row["question"], row["original_process"], None)
    for file in sorted((folder / "r1_math500_traces").glob("*.jsonl")):
        for row in _rows(file):
            steps = row["reasoning_trace"].split("\n")
            yield Marked("R1 on MATH, nobody marked", row["problem"], steps, None)


def _rows(file: Path) -> list[Any]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def first_wrong(chain: Marked) -> tuple[int | None, int]:
    """Index of the first step that is called wrong, and how many steps can be checked."""
    checks = checked_steps(chain.question, [f"{step}\n" for step in chain.steps])
    wrong = (i for i, check in enumerate(checks) if check.valid is False)
    return next(wrong, None), sum(check.valid is not None for check in checks)


def _share(part: int, of: int) -> str:
    if not of:
        return ""
    low, high = proportion_confint(part, of, method="wilson")
    return f"{part} of {of}: {100 * part / of:.0f} % [{100 * low:.0f}, {100 * high:.0f}]"


def main(folder: Path, *, listed: bool) -> None:
    """Print the table."""
    by_source: dict[str, list[tuple[Marked, int | None, int]]] = {}
    started = time.process_time()
    for chain in chains(folder):
        by_source.setdefault(chain.source, []).append((chain, *first_wrong(chain)))
    spent = time.process_time() - started
    print(
        "| source | steps | checkable | first error named | precision | called wrong without an error |"
    )
    print("| --- | --- | --- | --- | --- | --- |")
    steps = 0
    for source, rows in by_source.items():
        count = sum(len(chain.steps) for chain, _, _ in rows)
        steps += count
        known = sum(checkable for _, _, checkable in rows)
        marked = [(chain, said) for chain, said, _ in rows if chain.first is not None]
        right = [(chain, said) for chain, said, _ in rows if chain.first is None]
        named = sum(said == chain.first for chain, said in marked)
        called = sum(said is not None for _, said, _ in rows)
        false = sum(said is not None for _, said in right)
        print(
            f"| {source} | {count} | {100 * known / count:.0f} % | {_share(named, len(marked))} | {_share(named, called)} | {_share(false, len(right))} |"
        )
        for chain, said, _ in rows:
            if listed and said is not None and said != chain.first:
                print(f"    {source}, marked {chain.first}, called {said}: {chain.steps[said]!r}")
    print(f"\n{steps} steps in {spent:.1f} s of processor time")


if __name__ == "__main__":
    main(Path(sys.argv[1]), listed="--list" in sys.argv)
