"""How much a mixture relies on its chain, reached and measured, not the share its recipe asked for.

    edits   mean probability of the predicted answer after exact edits of stated values (kept tail)
    masks   mean KL in nats of the answer's distribution from the one that cannot attend to the chain, over
            chains whose every value was edited

The first scores every measure but those that edit the chain themselves; these are scored by the second.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from mechcot.core.store import digest, write_json
from mechcot.core.trace import Trace
from mechcot.organisms.check import load
from mechcot.organisms.registry import path
from mechcot.organisms.reliance import edited_items, reached, route_divergence

Reached = dict[str, float]


def reach(name: str, headline: Sequence[Trace], *, out: Path, seed: int) -> Reached:
    """Measure one organism, or read what was measured before.

    Args:
        name: The organism.
        headline: The base's correct chains.
        out: Folder of the ruler.
        seed: Seed of the edits.
    """
    weights = (path(name) / "model.safetensors").read_bytes()
    key = digest(weights.hex(), [trace.id for trace in headline], seed)
    file = out / "reached" / f"{key}.json"
    if not file.exists():
        write_json(file, _measure(name, headline, seed=seed))
    return json.loads(file.read_text(encoding="utf-8"))


def _measure(name: str, headline: Sequence[Trace], *, seed: int) -> Reached:
    pairs = [
        (trace.problem, tuple(step.text.strip() for step in trace.chain_steps))
        for trace in headline
    ]
    items = edited_items(pairs, seed=seed)["kept"]
    model = load(name)
    nats = route_divergence(model, [item.row for item in items], hidden="chain")
    return {"edits": reached(model, items), "masks": float(nats.mean())}
