"""Plant directions in one of two models, in both or in none, and count how often each method tells which.

A copy P of a model holds a planted direction u, a copy Q of P a second one v: in the weights, by tuning (`mechcot.sae.plants.training`), or in the
states alone, to which A u is added where a tuned copy has it. So three pairs have a known truth:

    model -> P      u is new
    P -> Q          v is new, u is kept
    Q -> model      u and v are lost
    model -> model  turned by a random rotation: nothing is new or lost, though every state is another

A plant in the weights counts when it stands where it should (`along`): 0.8 of its size at marked tokens, at most 0.15 elsewhere.

    recall      planted changes that some claim about the right model meets (cosine >= 0.9) / all of them
    precision   claims that meet a planted change of the right model / all claims
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from mechcot.core.pair import Pair
from mechcot.core.trace import Trace
from mechcot.model.reasoner import Reasoner
from mechcot.sae.latent_sides import Whose
from mechcot.sae.plants.change_finders import Finding, findings
from mechcot.sae.plants.marked_steps import places, writer_chains
from mechcot.sae.plants.recovery import COSINE, share
from mechcot.sae.plants.training import SITE, Plant, amplitude, plant
from mechcot.sae.plants.verification import LEAKS, STANDS, along
from mechcot.sae.token_states import token_states
from mechcot.sae.training import TrainingSettings

FIRST, SECOND = "restated", "early"
"""What marks the steps where the first and the second plant of a seed stand."""
ROTATED = "rotated"
"""The pair in which nothing is new or lost."""
Planted = Mapping[Whose, Sequence[Plant]]


def changed_pairs(
    base: Reasoner,
    seed: int,
    *,
    settings: TrainingSettings,
    weights: bool,
    chains: int = 480,
    held_out: int = 96,
) -> dict[str, Any]:
    """Plant two directions, one after the other, and ask every method about every pair.

    Args:
        base: The model to plant in.
        seed: Of both plants, the chains and the rotation.
        settings: Of the dictionaries.
        weights: Whether copies are tuned; else states are changed.
        chains: Chains for tuning and for the dictionaries.
        held_out: Other chains, on which everything is judged.
    """
    seen = writer_chains(base, chains, seed=seed + 10_000)
    fresh = writer_chains(base, held_out, seed=seed + 20_000)
    specs = (Plant(mark=FIRST, seed=seed), Plant(mark=SECOND, seed=seed + 100))
    first, second = specs
    if weights:
        one = plant(base, seen, first)
        two = plant(one, seen, second)
        known = [
            _stands(Pair(parent, copy), fresh, spec, size=amplitude(parent, seen, spec))
            for parent, copy, spec in ((base, one, first), (one, two, second), (base, two, first))
        ]
        seen_states, fresh_states = (
            [token_states(model, some, SITE).states for model in (base, one, two)]
            for some in (seen, fresh)
        )
    else:
        known, size = [], amplitude(base, seen, first)
        seen_states, fresh_states = (
            _with_plants(token_states(base, some, SITE).states, some, specs, size=size)
            for some in (seen, fresh)
        )
    turn = _rotation(seen_states[0].shape[1], seed)
    for states in (seen_states, fresh_states):
        states.append(states[0] @ turn)
    pairs: dict[str, tuple[int, int, Planted]] = {
        "added": (0, 1, {Whose.TUNED: [first]}),
        "added, one kept": (1, 2, {Whose.TUNED: [second], Whose.SHARED: [first]}),
        "removed": (2, 0, {Whose.BASE: [first, second]}),
        ROTATED: (0, 3, {}),
    }
    told: dict[str, dict[str, Any]] = {}
    for name, (before, after, truth) in pairs.items():
        seen_pair, fresh_pair = (
            Pair(states[before], states[after]) for states in (seen_states, fresh_states)
        )
        said = findings(seen_pair, fresh_pair, settings)
        told[name] = {method: count_claims(finding, truth) for method, finding in said.items()}
    return {"seed": seed, "plants": known, "pairs": told}


def _stands(
    readers: Pair[Reasoner], traces: Sequence[Trace], spec: Plant, *, size: float
) -> dict[str, Any]:
    rows = [(trace.ids, places(trace, spec.mark)) for trace in traces]
    measured = along(readers, rows, spec, size=size)
    stands = measured["marked"] >= STANDS and measured["other"] <= LEAKS
    return {"mark": spec.mark, "stands": stands} | measured


def _with_plants(
    states: Tensor, traces: Sequence[Trace], specs: Sequence[Plant], *, size: float
) -> list[Tensor]:
    """States as they are, with the first plant, and with both."""
    made = [states]
    for spec in specs:
        at = torch.cat([places(trace, spec.mark)[1:] for trace in traces])
        made.append(made[-1] + size * at.unsqueeze(-1) * spec.direction(states.shape[1]))
    return made


def _rotation(width: int, seed: int) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.linalg.qr(torch.randn(width, width, generator=draw))[0]


def count_claims(finding: Finding, truth: Planted) -> dict[str, Any]:
    """Count claims and planted changes of each model, and kept plants.

    Returns:
        For `base only` and `tuned only`: `planted`, how many of them were `met`, `claims`, how many of them are `right`, and the `best` cosine with
        each planted direction. `kept`: plants of both models, and how many have a shared latent along them in both. Fit as in `Finding`.
    """
    result: dict[str, Any] = {"live": finding.live, "l0": finding.l0}
    result["explained"] = None if finding.explained is None else [*finding.explained]
    for side in (Whose.BASE, Whose.TUNED):
        claims = [claim for claim in finding.claims if claim.whose == side]
        cosines = [
            [claim.cosine(spec.direction(len(claim.direction))) for spec in truth.get(side, ())]
            for claim in claims
        ]
        best = [max(column, default=0.0) for column in zip(*cosines, strict=True)]
        planted = len(truth.get(side, ()))
        result[str(side)] = {
            "planted": planted,
            "met": sum(value >= COSINE for value in best),
            "claims": len(claims),
            "right": sum(max(row, default=0.0) >= COSINE for row in cosines),
            "best": best or [0.0] * planted,
        }
    kept = truth.get(Whose.SHARED, ())
    result["kept"] = {"planted": len(kept), "met": sum(_is_shared(finding, spec) for spec in kept)}
    return result


def _is_shared(finding: Finding, spec: Plant) -> bool:
    """Return whether one latent of both models lies along a plant in both."""
    return any(
        all(float(side @ spec.direction(len(side))) >= COSINE for side in pair)
        for pair in finding.shared
    )


def change_scores(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Recall and precision of every method over all seeds whose plants stand, with exact 95 % intervals."""
    stand = [result for result in results if all(planted["stands"] for planted in result["plants"])]
    rows = []
    for method in stand[0]["pairs"][ROTATED] if stand else ():
        told = [(name, pair[method]) for result in stand for name, pair in result["pairs"].items()]
        planted = [pair for name, pair in told if name != ROTATED]
        row: dict[str, Any] = {"method": method}
        for side in (Whose.TUNED, Whose.BASE):
            total = {
                key: sum(pair[side][key] for pair in planted)
                for key in ("planted", "met", "claims", "right")
            }
            row[str(side)] = {
                "recall": share(total["met"], total["planted"]),
                "precision": share(total["right"], total["claims"]),
            }
        null = [pair for name, pair in told if name == ROTATED]
        alarms = sum(pair[side]["claims"] for pair in null for side in (Whose.BASE, Whose.TUNED))
        row["null"] = {"claims": alarms} | (
            {} if null[0]["live"] is None else share(alarms, sum(pair["live"] for pair in null))
        )
        kept = {key: sum(pair["kept"][key] for pair in planted) for key in ("planted", "met")}
        row["kept"] = kept | share(kept["met"], kept["planted"])
        fits = [pair for pair in planted if pair["explained"]]
        row["l0"] = sum(pair["l0"] for pair in fits) / len(fits) if fits else None
        row["explained"] = min((v for pair in fits for v in pair["explained"]), default=None)
        rows.append(row)
    left_out = [result["seed"] for result in results if result not in stand]
    return {"seeds": len(results), "left_out": left_out, "methods": rows, "found": list(results)}


def markdown_scores(result: Mapping[str, Any]) -> list[str]:
    """The scores as a Markdown table."""
    lines = [
        "| method | tuned only: recall | precision | base only: recall | precision | kept is shared | claims of the null | L0 | explained, least |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in result["methods"]:
        shares = [
            _in_words(row[str(side)][score])
            for side in (Whose.TUNED, Whose.BASE)
            for score in ("recall", "precision")
        ]
        null = _in_words(row["null"]) if "of" in row["null"] else str(row["null"]["claims"])
        kept = "" if row["l0"] is None else _in_words(row["kept"])
        fit = ["", ""] if row["l0"] is None else [f"{row['l0']:.1f}", f"{row['explained']:.3f}"]
        lines.append("| " + " | ".join([row["method"], *shares, kept, null, *fit]) + " |")
    if result["left_out"]:
        seeds = ", ".join(map(str, result["left_out"]))
        lines.append(f"left out, a plant does not stand: seeds {seeds}")
    return lines


def _in_words(score: Mapping[str, Any]) -> str:
    if not score["of"]:
        return "no claim"
    return f"{score['hits']} of {score['of']}: {score['share']:.2f} [{score['low']:.2f}, {score['high']:.2f}]"
