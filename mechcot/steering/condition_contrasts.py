"""Differences between arms on the same items, each with a paired bootstrap interval.

against controls    vector - control          same model, source, sign and dose
of sources          first's - other's vector  same model, sign and dose: does it matter whose vector it is?
of models           on first - on other       same vector: does it matter whom it is added to? (changes from clean)
interaction         (own - other's) summed over both models: more than 0 where a model answers its own vector best
penalty             penalty - same on random tokens

Each says what doses were *measured* in the arms that it compares, and whether they are the same (`mechcot.stats.dose_tolerance`): where they are not, a
difference between the arms says nothing about their directions, and it is not judged.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from mechcot.stats.dose_tolerance import same_dose
from mechcot.steering.controls import CONTROLS
from mechcot.steering.experiment import Experiment

_Cell = Mapping[str, Any]
_Rows = Float[np.ndarray, " item"]


def column(cell: _Cell, name: str) -> _Rows:
    """One readout of an arm's items; NaN where there is none."""
    return np.array(
        [np.nan if row.get(name) is None else float(row[name]) for row in cell["rows"]], dtype=float
    )


def contrasts(
    experiment: Experiment, cells: Sequence[_Cell], name: str
) -> Iterator[tuple[dict[str, Any], _Rows]]:
    """Every contrast of a readout: what is compared, and the difference on each item.

    Args:
        experiment: Names the models and the doses.
        cells: Every arm with its texts; an arm's real counterpart must be among them.
        name: The readout.

    Yields:
        What is compared and against what, with `doses` (measured, nats) and `judged`; the difference per item, in the readout's unit.
    """
    clean = {c["arm"]["model"]: column(c, name) for c in cells if c["arm"]["role"] == "clean"}
    by_condition = {_key(c["arm"]): c for c in cells}
    for cell in cells:
        arm = cell["arm"]
        if arm["role"] in (*CONTROLS, "truncation"):
            real = by_condition[_key(arm | {"role": "vector"})]
            dosed = [real, cell] if arm["role"] in CONTROLS else []
            comparison = _compared("vector", arm, arm["role"], dosed)
        elif arm["role"] == "matched tokens":
            real = by_condition[_key(arm | {"role": "penalty", "draw": 0})]
            comparison = _compared("penalty", arm, arm["role"], [])
        else:
            continue
        yield comparison, column(real, name) - column(cell, name)
    if len(experiment.models) == 2 and experiment.vector:
        yield from _crossed(experiment, by_condition, clean, name)


def _crossed(
    experiment: Experiment,
    by_condition: Mapping[tuple[Any, ...], _Cell],
    clean: Mapping[str, _Rows],
    name: str,
) -> Iterator[tuple[dict[str, Any], _Rows]]:
    first, other = experiment.models
    assert experiment.vector is not None
    for sign in experiment.apply.signs:
        for nats in experiment.apply.nats:
            condition = {
                "role": "vector",
                "site": experiment.vector.site,
                "sign": sign,
                "nats": nats,
            }
            condition |= {"alpha": 0.0, "beta": 0, "draw": 0}
            # [vector of, added to]
            cells = {
                (s, m): by_condition[_key(condition | {"source": s, "model": m})]
                for s in experiment.models
                for m in experiment.models
            }
            change = {
                key: column(crossing, name) - clean[key[1]] for key, crossing in cells.items()
            }
            pairs = [
                ("sources", f"vector of {other}", (first, model), (other, model))
                for model in experiment.models
            ]
            pairs += [
                ("models", f"on {other}", (source, first), (source, other))
                for source in experiment.models
            ]
            for what, against, one_way, other_way in pairs:
                described = condition | {"source": one_way[0], "model": one_way[1]}
                dosed = [cells[one_way], cells[other_way]]
                yield (
                    _compared(what, described, against, dosed),
                    change[one_way] - change[other_way],
                )
            own = change[first, first] + change[other, other]
            crossed = change[first, other] + change[other, first]
            described = condition | {"model": first, "source": first}
            yield (
                _compared("interaction", described, "own against crossed", list(cells.values())),
                own - crossed,
            )


def _compared(
    what: str, arm: Mapping[str, Any], against: str, dosed: Sequence[_Cell]
) -> dict[str, Any]:
    """Return what is compared; `dosed` are the arms whose doses must be the same."""
    names = ("model", "source", "site", "sign", "nats", "alpha", "beta", "draw")
    doses = [cell["dose"]["kl"] for cell in dosed if cell.get("dose")]
    comparison = {"what": what, "against": against, "doses": doses, "judged": same_dose(doses)}
    return comparison | {name: arm[name] for name in names}


def _key(arm: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(sorted(arm.items()))
