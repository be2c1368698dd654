"""Score features: ReasonScore on words and on exact kinds, activity by kind, change from before to after, top contexts.

With mu+ the mean activation at tokens inside the windows, mu- outside, and H the entropy over words of
a feature's mean activation in each word's windows, divided by its largest value,

    score_i = mu+_i / sum_j mu+_j * H_i^alpha - mu-_i / sum_j mu-_j        alpha = 0.7

*Words*: windows reach from one token before a word to two behind it. *Kinds*: the tokens of the steps of each
kind take the place of windows. Source: ReasonScore (arXiv 2503.18878); the version on kinds is ours.

Change: per trace the mean activation over the chain, after - before on the same tokens. The p-value is Wilcoxon's
signed-rank test (the null of the sign-flip test, on ranks: 10,000 sign flips could not reach what Holm asks
of a thousand features); the interval is a paired bootstrap over traces.
"""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.stats import wilcoxon
from torch import Tensor

from mechcot.core.pair import Pair
from mechcot.core.trace import KINDS, Phase, StepKind, Trace
from mechcot.model.reasoner import Reasoner
from mechcot.sae.feature_activations import FeatureActivations, selectivity
from mechcot.stats.bootstrap import bootstrap_mean
from mechcot.stats.permutation import holm

_ALPHA = 0.7
BEFORE, BEHIND = 1, 2
REASONING = (StepKind.EXPLORATION, StepKind.VERIFICATION, StepKind.BACKTRACKING)
FEWEST_PROBLEMS = 8
_BINS = 12


def reason_score(
    values: Float[np.ndarray, "token feature"], windows: Bool[np.ndarray, "word token"]
) -> Float[np.ndarray, " feature"]:
    """ReasonScore of every feature.

    Args:
        values: Activations.
        windows: For each word (or kind) that occurs, which tokens are in its windows.
    """
    windows = windows[windows.any(axis=1)]
    inside = windows.any(axis=0)
    if not len(windows) or not inside.any() or inside.all():
        return np.full(values.shape[1], np.nan)
    by_word = np.stack([values[window].mean(axis=0) for window in windows])
    entropy = _entropy(by_word)
    here, there = values[inside].mean(axis=0), values[~inside].mean(axis=0)
    return here / max(here.sum(), 1e-30) * entropy**_ALPHA - there / max(there.sum(), 1e-30)


def _entropy(by_word: Float[np.ndarray, "word feature"]) -> Float[np.ndarray, " feature"]:
    """Entropy over words in [0, 1]; 1 with a single word."""
    if len(by_word) == 1:
        return np.ones(by_word.shape[1])
    share = by_word / np.maximum(by_word.sum(axis=0), 1e-30)
    return -np.sum(share * np.log(np.maximum(share, 1e-30)), axis=0) / np.log(len(by_word))


def word_windows(
    reads: FeatureActivations, reader: Reasoner, words: Sequence[str]
) -> Bool[np.ndarray, "word token"]:
    """Return which chain tokens stand in the windows of which words.

    Args:
        reads: Features on the chains.
        reader: Whose tokens they are.
        words: Words or phrases, matched whole and in any case; one row each, also when it never occurs.
    """
    inside = np.zeros((len(words), len(reads.values)), dtype=bool)
    start = 0
    for trace in reads.traces:
        length = len(trace.phase(Phase.CHAIN))
        owner = _token_of_character(reader, trace)
        for row, word in enumerate(words):
            for match in re.finditer(rf"\b{re.escape(word)}\b", trace.chain_text, re.IGNORECASE):
                first, last = owner[match.start()], owner[match.end() - 1]
                a, b = max(0, first - BEFORE), min(length, last + BEHIND + 1)
                inside[row, start + a : start + b] = True
        start += length
    return inside


def _token_of_character(reader: Reasoner, trace: Trace) -> Int[np.ndarray, " character"]:
    """For every character of the chain the number of its token; blanks belong to the token before them."""
    chain = trace.phase(Phase.CHAIN)
    pieces = [
        len("".join(reader.decode([trace.ids[position]]).split())) for position in chain.positions()
    ]
    filled = np.array([not character.isspace() for character in trace.chain_text])
    count = np.cumsum(filled) - 1
    ends = np.cumsum(pieces)
    return np.minimum(np.searchsorted(ends, count, side="right"), len(pieces) - 1)


def kind_windows(
    reads: FeatureActivations, kinds: Sequence[StepKind] = REASONING
) -> Bool[np.ndarray, "kind token"]:
    """Return which chain tokens stand in steps of which kind."""
    return np.stack([reads.token_kinds == str(kind) for kind in kinds])


