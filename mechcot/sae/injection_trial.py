"""The injection trial: do a feature's strongest tokens set it off in text that is no reasoning?"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from mechcot.model.reasoner import Reasoner
from mechcot.sae.dictionary import Dictionary
from mechcot.sae.feature_activations import FeatureActivations
from mechcot.sae.token_states import row_states
from mechcot.stats.bootstrap import random_stream

_TRACES, _LENGTH, _PLACES, _TOKENS = 48, 40, 4, 3
_RESAMPLES, _LEVEL = 2000, 0.95
_CAP = 99.0


def strongest_tokens(
    reads: FeatureActivations, feature: int, *, count: int = _TOKENS
) -> tuple[int, ...]:
    """The tokens on which a feature's activation is largest on average, of those with at least three occurrences.

    Returns:
        Token ids, the strongest first; only those with an activation above 0.
    """
    ids, place, counts = np.unique(reads.ids, return_inverse=True, return_counts=True)
    means = np.bincount(place, weights=reads.values[:, feature]) / counts
    means[counts < 3] = 0.0
    order = np.argsort(-means, kind="stable")[:count]
    return tuple(int(ids[n]) for n in order if means[n] > 0)


def injection(
    dictionary: Dictionary,
    reader: Reasoner,
    reads: FeatureActivations,
    feature: int,
    kind: str,
    tokens: Sequence[int],
    *,
    seed: int,
    repeats: int = 1,
) -> float:
    """Upper bound of Cohen's d of the largest activation with against without the tokens; NaN without tokens or texts.

    Args:
        dictionary: The dictionary.
        reader: Whose states.
        reads: Features on the chains that texts are made from.
        feature: Number of the feature.
        kind: Kind of step that it is said to stand for.
        tokens: Its strongest tokens.
        seed: Of texts, places and bootstrap (over chains).
        repeats: Texts from each chain.
    """
    rng = random_stream(seed, f"injection {feature} {kind}")
    plain = neutral_texts(reads, kind, without=tokens, rng=rng, repeats=repeats)
    if not tokens or not plain:
        return float("nan")
    injected = [[(start, _inject(ids, start, tokens, rng)) for start, ids in row] for row in plain]
    with_tokens, without = (
        np.stack([_largest(dictionary, reader, row, feature) for row in side])
        for side in (injected, plain)
    )
    draws = rng.integers(0, len(with_tokens), size=(_RESAMPLES, len(with_tokens)))
    flat = (_RESAMPLES, -1)
    return float(
        np.quantile(_cohen(with_tokens[draws].reshape(flat), without[draws].reshape(flat)), _LEVEL)
    )


def neutral_texts(
    reads: FeatureActivations,
    kind: str,
    *,
    without: Sequence[int],
    rng: np.random.Generator,
    repeats: int = 1,
) -> list[list[tuple[int, list[int]]]]:
    """For each of up to `_TRACES` traces `repeats` texts: its prompt, then tokens of its steps of other kinds in random order.

    Args:
        reads: Features on the chains.
        kind: Kind whose steps are left out.
        without: Token ids that are left out everywhere behind the prompt.
        rng: Source of chance.
        repeats: Texts from each chain.

    Returns:
        A row per trace; for every text where the tokens behind the prompt begin, and its ids. Traces with too few
        such tokens have no row.
    """
    texts = []
    for number in rng.permutation(len(reads.traces))[:_TRACES]:
        here = (reads.trace == number) & (reads.token_kinds != kind) & ~np.isin(reads.ids, without)
        pool = reads.ids[here]
        if len(pool) >= 2 * _PLACES:
            trace = reads.traces[number]
            head = list(trace.ids[: trace.prompt_length])
            tails = [rng.permutation(pool)[:_LENGTH].tolist() for _ in range(repeats)]
            texts.append([(trace.prompt_length, head + tail) for tail in tails])
    return texts


def _inject(
    ids: list[int], start: int, tokens: Sequence[int], rng: np.random.Generator
) -> list[int]:
    """The text with tokens written over some of its places."""
    new = list(ids)
    for place in rng.choice(np.arange(start, len(ids)), size=_PLACES, replace=False):
        new[int(place)] = int(rng.choice(np.asarray(tokens)))
    return new


def _largest(
    dictionary: Dictionary,
    reader: Reasoner,
    row: Sequence[tuple[int, list[int]]],
    feature: int,
) -> Float[np.ndarray, " text"]:
    """Largest activation behind the prompt in each text of one trace; they are equally long."""
    start = row[0][0]
    states = row_states(reader, [ids for _, ids in row], dictionary.site)[:, start:]
    values = dictionary.encode(states.flatten(0, 1))[:, feature]
    return values.view(len(row), -1).max(dim=1).values.float().cpu().numpy()


def _cohen(
    first: Float[np.ndarray, "draw text"], second: Float[np.ndarray, "draw text"]
) -> Float[np.ndarray, " draw"]:
    """Cohen's d of every draw, at most `_CAP` in size; 0 without a difference."""
    gap = first.mean(axis=1) - second.mean(axis=1)
    spread = np.sqrt((first.var(axis=1, ddof=1) + second.var(axis=1, ddof=1)) / 2)
    d = np.divide(gap, spread, out=_CAP * np.sign(gap), where=spread > 0)
    return np.clip(d, -_CAP, _CAP)
