"""Find planted directions with the ordinary pipeline, and count how often it is right.

Finding knows nothing of u: a dictionary is trained on both models' states, the features that grew most from the model to the
copy are tried (falsify.py), and what survives is said to be found. A find is right when its decoder's cosine with u
is at least 0.9. A planted *word* feature (the direction stands at every `7`) is the negative control: the trials must refuse it.

    recall      verified plants (`mechcot.sae.plants.verification`) that no word shows, of which a right feature survived / all of them
    precision   right survivors / all survivors of verified plants, where every survivor of a word plant is wrong
"""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import torch
from scipy.stats import binomtest

from mechcot.core.pair import Pair
from mechcot.core.trace import Trace
from mechcot.model.reasoner import Reasoner
from mechcot.organisms.known_task import OrganismParaphraser
from mechcot.sae import falsify
from mechcot.sae.dictionary import Dictionary
from mechcot.sae.evaluation import evaluate
from mechcot.sae.feature_activations import FeatureActivations, read_features, selectivity
from mechcot.sae.plants.marked_steps import (
    MARKED,
    WORD_MARK,
    marked,
    places,
    words_at,
    writer_chains,
)
from mechcot.sae.plants.training import Plant, amplitude, mixed, plant
from mechcot.sae.plants.verification import along, behaviour, verified
from mechcot.sae.token_states import token_states
from mechcot.sae.training import TrainingSettings, train
from mechcot.stats.feature_trials import passes

COSINE = 0.9

CANDIDATES, GROWN = 8, 0.1
"""At most so many features are tried, those that grew by at least this share of what the first grew."""

REPEATS = 16
"""Texts from each of 48 chains, for injection: 768 a side, so that the standard error of Cohen's d is sqrt(2 / 768) = 0.051 and a
true d of 0 is cleared (upper 95 % bound below 0.2) with probability 0.99; 4 texts a chain clear it with 0.62."""


def cosines(dictionary: Dictionary, u: torch.Tensor) -> torch.Tensor:
    """Cosine of every feature's direction with a unit vector."""
    return torch.nn.functional.normalize(dictionary.decoder, dim=-1) @ u.to(dictionary.decoder)


def find_one(
    base: Reasoner,
    spec: Plant,
    *,
    settings: TrainingSettings,
    chains: int = 480,
    held_out: int = 96,
) -> dict[str, Any]:
    """Plant one direction and look for it.

    Args:
        base: The model to plant in.
        spec: What is planted.
        settings: Of the dictionary.
        chains: Chains for tuning and for the dictionary.
        held_out: Other chains: half to choose candidates on, half for the trials.
    """
    train_on = writer_chains(base, chains, seed=spec.seed + 10_000)
    fresh = [marked(t, spec.mark) for t in writer_chains(base, held_out, seed=spec.seed + 20_000)]
    tuned = plant(base, train_on, spec)
    states = [token_states(reader, train_on, spec.site).states for reader in (base, tuned)]
    dictionary = train(torch.cat(states), site=spec.site, model=tuned.name, settings=settings)
    choosing = Pair(base, tuned).map(lambda reader: read_features(dictionary, reader, fresh[::2]))
    chosen = new_features(dictionary, choosing)
    trials = falsify.try_all(
        dictionary,
        tuned,
        chosen,
        choosing=choosing.after,
        traces=fresh[1::2],
        paraphraser=OrganismParaphraser(),
        label=lambda trace: marked(trace, spec.mark),
        seed=spec.seed,
        repeats=REPEATS,
    )
    near = cosines(dictionary, spec.direction(dictionary.d_model))
    acts = Pair(base, tuned).map(lambda reader: behaviour(reader, fresh, spec))
    return {
        "mark": spec.mark,
        "seed": spec.seed,
        "behaviour": {"before": acts.before, "after": acts.after},
        "along": _along(Pair(base, tuned), fresh, spec, size=amplitude(base, train_on, spec)),
        "fit": [evaluate(dictionary, reader, fresh[:16]).to_json() for reader in (base, tuned)],
        "best_cosine": float(near.max()),
        "best_feature": int(near.argmax()),
        "trials": [t.to_json() | {"cosine": float(near[t.feature])} for t in trials],
    }


def _along(
    readers: Pair[Reasoner], traces: Sequence[Trace], spec: Plant, *, size: float
) -> dict[str, float]:
    """Return how clean a plant is on chains, and its `shuffled` root mean square along u in their words in random order."""
    rng = Random(f"along {spec.seed}")
    texts = [mixed(trace, rng) for trace in traces]
    hits = [words_at(ids, trace.prompt_length) for ids, trace in zip(texts, traces, strict=True)]
    at = hits if spec.mark == WORD_MARK else [torch.zeros_like(hit) for hit in hits]
    rows = [(trace.ids, places(trace, spec.mark)) for trace in traces]
    shuffled = along(readers, list(zip(texts, at, strict=True)), spec, size=size)["other"]
    return along(readers, rows, spec, size=size) | {"shuffled": shuffled}


