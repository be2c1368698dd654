"""Linear probes on features against probes on the whole state: is what a state says still in its features?

Rows and targets (kind, used, again, known): steps.py. Inputs: the state after every block (*residual*), the features of the dictionary's
site, the 8 features whose class means differ most on the training part, and how often each word stands in the step (*words*: needs no
model). A probe is a logistic regression with balanced classes; a third of its training problems chooses the penalty.
All rows of a problem stand in one fold. The score is held-out balanced accuracy (chance: 1 / classes), also by thirds of the
chain, with bootstrap intervals over traces; *shuffled* has the labels of the training part permuted.
Source: Alain & Bengio 2016 (arXiv 1610.01644); control: Hewitt & Liang 2019 (arXiv 1909.03368).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from sklearn.linear_model import LogisticRegression

from mechcot.core.errors import UserError
from mechcot.core.trace import Trace
from mechcot.model.internals.sites import Site
from mechcot.model.reasoner import Reasoner
from mechcot.probes.held_out import NewRows, Rows, folds_of, held_out
from mechcot.probes.step_rows import STEP_LABELS, Steps, read_steps
from mechcot.sae.dictionary import Dictionary
from mechcot.sae.token_states import features_of
from mechcot.stats.bootstrap import random_stream

_FEW, _RAREST = 8, 8
STRENGTHS = (1.0, 10.0, 100.0)
_RESAMPLES = 2000


@dataclass(frozen=True, eq=False)
class Held:
    """Held-out guesses of one probe.

    Attributes:
        right: Whether each row was guessed.
        label: Its label.
        trace: Its trace.
        share: Where in its chain it stands.
    """

    right: np.ndarray
    label: np.ndarray
    trace: Int[np.ndarray, " row"]
    share: Float[np.ndarray, " row"]

    def counts(self, part: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Right guesses and rows by trace and class."""
        kept = np.ones(len(self.label), dtype=bool) if part is None else part
        classes, place = np.unique(self.label, return_inverse=True)
        shape = (int(self.trace.max()) + 1, len(classes))
        right, rows = np.zeros(shape), np.zeros(shape)
        np.add.at(right, (self.trace[kept], place[kept]), self.right[kept])
        np.add.at(rows, (self.trace[kept], place[kept]), 1)
        return right, rows


def probe(
    x: Rows, steps: Steps, target: str, *, few: int = 0, shuffled: bool = False, seed: int = 0
) -> Held | None:
    """Guess every labelled row from the other folds; None without inputs, or where fewer than two classes are frequent enough.

    Args:
        x: Inputs.
        steps: Rows.
        target: One of `STEP_LABELS`.
        few: Use only so many inputs, chosen on the training part; 0: all.
        shuffled: Permute the labels of the training part.
        seed: Of the permutation.
    """
    labels = steps.labels[target]
    often = [
        label
        for label in sorted(set(labels.tolist()) - {""})
        if len(set(steps.problem[labels == label])) >= _RAREST
    ]
    if len(often) < 2 or not x.shape[1]:
        return None
    kept = np.flatnonzero(np.isin(labels, often))
    rng = random_stream(seed, f"probe {target}")

    def guess(own: Rows, y: np.ndarray, items: np.ndarray, new: NewRows) -> np.ndarray:
        shown = rng.permutation(y) if shuffled else y
        columns = most_different(own, shown, few) if few else np.arange(own.shape[1])
        return _guess(own[:, columns], shown, items, new[:, columns])

    y = labels[kept]
    guesses = held_out(x[kept], y, steps.problem[kept], guess=guess)
    return Held(guesses == y, y, steps.trace[kept], steps.share[kept])


def most_different(x: Rows, y: np.ndarray, count: int) -> Int[np.ndarray, " column"]:
    """The inputs of which some class' mean is furthest from the mean of all rows, in standard deviations.

    Returns:
        Columns of `x`, the most different first.
    """
    spread = x.std(axis=0)
    gaps = [np.abs(x[y == label].mean(axis=0) - x.mean(axis=0)) for label in np.unique(y)]
    size = np.divide(np.max(gaps, axis=0), spread, out=np.zeros(len(spread)), where=spread > 0)
    return np.argsort(-size, kind="stable")[:count]


def _guess(x: Rows, y: np.ndarray, items: np.ndarray, new: NewRows) -> np.ndarray:
    """Labels of new rows; a third of the problems chooses the strength, then all are fitted."""
    centre = x.mean(axis=0)
    scale = float(np.sqrt(x.var(axis=0).sum())) or 1.0
    x, new = (x - centre) / scale, (new - centre) / scale
    inner, outer = next(folds_of(items, folds=3))

    def score(strength: float) -> float:
        right = np.asarray(_fitted(x[inner], y[inner], strength).predict(x[outer])) == y[outer]
        return float(np.mean([right[y[outer] == c].mean() for c in set(y[outer])]))

    best = max(STRENGTHS, key=score)
    return np.asarray(_fitted(x, y, best).predict(new))


def _fitted(x: Rows, y: np.ndarray, strength: float) -> LogisticRegression:
    return LogisticRegression(C=strength, class_weight="balanced", max_iter=200, tol=1e-3).fit(x, y)


def balanced(held: Held, *, seed: int = 0) -> dict[str, Any]:
    """Balanced accuracy with an interval over traces."""
    draws = _draws(*held.counts(), seed=seed)
    right, rows = (counts.sum(axis=0) for counts in held.counts())
    return {
        "mean": float(np.mean(right / rows)),
        "low": float(np.nanquantile(draws, 0.025)),
        "high": float(np.nanquantile(draws, 0.975)),
    }


