"""`python -m benchmarks.crosscoder`: a crosscoder of two models against a plain dictionary of each, of the same width and as many steps.

The claim is a cost, not a gain: at most 1.3 times as much.
"""

import torch

from benchmarks.setting import Row, in_turn, show
from mechcot.core.pair import Pair
from mechcot.model.internals.sites import Site
from mechcot.sae.crosscoder_training import train_crosscoder
from mechcot.sae.training import TrainingSettings, train

TOKENS, D_MODEL = 20_480, 128
SETTINGS = TrainingSettings(width=2048, k=32, samples=20_480)
BOUND = 1.3


def run() -> list[Row]:
    """One row."""
    torch.set_num_threads(1)
    draw = torch.Generator().manual_seed(0)
    before = torch.randn(TOKENS, D_MODEL, generator=draw)
    states = Pair(before, before + 0.1 * torch.randn(TOKENS, D_MODEL, generator=draw))
    site = Site("resid_post", 2)
    times = in_turn(
        {
            "two": lambda: [
                train(side, site=site, model="m", settings=SETTINGS) for side in states
            ],
            "crosscoder": lambda: train_crosscoder(
                states, site=site, models=Pair("one", "two"), settings=SETTINGS
            ),
        }
    )
    two, crosscoder = times["two"], times["crosscoder"]
    wall, cpu = crosscoder.wall / two.wall, crosscoder.cpu / two.cpu
    return [
        Row(
            name=f"train {SETTINGS.width} latents of two models, {TOKENS} states",
            slow=f"two dictionaries {two}",
            fast=f"crosscoder {crosscoder}",
            ratio=f"{wall:.2f}x ({cpu:.2f}x CPU)",
            bound=f"<= {BOUND}x",
            holds=min(wall, cpu) <= BOUND,
            difference="",
        )
    ]


if __name__ == "__main__":
    show(run())
