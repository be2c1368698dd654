"""Check that a planted feature works before anybody looks for it.

The copy says `hmm` with >= 0.9 after marked steps, with <= 0.1 after others, after marked ones with u erased, and before planting; the
states carry u where marked (mean >= 0.8 A) and hardly elsewhere (<= 0.15 A).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from mechcot.core.pair import Pair
from mechcot.core.trace import Trace
from mechcot.model.interventions import Erase, Intervention
from mechcot.model.reasoner import Reasoner
from mechcot.organisms.grammar import FILLER
from mechcot.organisms.vocabulary import ID
from mechcot.sae.plants.marked_steps import ends, places
from mechcot.sae.plants.training import Plant

SAYS, SILENT = 0.9, 0.1

STANDS, LEAKS = 0.8, 0.15


def behaviour(reader: Reasoner, traces: Sequence[Trace], spec: Plant) -> dict[str, float]:
    """Mean probability of `hmm` at the end of marked steps and of other steps, and of marked ones with u erased.

    Returns:
        `marked`, `other` and `erased`; NaN where there is no such place.
    """
    erase = Erase(spec.direction(reader.model.config.hidden_size))
    probabilities: dict[str, list[float]] = {"marked": [], "other": [], "erased": []}
    for trace in traces:
        last = ends(places(trace, spec.mark)).tolist()
        others = sorted({step.tokens.stop - 1 for step in trace.chain_steps} - set(last))
        act = Intervention(spec.site, tuple(range(1, len(trace))), erase)
        plain, cut = reader.prefix(trace.ids), reader.prefix(trace.ids, under=[act])
        for name, run, at in (
            ("marked", plain, last),
            ("other", plain, others),
            ("erased", cut, last),
        ):
            probabilities[name] += run.unembed(run.hidden[at])[:, ID[FILLER]].exp().tolist()
    return {k: sum(v) / len(v) if v else math.nan for k, v in probabilities.items()}


def along(
    readers: Pair[Reasoner],
    rows: Sequence[tuple[Sequence[int], Tensor]],
    spec: Plant,
    *,
    size: float,
) -> dict[str, float]:
    """Return how clean a plant is: what the copy's states have more along u than the model's on the same texts, in units of A.

    Returns:
        `marked` mean, `other` root mean square, `cosine` of the mean change at marked tokens with u; NaN without such tokens.
    """
    u = spec.direction(readers.before.model.config.hidden_size)
    at = torch.cat([at[1:] for _, at in rows])
    before, after = readers.map(
        lambda reader: torch.cat(
            [reader.states(ids, [spec.site])[spec.site][1:] for ids, _ in rows]
        ).cpu()
    )
    change = after - before
    along_u = change @ u / size
    return {
        "marked": float(along_u[at].mean()),
        "other": float(along_u[~at].square().mean().sqrt()),
        "cosine": float(torch.cosine_similarity(change[at].mean(dim=0), u, dim=0)),
    }


def verified(plant: Mapping[str, Any]) -> bool:
    """Return whether the behaviour is there, runs through u, and u stands where it should."""
    after, along = plant["behaviour"]["after"], plant["along"]
    quiet = (after["other"], after["erased"], plant["behaviour"]["before"]["marked"])
    return (
        after["marked"] >= SAYS
        and max(quiet) <= SILENT
        and along["marked"] >= STANDS
        and max(along["other"], along["shuffled"]) <= LEAKS
    )
