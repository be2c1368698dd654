"""How long it takes to read one step of one trace out of a cache of 10,000 traces on disk.

    python -m benchmarks.activation_cache [--traces 10000] [--steps 8] [--reads 200]

A small random model, so that writing the cache takes a minute or two; what is timed is opening it, and reading one step of one trace at one
site, at random places (wall time: the files are mapped, and the page cache is warm after writing).
"""

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.measures import chain, reader_of
from mechcot.model.activations.disk_cache import open_cache
from mechcot.model.internals.sites import Site


def main() -> None:
    """Print the times."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, value in (("traces", 10_000), ("steps", 8), ("reads", 200)):
        parser.add_argument(f"--{name}", type=int, default=value)
    args = parser.parse_args()
    reader = reader_of(context=1024, layers=1, width=64)
    one = chain(reader, start=200, tokens=300, steps=args.steps)
    traces = [
        replace(one, id=f"p{i}", problem=replace(one.problem, id=f"p{i}"))
        for i in range(args.traces)
    ]
    site = Site("resid_post", 0)
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        reader.activations(traces, at=site, to_disk=folder)
        wrote = time.perf_counter() - started
        started = time.perf_counter()
        cache = open_cache(Path(folder))
        opened = time.perf_counter() - started
        spent = []
        for number, step in zip(
            rng.integers(args.traces, size=args.reads),
            rng.integers(args.steps, size=args.reads),
            strict=True,
        ):
            started = time.perf_counter()
            states = cache.read(site, trace=traces[number].id, step=int(step))
            spent.append(1000 * (time.perf_counter() - started))
            assert len(states) == 1
    print(
        f"{args.traces} traces of {args.steps} steps: written in {wrote:.0f} s, opened in {opened:.2f} s"
    )
    print(
        f"one step of one trace: median {np.median(spent):.1f} ms, longest {max(spent):.1f} ms, first {spent[0]:.1f} ms"
    )


if __name__ == "__main__":
    main()
