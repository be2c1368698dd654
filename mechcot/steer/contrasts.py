"""Differences between arms on the same items, each with a paired bootstrap interval.

against controls    vector - control          same model, source, sign and dose
of sources          first's - other's vector  same model, sign and dose: does it matter whose vector it is?
of models           on first - on other       same vector: does it matter whom it is added to? (changes from clean)
interaction         (own - other's) summed over both models: more than 0 where a model answers its own vector best
penalty             penalty - same on random tokens
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from mechcot.steer.controls import CONTROLS
from mechcot.steer.spec import Experiment

Cell = Mapping[str, Any]
Rows = Float[np.ndarray, " item"]


def column(cell: Cell, name: str) -> Rows:
    """One readout of an arm's items; NaN where there is none."""
    return np.array(
        [np.nan if row.get(name) is None else float(row[name]) for row in cell["rows"]], dtype=float
    )


def contrasts(
    experiment: Experiment, cells: Sequence[Cell], name: str
) -> Iterator[tuple[dict[str, Any], Rows]]:
    """Every contrast of a readout: what is compared, and the difference on each item.

    Args:
        experiment: Names the models and the doses.
        cells: Every arm with its texts; an arm's real counterpart must be among them.
        name: The readout.

    Yields:
        What is compared and against what; the difference per item, in the readout's unit.
    """
    clean = {c["arm"]["model"]: column(c, name) for c in cells if c["arm"]["role"] == "clean"}
    found = {_key(c["arm"]): column(c, name) for c in cells}
    for cell in cells:
        arm = cell["arm"]
        if arm["role"] in (*CONTROLS, "truncation"):
            real = found[_key(arm | {"role": "vector"})]
            yield _about("vector", arm, arm["role"]), real - found[_key(arm)]
        elif arm["role"] == "matched tokens":
            real = found[_key(arm | {"role": "penalty", "draw": 0})]
            yield _about("penalty", arm, arm["role"]), real - found[_key(arm)]
    if len(experiment.models) == 2 and experiment.vector:
        yield from _crossed(experiment, found, clean)


def _crossed(
    experiment: Experiment, found: Mapping[tuple[Any, ...], Rows], clean: Mapping[str, Rows]
) -> Iterator[tuple[dict[str, Any], Rows]]:
    first, other = experiment.models
    assert experiment.vector is not None
    for sign in experiment.apply.signs:
        for nats in experiment.apply.nats:
            about = {"role": "vector", "site": experiment.vector.site, "sign": sign, "nats": nats}
            about |= {"alpha": 0.0, "beta": 0, "draw": 0}
            # [vector of, added to]
            change = {
                (s, m): found[_key(about | {"source": s, "model": m})] - clean[m]
                for s in experiment.models
                for m in experiment.models
            }
            for model in experiment.models:
                told = about | {"model": model, "source": first}
                difference = change[first, model] - change[other, model]
                yield _about("sources", told, f"vector of {other}"), difference
            for source in experiment.models:
                told = about | {"model": first, "source": source}
                difference = change[source, first] - change[source, other]
                yield _about("models", told, f"on {other}"), difference
            own = change[first, first] + change[other, other]
            crossed = change[first, other] + change[other, first]
            told = about | {"model": first, "source": first}
            yield _about("interaction", told, "own against crossed"), own - crossed


def _about(what: str, arm: Mapping[str, Any], against: str) -> dict[str, Any]:
    names = ("model", "source", "site", "sign", "nats", "alpha", "beta", "draw")
    return {"what": what, "against": against} | {name: arm[name] for name in names}


def _key(arm: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(sorted(arm.items()))
