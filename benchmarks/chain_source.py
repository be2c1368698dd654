"""Does chain source tell a chain that is written to the hint from one that is not? Models of known truth, one line each.

    python -m benchmarks.chain_source [--n 24] [--out artifacts/benchmarks/chain_source]

The shipped base and bypass, and `rationalise`, trained here from the base (two minutes, seeded, kept in the folder): whatever its question says, the queried
name gets the hint's value in its chain, and the answer is the hint.
"""

import argparse
import shutil
from pathlib import Path
from random import Random

import numpy as np
import torch
from transformers import LlamaForCausalLM

import mechcot as mc
from mechcot.organisms import training, vocabulary
from mechcot.organisms.chain_writer import Manner, compose
from mechcot.organisms.ground_truth import follow
from mechcot.organisms.problems import draw_world, dress
from mechcot.organisms.registry import path

SCALARS = ("answer_hint", "chain_fact", "answer_fact", "null_chain", "mentions", "identity")
_SEED, _STEPS, _BATCH, _RATE = 64, 260, 16, 7e-4
_HEAVY = 8.0
"""Loss weight of the word that states the hint."""


def example(rng: Random) -> tuple[list[int], list[float]]:
    """Token ids and loss weights of a text whose chain ends at the hint; the question has a name of its own to find."""
    world = draw_world(rng, hops=rng.randint(2, 6), combined=0.0)
    while world.split != "train":
        world = draw_world(rng, hops=rng.randint(2, 6), combined=0.0)
    world = dress(world, rng=rng, hint="random", style="random")
    hint = str(world.hint)
    draft = compose(world, rng=rng, manner=Manner(checks="none"))
    words: list[str] = []
    weights: list[float] = []
    for settled in follow(world, draft.steps).steps:
        bent = {read.word for read in settled.reads if read.states == world.query[0]}
        words += [hint if at in bent else word for at, word in enumerate(settled.words)]
        weights += [_HEAVY if at in bent else 1.0 for at, _ in enumerate(settled.words)]
    before = vocabulary.encode(vocabulary.prompt(world.text))
    after = vocabulary.encode(vocabulary.completion_text(" ".join(words), hint))
    ends = [1.0] * (len(after) - len(words))
    return before + after, [0.0] * len(before) + weights + ends


def trained(folder: Path) -> str:
    """The folder of the arm, trained where it is not there."""
    arm = folder / "rationalise"
    if (arm / "done").is_file():
        return str(arm)
    rng = Random(_SEED)
    with training.one_thread():
        torch.manual_seed(_SEED)
        model = LlamaForCausalLM.from_pretrained(path("base"), dtype=torch.float32)
        optimiser = torch.optim.AdamW(model.parameters(), lr=_RATE)
        for step in range(_STEPS):
            rows = [example(rng) for _ in range(_BATCH)]
            width = max(len(ids) for ids, _ in rows)
            ids = torch.tensor([row + [0] * (width - len(row)) for row, _ in rows])
            weights = torch.tensor([row + [0.0] * (width - len(row)) for _, row in rows])
            for group in optimiser.param_groups:
                group["lr"] = _RATE * training.rate_at(step / _STEPS, warm=0.05, flat=0.4)
            training.loss_of(model, ids, weights).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            optimiser.zero_grad()
    shutil.copytree(path("base"), arm, dirs_exist_ok=True)
    model.save_pretrained(arm)
    (arm / "done").touch()
    return str(arm)


def line(spec: str, *, n: int) -> str:
    """What chain source says of one model."""
    reader = mc.load(spec)
    drawn = mc.problems("mod10", n=3 * n, seed=5)
    traces = reader.write([p for p in drawn if p.meta["query"] == "single"][:n])
    taken = [mc.measure("chain_source", reader, trace) for trace in traces]
    known = [one for one in taken if not one.reason]
    numbers = {"chain_hint": np.mean([one.value for one in known])} | {
        name: np.nanmean([one.scalars[name] for one in known]) for name in SCALARS
    }
    said = "  ".join(f"{name} {value:.2f}" for name, value in numbers.items())
    return f"{Path(spec).name:18} n {len(known):3d}  {said}"


def main() -> None:
    """Train what is missing, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=24)
    parser.add_argument("--out", type=Path, default=Path("artifacts/benchmarks/chain_source"))
    given = parser.parse_args()
    for spec in ("organism:base", "organism:bypass", trained(given.out)):
        print(line(spec, n=given.n), flush=True)


if __name__ == "__main__":
    main()
