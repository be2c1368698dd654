"""Find planted directions with the ordinary pipeline, and count how often it is right."""

from collections.abc import Sequence
from typing import Any

import torch

from mechcot.core.pair import Pair
from mechcot.features import falsify
from mechcot.features.dictionary import Dictionary
from mechcot.features.fit import fit
from mechcot.features.plant import MARKED, Plant, behaviour, marked, plant, written
from mechcot.features.reads import Reads, read_features, selectivity
from mechcot.features.states import token_states
from mechcot.features.training import Settings, train
from mechcot.model.reasoner import Reasoner
from mechcot.organisms.rewording import OrganismParaphraser

COSINE = 0.9
CANDIDATES = 8


def cosines(dictionary: Dictionary, u: torch.Tensor) -> torch.Tensor:
    """Cosine of every feature's direction with a unit vector."""
    return torch.nn.functional.normalize(dictionary.decoder, dim=-1) @ u.to(dictionary.decoder)


def find_one(
    base: Reasoner, spec: Plant, *, settings: Settings, chains: int = 160, held_out: int = 48
) -> dict[str, Any]:
    """Plant one direction and look for it.

    Args:
        base: The model to plant in.
        spec: What is planted.
        settings: Of the dictionary.
        chains: Chains for tuning and for the dictionary.
        held_out: Other chains: half to choose candidates on, half for the trials.
    """
    train_on = written(base, chains, seed=spec.seed + 10)
    fresh = [marked(t, spec.mark) for t in written(base, held_out, seed=spec.seed + 20_000)]
    tuned = plant(base, train_on, spec)
    states = [token_states(reader, train_on, spec.site).states for reader in (base, tuned)]
    dictionary = train(torch.cat(states), site=spec.site, model=tuned.name, settings=settings)
    choosing = read_features(dictionary, tuned, fresh[::2])
    chosen = _most_selective(choosing)
    trials = falsify.try_all(
        dictionary,
        tuned,
        chosen,
        choosing=choosing,
        traces=fresh[1::2],
        paraphraser=OrganismParaphraser(),
        label=lambda trace: marked(trace, spec.mark),
        seed=spec.seed,
    )
    near = cosines(dictionary, spec.direction(dictionary.d_model))
    acts = Pair(base, tuned).map(lambda reader: behaviour(reader, fresh, spec))
    return {
        "mark": spec.mark,
        "seed": spec.seed,
        "behaviour": {"before": acts.before, "after": acts.after},
        "fit": [fit(dictionary, reader, fresh[:16]).to_json() for reader in (base, tuned)],
        "best_cosine": float(near.max()),
        "best_feature": int(near.argmax()),
        "trials": [t.to_json() | {"cosine": float(near[t.feature])} for t in trials],
    }


def _most_selective(reads: Reads) -> list[falsify.Candidate]:
    scores = selectivity(reads.steps, reads.kinds == str(MARKED))
    return [falsify.Candidate(int(i), str(MARKED)) for i in (-scores).argsort()[:CANDIDATES]]


def summed(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Recall over plants, and precision over the features that survived for them."""
    survivors = [t for each in found for t in each["trials"] if t["survives"]]
    right = [t for t in survivors if t["cosine"] >= COSINE]
    hit = [
        each
        for each in found
        if any(t["survives"] and t["cosine"] >= COSINE for t in each["trials"])
    ]
    return {
        "plants": len(found),
        "in_dictionary": sum(each["best_cosine"] >= COSINE for each in found),
        "recalled": len(hit),
        "recall": len(hit) / len(found),
        "survivors": len(survivors),
        "precision": len(right) / len(survivors) if survivors else None,
        "found": list(found),
    }


def plant_lines(result: dict[str, Any]) -> list[str]:
    """The finds in sentences."""
    lines = []
    for each in result["found"]:
        after = each["behaviour"]["after"]
        lines.append(
            f"{each['mark']} (seed {each['seed']}): says hmm with {after['marked']:.2f} after marked steps, {after['other']:.2f} after "
            f"others, {after['erased']:.2f} after marked ones with the direction erased; best cosine {each['best_cosine']:.3f}"
        )
        lines += [
            f"  feature {t['feature']}: cosine {t['cosine']:+.3f}, selectivity {t['selectivity']:.2f}, failed: "
            + (", ".join(name for name, ok in t["passes"].items() if not ok) or "nothing")
            for t in each["trials"]
        ]
    precision = "-" if result["precision"] is None else f"{result['precision']:.2f}"
    lines.append(
        f"recall {result['recalled']} of {result['plants']} plants (in the dictionary: {result['in_dictionary']}), "
        f"precision {precision} over {result['survivors']} surviving features"
    )
    return lines
