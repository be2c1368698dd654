"""What bfloat16 does to each measure: mean and largest difference of its value from that in float32, on the same chains.

    python -m benchmarks.half_precision [--n 8] [--models organism:base organism:bypass] [--task mod10] [--depth 2 3] [measure ...]

The first model writes the chains, and measures of two models hold the others against it.

The readouts (log-probabilities, distances, attention by step) are in float32 in both; weights and states are what differs. A difference counts where
both have a value; `lost` counts items that have one in float32 only.
"""

import argparse
from collections.abc import Iterator, Sequence

import numpy as np

from mechcot.compare.measure_inputs import inputs_for
from mechcot.core.errors import NotMeasurable
from mechcot.core.trace import Trace
from mechcot.finetune.material import MaterialSource, drawn_problems
from mechcot.measures.registry import MEASURES
from mechcot.model.reasoner import Reasoner


def values(
    reader: Reasoner, against: Reasoner, traces: Sequence[Trace], measure: str
) -> Iterator[float]:
    """The measure's value on each chain; NaN where it has none."""
    for trace in traces:
        try:
            seen = reader.view(trace)
            inputs = inputs_for(reader, seen, others=traces, seed=0, draws=4, against=against)
            yield MEASURES[measure].run(reader, seen, inputs).value
        except NotMeasurable:
            yield np.nan


def row(measure: str, whole: np.ndarray, half: np.ndarray) -> list[str]:
    """The table's row of a measure."""
    card = MEASURES[measure].card
    both = np.isfinite(whole) & np.isfinite(half)
    lost = int((np.isfinite(whole) & ~both).sum())
    effect = f"{card.smallest_effect:g} {card.unit}" if card.direction else "not judged"
    if not both.any():
        return [card.title, "0", "", "", "", effect, str(lost)]
    apart = half[both] - whole[both]
    sizes = [np.abs(apart).mean(), np.abs(apart).max(), abs(apart.mean())]
    return [card.title, str(both.sum()), *(f"{size:.4f}" for size in sizes), effect, str(lost)]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=8)
    parser.add_argument("--models", nargs="+", default=["organism:base", "organism:bypass"])
    parser.add_argument("--task", default="mod10")
    parser.add_argument("--depth", type=int, nargs=2, default=(2, 3))
    parser.add_argument("measures", nargs="*", default=list(MEASURES))
    args = parser.parse_args()
    kinds = ("float32", "bfloat16")
    readers = {kind: [Reasoner.load(name, dtype=kind) for name in args.models] for kind in kinds}
    firsts = {kind: readers[kind][0] for kind in kinds}
    source = MaterialSource(args.task, n=args.n, depth=tuple(args.depth))
    asked = drawn_problems(source, 21)
    traces = firsts["float32"].write(asked, max_tokens=256)
    heads = [
        "measure",
        "items",
        "mean difference",
        "largest",
        "of the mean",
        "smallest effect",
        "lost",
    ]
    print(f"| {' | '.join(heads)} |\n|{' --- |' * len(heads)}", flush=True)
    for measure in args.measures:
        sides = [
            np.array([v for r in readers[kind] for v in values(r, firsts[kind], traces, measure)])
            for kind in kinds
        ]
        print(f"| {' | '.join(row(measure, *sides))} |", flush=True)


if __name__ == "__main__":
    main()
