"""What a hybrid costs beside plain writing of both models, as a ratio of processor time.

    python -m benchmarks.hybrid_speed [BASE TUNED] [--family order] [--n 64] [--batch 32]

All texts have the same prompts and the same longest length. `tokens` and `vectors` are given at every disagreement, the dearest case; so many vectors of
length 0, that the texts stay the base's own.
"""

import argparse
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch

from mechcot.model.generation.giving import GivenVectors, Giving
from mechcot.model.generation.guided import write_guided
from mechcot.model.internals.sites import Site
from mechcot.model.loading.pairs import load_models
from mechcot.organisms.registry import family_named

REPEATS = 3


def seconds(run: Callable[[], Any]) -> float:
    """Median processor time of a few runs."""
    taken = []
    for _ in range(REPEATS):
        started = time.process_time()
        run()
        taken.append(time.process_time() - started)
    return median(taken)


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*")
    parser.add_argument("--family", default="order")
    parser.add_argument("--n", type=int, default=64)
    parser.add_argument("--batch", type=int, default=32)
    given = parser.parse_args()
    base, tuned = load_models(
        given.models or ("organism:order/base", "organism:order/rationaliser")
    )
    problems = family_named(given.family).problems(given.n, seed=7, hint="answer")
    kwargs: dict[str, Any] = {"max_tokens": 160, "batch_size": given.batch}
    plain = seconds(lambda: [model.write(problems, **kwargs) for model in (base, tuned)])
    nothing = torch.zeros(2, base.model.config.get_text_config().hidden_size)
    site = Site("resid_post", 0)
    for name, giving in {
        "nothing": Giving(budget=0.0),
        "tokens": Giving(),
        "vectors": Giving(GivenVectors(site, nothing, nothing)),
    }.items():
        run = seconds(lambda giving=giving: write_guided(base, tuned, problems, giving, **kwargs))
        print(f"{name:8} {run / plain:.2f} of plain writing of both ({run:.2f} s of {plain:.2f} s)")


if __name__ == "__main__":
    main()