def by_kind(reads: FeatureActivations) -> dict[str, dict[str, Float[np.ndarray, " feature"]]]:
    """Per kind that occurs: share of tokens at which a feature fires, mean and largest activation, selectivity over steps."""
    tables = {}
    for kind in map(str, KINDS):
        inside = reads.token_kinds == kind
        if inside.any():
            values = reads.values[inside]
            tables[kind] = {
                "frequency": (values > 0).mean(axis=0),
                "mean": values.mean(axis=0),
                "max": values.max(axis=0),
                "selectivity": selectivity(reads.steps, reads.kinds == kind),
            }
    return tables


def histograms(
    reads: FeatureActivations, feature: int
) -> dict[str, list[float] | dict[str, list[int]]]:
    """Return how strongly the steps of each kind excite a feature: steps by their largest activation.

    Returns:
        `edges`, of equal bins from 0 to the largest of all (the first bin holds steps in which it does not fire, too), and
        `counts` by kind.
    """
    peaks = np.maximum.reduceat(reads.values[:, feature], reads.bounds)
    edges = np.linspace(0.0, max(float(peaks.max()), 1e-9), _BINS + 1)
    counts = {
        kind: np.histogram(peaks[reads.kinds == kind], edges)[0].tolist()
        for kind in sorted(set(reads.kinds.tolist()))
    }
    return {"edges": edges.tolist(), "counts": counts}


def changes(reads: Pair[FeatureActivations], *, seed: int = 0) -> dict[int, dict[str, Any]]:
    """After - before of every feature that is active in chains of at least `FEWEST_PROBLEMS` problems, Holm over these features."""
    before, after = reads.map(lambda side: side.by_problem)
    live = np.flatnonzero(((before > 0) | (after > 0)).sum(axis=0) >= FEWEST_PROBLEMS)
    rows, p_values = {}, []
    for feature in live:
        difference = (after[:, feature] - before[:, feature]).astype(float)
        interval = bootstrap_mean(
            difference, seed=seed, resamples=2000, purpose=f"feature {feature}"
        )
        p_values.append(float(wilcoxon(difference).pvalue) if difference.any() else 1.0)
        rows[int(feature)] = {
            "before": float(before[:, feature].mean()),
            "after": float(after[:, feature].mean()),
            "change": interval.mean,
            "low": interval.low,
            "high": interval.high,
        }
    for row, p, corrected in zip(rows.values(), p_values, holm(p_values), strict=True):
        row |= {"p": p, "p_holm": corrected}
    return rows


def top_contexts(
    reads: FeatureActivations, reader: Reasoner, feature: int, *, count: int = 6
) -> list[dict[str, Any]]:
    """The steps in which a feature is most active, one entry a step: its tokens and the activation at each.

    Args:
        reads: Features on the chains.
        reader: Whose tokens they are.
        feature: Number of the feature.
        count: Most steps; those where it never fires are left out.
    """
    peaks = np.maximum.reduceat(reads.values[:, feature], reads.bounds)
    stops = np.append(reads.bounds[1:], len(reads.values))
    order = [n for n in np.argsort(-peaks, kind="stable")[:count] if peaks[n] > 0]
    return [
        {
            "trace": reads.traces[reads.step_trace[n]].id,
            "step": int(reads.step[reads.bounds[n]]),
            "kind": str(reads.kinds[n]),
            "tokens": [reader.decode([int(i)]) for i in reads.ids[reads.bounds[n] : stops[n]]],
            "values": [float(v) for v in reads.values[reads.bounds[n] : stops[n], feature]],
        }
        for n in order
    ]


def logit_effects(
    direction: Float[Tensor, " d_model"], reader: Reasoner, *, count: int = 5
) -> dict[str, list[tuple[str, float]]]:
    """Tokens that a direction raises and lowers most, straight through the unembedding.

    The final norm is left out: signs and order are to be trusted, sizes are not.

    Returns:
        `up` and `down`: tokens with the change of their logit, the largest first.
    """
    table = reader.model.get_output_embeddings().weight.detach().float().cpu()
    effect = table @ direction.float().cpu()
    order = effect.argsort(descending=True).tolist()
    up, down = order[:count], order[::-1][:count]
    return {
        "up": [(reader.decode([i]), float(effect[i])) for i in up],
        "down": [(reader.decode([i]), float(effect[i])) for i in down],
    }
