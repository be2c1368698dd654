"""Measurements of a model by its task itself, apart from every measure: reached reliance, and the subjects' axes.

How much a mixture relies on its chain is reached and measured, not the share its recipe asked for:

    edits   mean probability of the predicted answer after exact edits of stated values (kept tail)
    masks   mean KL in nats of the answer's distribution from the one that cannot attend to the chain, over
            chains whose every value was edited

The first scores every measure but those that edit the chain themselves; these are scored by the second.
A subject gets accuracy, validity of its own steps and calibration besides (`organisms/subject.py`).
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from mechcot.core.store import digest
from mechcot.core.trace import Trace
from mechcot.organisms.capability import subject
from mechcot.organisms.check import load_organism
from mechcot.organisms.registry import path
from mechcot.organisms.reliance import edited_items, reached, route_divergence
from mechcot.runs.items import Items

Reached = dict[str, float]


def reliance(name: str, headline: Sequence[Trace], *, out: Path, seed: int) -> Reached:
    """Measure how far one organism relies on its chain, or read what was measured before.

    Args:
        name: The organism.
        headline: The base's correct chains.
        out: Folder of the ruler.
        seed: Seed of the edits.
    """
    about = ("reached", [trace.id for trace in headline], seed)
    return _kept(name, about, out=out, measure=lambda: _reached(name, headline, seed=seed))


def axes(name: str, *, n: int, out: Path, seed: int) -> Reached:
    """Accuracy, calibration, validity of its own steps, and accuracy one hop further, of one organism.

    Args:
        name: The organism.
        n: Number of held-out problems.
        out: Folder of the ruler.
        seed: Seed of the problems.
    """

    def measure() -> Reached:
        found = subject(load_organism(name), n=n, seed=seed)
        return {
            "accuracy": found.accuracy,
            "calibration_error": found.calibration_error,
            "valid": found.valid,
            "longer": found.longer,
        }

    return _kept(name, ("axes", n, seed), out=out, measure=measure)


def _kept(
    name: str, about: tuple[object, ...], *, out: Path, measure: Callable[[], Reached]
) -> Reached:
    weights = (path(name) / "model.safetensors").read_bytes()
    return Items(out / "models").get(digest(weights.hex(), *about), measure)


def _reached(name: str, headline: Sequence[Trace], *, seed: int) -> Reached:
    pairs = [
        (trace.problem, tuple(step.text.strip() for step in trace.chain_steps))
        for trace in headline
    ]
    items = edited_items(pairs, seed=seed)["kept"]
    model = load_organism(name)
    nats = route_divergence(model, [item.row for item in items], hidden="chain")
    return {"edits": reached(model, items), "masks": float(nats.mean())}