def gap(first: Held, second: Held, *, seed: int = 0) -> dict[str, float]:
    """Difference of two probes on the same rows, first - second, paired over traces.

    Args:
        first: One probe.
        second: The other, held on the same rows.
        seed: Of the bootstrap; both sides draw the same traces.

    Returns:
        `mean`, `low` and `high` of the difference in balanced accuracy.
    """
    draws = _draws(*first.counts(), seed=seed) - _draws(*second.counts(), seed=seed)
    low, high = np.nanquantile(draws, [0.025, 0.975])
    means = [
        float(np.mean(np.divide(*(c.sum(axis=0) for c in h.counts())))) for h in (first, second)
    ]
    return {"mean": means[0] - means[1], "low": float(low), "high": float(high)}


def _draws(right: np.ndarray, rows: np.ndarray, *, seed: int) -> Float[np.ndarray, " draw"]:
    """Balanced accuracy of every resample of traces; both probes of a pair meet the same resamples."""
    there = np.flatnonzero(rows.sum(axis=1))
    weights = random_stream(seed, "probe traces").multinomial(
        len(there), np.full(len(there), 1 / len(there)), size=_RESAMPLES
    )
    counts = weights @ rows[there]
    share = np.divide(
        weights @ right[there], counts, out=np.full(counts.shape, np.nan), where=counts > 0
    )
    return np.nanmean(share, axis=1)


def parts(held: Held) -> list[float | None]:
    """Balanced accuracy by thirds of the chain; None where a class has fewer than `_RAREST` rows."""
    third = np.minimum((held.share * 3).astype(int), 2)
    scores: list[float | None] = []
    for number in range(3):
        right, rows = (counts.sum(axis=0) for counts in held.counts(third == number))
        enough = rows >= _RAREST
        scores.append(float(np.mean(right[enough] / rows[enough])) if enough.sum() > 1 else None)
    return scores


def probed(
    dictionary: Dictionary, reader: Reasoner, traces: Sequence[Trace], *, seed: int = 0
) -> dict[str, Any]:
    """Hold every probe on one model. Cost: about 100 small regressions.

    Raises:
        UserError: Fewer than `_RAREST` problems, or no target has two classes that are frequent enough.
    """
    if len({trace.problem.id for trace in traces}) < _RAREST:
        raise UserError(f"a probe needs at least {_RAREST} problems, got fewer; give a larger --n")
    blocks = reader.model.config.get_text_config().num_hidden_layers
    layers = [Site("resid_post", layer) for layer in range(blocks)]
    steps = read_steps(reader, traces, list(dict.fromkeys([*layers, dictionary.site])))
    targets = {name: _target(dictionary, steps, layers, name, seed=seed) for name in STEP_LABELS}
    if not any(targets.values()):
        raise UserError("no target has two classes in enough problems; give more problems")
    return {
        "model": reader.name,
        "site": dictionary.site.name,
        "steps": len(steps.trace),
        "targets": targets,
    }


def _target(
    dictionary: Dictionary, steps: Steps, layers: Sequence[Site], name: str, *, seed: int
) -> dict[str, Any] | None:
    """All probes on one target; None where it has no two classes."""
    state = steps.states[dictionary.site]
    features = features_of(dictionary, torch.from_numpy(state))
    features = features[:, (features > 0).sum(axis=0) >= _RAREST]
    whole = probe(state, steps, name, seed=seed)
    if whole is None:
        return None
    probes = {
        "state": whole,
        "features": probe(features, steps, name, seed=seed),
        f"{_FEW} features": probe(features, steps, name, few=_FEW, seed=seed),
        "words": probe(steps.words, steps, name, seed=seed),
        "state, shuffled": probe(state, steps, name, shuffled=True, seed=seed),
        "features, shuffled": probe(features, steps, name, shuffled=True, seed=seed),
    }
    held = {key: rows for key, rows in probes.items() if rows is not None}
    classes, rows = np.unique(whole.label, return_counts=True)
    by_layer = [probe(steps.states[site], steps, name, seed=seed) for site in layers]
    return {
        "classes": dict(zip(classes.tolist(), rows.tolist(), strict=True)),
        "chance": 1 / len(classes),
        "probes": {
            key: balanced(rows, seed=seed) | {"parts": parts(rows)} for key, rows in held.items()
        },
        "gap": gap(held["features"], whole, seed=seed) if "features" in held else None,
        "layers": [balanced(rows, seed=seed) for rows in by_layer if rows is not None],
    }


def probe_lines(result: dict[str, Any]) -> list[str]:
    """The probes in sentences."""
    lines = [
        f"{result['model']} at {result['site']}, {result['steps']} steps, held-out balanced accuracy:"
    ]
    for name, target in result["targets"].items():
        if target is None:
            lines.append(f"  {name}: not held, fewer than two classes in {_RAREST} problems")
            continue
        shown = ", ".join(
            f"{key} {score['mean']:.3f} [{score['low']:.3f}, {score['high']:.3f}]"
            for key, score in target["probes"].items()
        )
        gap = target["gap"]
        lost = (
            f"{gap['mean']:+.3f} [{gap['low']:+.3f}, {gap['high']:+.3f}]"
            if gap
            else "not held: no feature fires often enough"
        )
        layers = ", ".join(f"{score['mean']:.3f}" for score in target["layers"])
        lines += [
            f"  {name} (chance {target['chance']:.2f}): {shown}",
            f"    features - state {lost}; states after each block {layers}",
        ]
    return lines
