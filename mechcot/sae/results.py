"""Results of `mechcot sae score` and `mechcot sae falsify`, as plain data."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mechcot.core.errors import UserError
from mechcot.core.store import digest
from mechcot.core.wording import count_of
from mechcot.model.loading.fingerprints import hash_module
from mechcot.model.reasoner import Reasoner
from mechcot.runs.executor import SERIAL, Executor
from mechcot.runs.items import Items, json_items
from mechcot.runs.reader_keys import read_by
from mechcot.sae import falsify, feature_scores
from mechcot.sae.feature_activations import FeatureActivations, read_features
from mechcot.sae.findings import SCHEMA, Entry
from mechcot.sae.run import TrainedDictionary
from mechcot.stats.feature_trials import Standing, tally
from mechcot.tasks import task_of_all

_ALPHA = 0.05
_SHOWN = 40
_DRAWN = 12


def scored(study: TrainedDictionary, *, seed: int = 0) -> dict[str, Any]:
    """Score every feature on the chains of a study.

    Returns:
        `features` holds one entry for every feature that fires, `top` the best `_SHOWN` by the score that `top_by` names (`kinds`, else
        `words`); where neither tells features apart `top_by` is None, and `top` holds those that fire on most tokens.
    """
    reads = study.readers.map(lambda r: read_features(study.dictionary, r, study.traces))
    reader = study.readers.before
    words = _words(study)
    windows = feature_scores.word_windows(reads.before, reader, words)
    by_words = feature_scores.reason_score(reads.before.values, windows)
    by_kinds = feature_scores.reason_score(
        reads.before.values, feature_scores.kind_windows(reads.before)
    )
    kinds = reads.map(feature_scores.by_kind)
    moved = feature_scores.changes(reads, seed=seed)
    live = np.flatnonzero((reads.before.values > 0).any(0) | (reads.after.values > 0).any(0))
    features = [
        {
            "feature": int(i),
            "score_words": _plain(by_words[i]),
            "score_kinds": _plain(by_kinds[i]),
            "frequency": [float((side.values[:, i] > 0).mean()) for side in reads],
            "kinds": [_of(side, int(i)) for side in kinds],
            "change": moved.get(int(i)),
        }
        for i in live
    ]
    top_by, best = _best(features)
    significant = [r for r in moved.values() if r["p_holm"] < _ALPHA]
    return {
        "schema": SCHEMA,
        "dictionary": study.dictionary.name,
        "site": study.dictionary.site.name,
        "models": [row.name for row in study.readers],
        "fit": [row.to_json() for row in study.fits],
        "missing": study.missing,
        "traces": len(reads.before.traces),
        "tokens": len(reads.before.values),
        "steps": dict(sorted(Counter(reads.before.kinds.tolist()).items())),
        "words": list(words),
        "words_that_occur": int(windows.any(axis=1).sum()),
        "tested": len(moved),
        "changed": len(significant),
        "more": sum(row["change"] > 0 for row in significant),
        "features": features,
        "top_by": top_by,
        "top": [
            {
                **row,
                "histogram": feature_scores.histograms(reads.before, row["feature"]),
                "contexts": feature_scores.top_contexts(reads.before, reader, row["feature"]),
                "logits": feature_scores.logit_effects(
                    study.dictionary.decoder[row["feature"]], reader
                ),
            }
            for row in best
        ],
        "along": _along(reads.before, reader, [row["feature"] for row in best[:_DRAWN]]),
    }


def _best(features: list[dict[str, Any]]) -> tuple[str | None, list[dict[str, Any]]]:
    """By which score features are ranked, and the `_SHOWN` that are shown."""
    for name in ("kinds", "words"):
        scores = [row[f"score_{name}"] for row in features]
        order = falsify.ranked(np.array([np.nan if score is None else score for score in scores]))
        if order:
            return name, [features[n] for n in order[:_SHOWN]]
    return None, sorted(features, key=lambda row: -row["frequency"][0])[:_SHOWN]


def falsified(
    study: TrainedDictionary,
    folder: Path,
    *,
    seed: int = 0,
    repeats: int = 1,
    executor: Executor = SERIAL,
) -> dict[str, Any]:
    """Choose candidates on one half of the chains and try them on the other, on the model before.

    Args:
        study: The dictionary, both models and the chains.
        folder: Where the trials of each candidate are kept as soon as they were held.
        seed: Of every draw.
        repeats: Texts for injection from each chain; more of them narrow the bound.
        executor: Where candidates are tried.

    Raises:
        UserError: Fewer than four chains.
    """
    if len(study.traces) < 4:
        raise UserError(
            f"{len(study.traces)} chains are too few to choose on one half and try on the other; give more problems"
        )
    reader = study.readers.before
    choosing = _half(study, 0)
    windows = feature_scores.word_windows(choosing, reader, _words(study))
    scores = feature_scores.reason_score(choosing.values, windows)
    chosen = falsify.candidates(choosing, scores)
    rows = _tried(
        study,
        chosen,
        choosing,
        seed=seed,
        repeats=repeats,
        items=Items(folder, json_items(Entry)),
        executor=executor,
    )
    counted = tally(rows)
    return {
        "schema": SCHEMA,
        "dictionary": study.dictionary.name,
        "site": study.dictionary.site.name,
        "model": reader.name,
        "fit": [fit.to_json() for fit in study.fits],
        "repeats": repeats,
        "candidates": len(rows),
        "survivors": counted.standings[Standing.SURVIVES],
        "standings": counted.standings,
        "passed": counted.passed,
        "tried": counted.tried,
        "trials": rows,
        "shown": [
            {
                "feature": row["feature"],
                "contexts": feature_scores.top_contexts(choosing, reader, row["feature"]),
                "logits": feature_scores.logit_effects(
                    study.dictionary.decoder[row["feature"]], reader
                ),
            }
            for row in rows
            if row["survives"]
        ],
    }


def _tried(
    study: TrainedDictionary,
    chosen: Sequence[falsify.Candidate],
    choosing: FeatureActivations,
    *,
    seed: int,
    repeats: int,
    items: Items[dict[str, Any]],
    executor: Executor,
) -> list[dict[str, Any]]:
    """Try the candidates that no finished item tells of; a `mechcot.sae.findings.Entry` for each."""
    if not chosen:
        return []
    reader = study.readers.before
    trials = falsify.trials_of(
        study.dictionary,
        reader,
        chosen,
        choosing=choosing,
        traces=study.traces[2::4] + study.traces[3::4],
        paraphraser=task_of_all(t.problem for t in study.traces).paraphrases,
        seed=seed,
        repeats=repeats,
    )
    every = [[candidate.feature, candidate.kind] for candidate in chosen]  # bounds are over all
    read = read_by([reader], study.traces)
    about = (falsify.VERSION, hash_module(study.dictionary.sae), read, every, seed, repeats)
    keys = {f"{c.feature}-{digest(c.feature, c.kind, *about)}": c for c in chosen}
    return items.made(keys, trials.entry, executor=executor, desc="trials", unit="candidate")


def _words(study: TrainedDictionary) -> tuple[str, ...]:
    """Words that the chains reason with."""
    return task_of_all(trace.problem for trace in study.traces).reasoning_words


def _half(study: TrainedDictionary, which: int) -> FeatureActivations:
    """Chains of both authors: the first two of every four, or the last two."""
    start = 2 * which
    return read_features(
        study.dictionary,
        study.readers.before,
        study.traces[start::4] + study.traces[start + 1 :: 4],
    )


def score_lines(result: dict[str, Any]) -> list[str]:
    """The scores in sentences."""
    lines = [
        f"{count_of(len(result['features']), 'feature fires', 'features fire')} on {count_of(result['tokens'], 'token')} of {count_of(result['traces'], 'chain')}; {_moved(result)}"
    ]
    if result["top"]:
        lines.append(_ranking(result))
    for row in result["top"][:10]:
        lines.append(
            f"  feature {row['feature']:5d}  score on kinds {_number(row['score_kinds'])}, on words "
            f"{_number(row['score_words'])}; fires on {row['frequency'][0]:.1%} -> {row['frequency'][1]:.1%}; {_mostly(row)}"
        )
    return lines


def _moved(result: dict[str, Any]) -> str:
    before, after = result["models"]
    if not result["tested"]:
        return f"none is active in chains of {feature_scores.FEWEST_PROBLEMS} problems, so no change from {before} to {after} was tested"
    return (
        f"{result['changed']} of {result['tested']} tested ones changed from {before} to {after} "
        f"({result['more']} more active), Holm at {_ALPHA}"
    )


def _ranking(result: dict[str, Any]) -> str:
    """By what the listed features are ranked."""
    if result["top_by"] is None:
        return "no feature has a ReasonScore that tells it from others (no reasoning word or kind of step stands apart in these chains); those that fire on most tokens:"
    if len(result["features"]) <= 10:
        return f"all of them, by their score on {result['top_by']}:"
    return f"those of highest score on {result['top_by']}:"


def _mostly(row: dict[str, Any]) -> str:
    kinds = row["kinds"][0]
    best = max(kinds, key=lambda kind: kinds[kind]["selectivity"], default=None)
    return f"mostly {best}" if best and kinds[best]["selectivity"] > 0 else "prefers no kind"


def falsify_lines(result: dict[str, Any]) -> list[str]:
    """The trials in sentences."""
    counted = tally(result["trials"])
    lines = [". ".join(filter(None, (counted.headline, counted.by_trial)))]
    lines += [f"  {line}" for line in counted.untested]
    for trial in result["trials"]:
        if trial["survives"]:
            lines.append(
                f"  feature {trial['feature']} ({trial['kind']}): selectivity {trial['selectivity']:.2f}, "
                f"injection d < {trial['injection_d']:.2f}, keeps {trial['kept']:.0%} under rewording; strongest on "
                + " ".join(repr(token) for token in trial["tokens"])
            )
    return lines


def _along(reads: FeatureActivations, reader: Reasoner, features: list[int]) -> dict[str, Any]:
    """Activations of some features at every token of the chain that excites them most."""
    number = int(reads.by_trace[:, features].sum(axis=1).argmax())
    here = reads.trace == number
    rows = np.flatnonzero(here)
    starts = [n for n in reads.bounds if n in rows]
    return {
        "steps": [{"start": int(n - rows[0]), "kind": str(reads.token_kinds[n])} for n in starts],
        "trace": reads.traces[number].id,
        "model": reader.name,
        "tokens": [reader.decode([int(i)]) for i in reads.ids[here]],
        "values": reads.values[here][:, features].T.tolist(),
    }


def _of(kinds: dict[str, dict[str, np.ndarray]], feature: int) -> dict[str, dict[str, float]]:
    return {
        kind: {name: float(values[feature]) for name, values in table.items()}
        for kind, table in kinds.items()
    }


def _plain(value: float) -> float | None:
    return None if value != value else float(value)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