def new_features(
    dictionary: Dictionary, reads: Pair[FeatureActivations]
) -> list[falsify.Candidate]:
    """The features that write most more after than before on the same tokens, of those that prefer marked steps."""
    grown = (reads.after.values.mean(axis=0) - reads.before.values.mean(axis=0)) * (
        dictionary.decoder.norm(dim=-1).cpu().numpy()
    )
    prefers = selectivity(reads.after.steps, reads.after.kinds == str(MARKED)) > 0
    order = [int(i) for i in (-grown).argsort(kind="stable") if grown[i] > 0 and prefers[i]]
    chosen = [i for i in order[:CANDIDATES] if grown[i] >= GROWN * grown[order[0]]]
    return [falsify.Candidate(i, str(MARKED)) for i in chosen]


def share(hits: int, of: int) -> dict[str, Any]:
    """A share with its exact (Clopper-Pearson) 95 % interval; None of nothing."""
    if not of:
        return {"hits": 0, "of": 0, "share": None, "low": None, "high": None}
    ends = binomtest(hits, of).proportion_ci(method="exact")
    bounds = {"low": float(ends.low), "high": float(ends.high)}
    return {"hits": hits, "of": of, "share": hits / of} | bounds


def summed(plants: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Recall and precision over verified plants, what became of word plants, and which plants were not verified."""
    known = [planted for planted in plants if verified(planted)]
    words = [planted for planted in known if planted["mark"] == WORD_MARK]
    hidden = [planted for planted in known if planted["mark"] != WORD_MARK]
    survivors = [
        t["cosine"] >= COSINE and planted["mark"] != WORD_MARK
        for planted in known
        for t in planted["trials"]
        if t["survives"]
    ]
    return {
        "plants": len(plants),
        "not_verified": [
            f"{planted['mark']}@{planted['seed']}" for planted in plants if not verified(planted)
        ],
        "in_dictionary": sum(planted["best_cosine"] >= COSINE for planted in hidden),
        "recall": share(sum(map(_right_survives, hidden)), len(hidden)),
        "precision": share(sum(survivors), len(survivors)),
        "word_plants": len(words),
        "word_in_dictionary": sum(planted["best_cosine"] >= COSINE for planted in words),
        "word_survived": sum(map(_right_survives, words)),
        "found": list(plants),
    }


def _right_survives(planted: Mapping[str, Any]) -> bool:
    return any(t["survives"] and t["cosine"] >= COSINE for t in planted["trials"])


def plant_lines(result: Mapping[str, Any]) -> list[str]:
    """The finds in sentences."""
    lines = []
    for planted in result["found"]:
        after = planted["behaviour"]["after"]
        lines.append(
            f"{planted['mark']} (seed {planted['seed']}): says hmm with {after['marked']:.2f} after marked steps, {after['other']:.2f} after "
            f"others, {after['erased']:.2f} after marked ones with the direction erased; best cosine {planted['best_cosine']:.3f}"
            + ("" if verified(planted) else "; NOT VERIFIED, not counted")
        )
        lines += [
            f"  feature {t['feature']}: cosine {t['cosine']:+.3f}, selectivity {_two(t['selectivity'])}, {_became(t)}"
            for t in planted["trials"]
        ] or ["  no feature grew that prefers marked steps, so none was tried"]
    if result["word_plants"]:
        lines.append(
            f"negative control: {result['word_in_dictionary']} of {result['word_plants']} word plants are in the dictionary, "
            f"{result['word_survived']} survived the trials"
        )
    recall, precision = result["recall"], result["precision"]
    scores = ["recall not measured: no plant that no word shows was verified"]
    if recall["of"]:
        there = f"(in the dictionary: {result['in_dictionary']})"
        scores = [f"recall {_share(recall)} verified plants {there}"]
    scores += [
        f"precision {_share(precision)} surviving features"
        if precision["of"]
        else "precision not measured: no feature survived in a verified plant"
    ]
    return [*lines, ", ".join(scores)]


def _became(trial: Mapping[str, Any]) -> str:
    """Return which trials failed, and which were not held."""
    outcomes = passes(trial)
    failed = ", ".join(name for name, ok in outcomes.items() if ok is False) or "nothing"
    left = ", ".join(name for name, ok in outcomes.items() if ok is None)
    return f"failed: {failed}" + (f"; untested: {left}" if left else "")


def _two(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"


def _share(score: Mapping[str, Any]) -> str:
    text = f"{score['share']:.2f} [{score['low']:.2f}, {score['high']:.2f}]"
    return f"{text}, {score['hits']} of {score['of']}"
