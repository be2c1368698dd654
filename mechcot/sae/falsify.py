"""Try to break the claim that a feature is about reasoning; what survives all four trials may be called a reasoning feature.

A candidate is a feature with the kind of step that it is said to stand for. Candidates are chosen on one half of the
chains, and tried on the other:

injection   The feature's strongest tokens are put at random places into text that is no reasoning (the prompt, then
            tokens of steps of *other* kinds in random order). The upper 95 % bound, over
            chains, of Cohen's d of its largest activation, with against without them, must stay below 0.2.
rewording   The same chains in other words of the same meaning: on reworded steps of its kind it keeps at least half of its
            activation (lower 95 % bound of the ratio of means).
random      Its selectivity (Cohen's d over steps, kind against other kinds) is above the 95th percentile of random
            directions that fire as often.
shuffled    Its selectivity is above the 95th percentile of the *largest* over all candidates when kinds are
            shuffled within traces.

A trial that could not be held says nothing: a feature survives when all four were held and passed, fails when one was held and failed, and is
untested else (`mechcot.stats.feature_trials`).

Source: arXiv 2601.05679 (injection, rewording); the bounds, the matched directions and the shuffles are ours.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mechcot.core.errors import NotMeasurable
from mechcot.core.task import Paraphraser
from mechcot.core.trace import Phase, Trace
from mechcot.model.reasoner import Reasoner
from mechcot.sae.dictionary import Dictionary
from mechcot.sae.feature_activations import FeatureActivations, read_features, selectivity
from mechcot.sae.injection_trial import injection, strongest_tokens
from mechcot.sae.token_states import token_states
from mechcot.stats import feature_trials
from mechcot.stats.bootstrap import random_stream
from mechcot.tasks import with_kinds

VERSION = 1
"""Of what the trials give: an item of another one is made anew."""
LARGEST_D = 0.2
LEAST_KEPT = 0.5
_LEVEL = 0.95
_RESAMPLES = 2000


@dataclass(frozen=True)
class Candidate:
    """A feature and the kind of step that it is said to stand for."""

    feature: int
    kind: str


@dataclass(frozen=True)
class Trial:
    """Results of the four trials; NaN where a trial could not be held, which is neither a pass nor a failure.

    Attributes:
        feature: Number of the feature.
        kind: Kind of step that it is said to stand for.
        tokens: Its strongest tokens.
        injection_d: Upper bound of Cohen's d under injection.
        kept: Lower bound of the share of activation that a rewording leaves.
        selectivity: Cohen's d over steps.
        random: 95th percentile of the selectivity of matched random directions.
        shuffled: 95th percentile of the largest selectivity under shuffled kinds.
    """

    feature: int
    kind: str
    tokens: tuple[str, ...]
    injection_d: float
    kept: float
    selectivity: float
    random: float
    shuffled: float

    @property
    def passes(self) -> dict[str, bool | None]:
        """Trial to outcome; None where it could not be held."""
        judged = {
            "injection": self.injection_d < LARGEST_D,
            "rewording": self.kept >= LEAST_KEPT,
            "random": self.selectivity > self.random,
            "shuffled": self.selectivity > self.shuffled,
        }
        return feature_trials.passes(asdict(self) | {"passes": judged})

    @property
    def standing(self) -> feature_trials.Standing:
        """Return what it may be called."""
        return feature_trials.standing(self.passes)

    @property
    def survives(self) -> bool:
        """All four held and passed."""
        return self.standing is feature_trials.Standing.SURVIVES

    def to_json(self) -> dict[str, Any]:
        """As a `mechcot.sae.findings.Entry`; NaN as None."""
        plain = {k: None if v != v else v for k, v in asdict(self).items()}
        return plain | {"passes": self.passes, "standing": self.standing, "survives": self.survives}


def candidates(
    reads: FeatureActivations,
    scores: Float[np.ndarray, " feature"],
    *,
    per_kind: int = 8,
    by_score: int = 16,
) -> list[Candidate]:
    """The most selective features of every kind, and those of highest ReasonScore with their best kind.

    Args:
        reads: Features on the chains to choose on.
        scores: ReasonScore of every feature; without scores, or where all are equal, none is taken for its score.
        per_kind: Most features for each kind, those with positive selectivity only.
        by_score: How many features of highest score are added with the kind they are most selective for; left out
            where that pair is there already, the feature never fires, or its steps of all kinds are alike.

    Returns:
        None where the chains hold no kinds to tell apart.
    """
    kinds = [kind for kind in sorted(set(reads.kinds)) if kind != "other"]
    if not kinds:
        return []
    table = np.stack([selectivity(reads.steps, reads.kinds == kind) for kind in kinds])
    chosen = [
        Candidate(int(feature), kind)
        for row, kind in zip(table, kinds, strict=True)
        for feature in np.argsort(-row, kind="stable")[:per_kind]
        if row[feature] > 0
    ]
    for feature in ranked(scores)[:by_score]:
        best = Candidate(feature, kinds[int(table[:, feature].argmax())])
        if best not in chosen and reads.values[:, feature].any() and table[:, feature].any():
            chosen.append(best)
    return chosen


def ranked(scores: Float[np.ndarray, " feature"]) -> list[int]:
    """Features by score, the highest first; none where no two scores differ, since then there is no order."""
    known = np.flatnonzero(np.isfinite(scores))
    if not len(known) or (len(known) > 1 and np.ptp(scores[known]) == 0):
        return []
    return [int(known[n]) for n in np.argsort(-scores[known], kind="stable")]


@dataclass(frozen=True, eq=False)
class Trials:
    """The four trials, ready to be held on any candidate. Cost of one candidate: up to 96 x `repeats` short forwards.

    Attributes:
        dictionary: The dictionary.
        reader: Whose states.
        choosing: Features on the chains that candidates were chosen on; gives their strongest tokens.
        reads: Features on the other chains, which candidates are tried on.
        reworded: The other chains in other words: their indices, and the features on them; None: the trial is not held.
        directions: Random directions on the other chains.
        shuffled: Bound of the largest selectivity under shuffled kinds.
        seed: Of every draw.
        repeats: Texts for injection from each chain; more of them narrow the bound.
    """

    dictionary: Dictionary
    reader: Reasoner
    choosing: FeatureActivations
    reads: FeatureActivations
    reworded: tuple[list[int], FeatureActivations] | None
    directions: "_RandomDirections"
    shuffled: float
    seed: int
    repeats: int

    def hold(self, candidate: Candidate) -> Trial:
        """Hold the four trials on a candidate; the result does not depend on the order of candidates."""
        tokens = strongest_tokens(self.choosing, candidate.feature)
        return Trial(
            feature=candidate.feature,
            kind=candidate.kind,
            tokens=tuple(self.reader.decode([token]) for token in tokens),
            injection_d=injection(
                self.dictionary,
                self.reader,
                self.reads,
                candidate.feature,
                candidate.kind,
                tokens,
                seed=self.seed,
                repeats=self.repeats,
            ),
            kept=kept_under(self.reads, self.reworded, candidate, seed=self.seed),
            selectivity=_selectivity(self.reads, candidate),
            random=self.directions.bound(candidate),
            shuffled=self.shuffled,
        )

    def entry(self, candidate: Candidate) -> dict[str, Any]:
        """Hold the trials; the entry of `falsify.json`, see `mechcot.sae.findings.Entry`."""
        return self.hold(candidate).to_json()


def trials_of(
    dictionary: Dictionary,
    reader: Reasoner,
    chosen: Sequence[Candidate],
    *,
    choosing: FeatureActivations,
    traces: Sequence[Trace],
    paraphraser: Paraphraser | None,
    label: Callable[[Trace], Trace] = with_kinds,
    seed: int = 0,
    repeats: int = 1,
) -> Trials:
    """Prepare the four trials. Cost: two or three forwards a chain.

    Args:
        dictionary: The dictionary.
        reader: Whose states.
        chosen: The candidates, at least one: the bound under shuffled kinds is over all of them.
        choosing: What they were chosen on.
        traces: Other chains.
        paraphraser: Says chains in other words; None: the trial is not held, so everything stays untested at best.
        label: Puts kinds on the steps of a reworded chain.
        seed: Of every draw.
        repeats: Texts for injection from each chain.
    """
    reads = read_features(dictionary, reader, traces)
    return Trials(
        dictionary,
        reader,
        choosing=choosing,
        reads=reads,
        reworded=_reworded(dictionary, reader, reads, paraphraser, label),
        directions=_RandomDirections(dictionary, reader, reads, seed=seed),
        shuffled=shuffled_bound(reads, chosen, seed=seed),
        seed=seed,
        repeats=repeats,
    )


def try_all(
    dictionary: Dictionary, reader: Reasoner, chosen: Sequence[Candidate], **given: Any
) -> list[Trial]:
    """Hold the four trials on every candidate, see `trials_of`."""
    if not chosen:
        return []
    trials = trials_of(dictionary, reader, chosen, **given)
    return [trials.hold(candidate) for candidate in chosen]


def _selectivity(reads: FeatureActivations, candidate: Candidate) -> float:
    """Cohen's d over steps, kind against others; NaN with fewer than two steps on a side."""
    inside = reads.kinds == candidate.kind
    if min(inside.sum(), (~inside).sum()) < 2:
        return float("nan")
    return float(selectivity(reads.steps[:, [candidate.feature]], inside)[0])


def _reworded(
    dictionary: Dictionary,
    reader: Reasoner,
    reads: FeatureActivations,
    paraphraser: Paraphraser | None,
    label: Callable[[Trace], Trace],
) -> tuple[list[int], FeatureActivations] | None:
    """The chains in other words: which traces have them, and their features."""
    if paraphraser is None:
        return None
    numbers, traces = [], []
    for number, trace in enumerate(reads.traces):
        try:
            new = paraphraser([step.text for step in trace.chain_steps])
        except NotMeasurable:
            continue
        tail = trace.completion[len(trace.chain_text) :]
        other = label(reader.retoken(trace, trace.prompt, "".join(new) + tail))
        if len(other.chain_steps) == len(trace.chain_steps):
            numbers.append(number)
            traces.append(other)
    return (numbers, read_features(dictionary, reader, traces)) if traces else None


def kept_under(
    reads: FeatureActivations,
    reworded: tuple[list[int], FeatureActivations] | None,
    candidate: Candidate,
    *,
    seed: int,
) -> float:
    """Lower bound of (mean activation on reworded steps of the kind) / (mean on the same steps before).

    Args:
        reads: Features on the chains as they were.
        reworded: Indices of the traces that could be reworded, and the features on those; None: the trial is not held.
        candidate: The feature and its kind.
        seed: Of the bootstrap, which draws pairs of steps.

    Returns:
        NaN with fewer than eight reworded steps of the kind, or when the feature was silent on all of them.
    """
    if reworded is None:
        return float("nan")
    old, new = [], []
    for place, number in enumerate(reworded[0]):
        before, after = np.flatnonzero(reads.step_trace == number), reworded[1].step_trace == place
        steps = reads.traces[number].chain_steps, reworded[1].traces[place].chain_steps
        pairs = zip(before, np.flatnonzero(after), *steps, strict=True)
        for a, b, was, now in pairs:
            if was.text != now.text and was.kind == now.kind and str(was.kind) == candidate.kind:
                old.append(reads.steps[a, candidate.feature])
                new.append(reworded[1].steps[b, candidate.feature])
    if len(old) < 8 or not any(old):
        return float("nan")
    plain, reworded_values = np.array(old), np.array(new)
    draws = random_stream(seed, f"rewording {candidate.feature}").integers(
        0, len(plain), (_RESAMPLES, len(plain))
    )
    below = np.maximum(plain[draws].mean(axis=1), 1e-12)
    return float(np.quantile(reworded_values[draws].mean(axis=1) / below, 1 - _LEVEL))


def shuffled_bound(
    reads: FeatureActivations, chosen: Sequence[Candidate], *, seed: int, shuffles: int = 200
) -> float:
    """95th percentile over shuffles, kinds shuffled within traces, of the largest selectivity.

    Args:
        reads: Features on the chains to try on.
        chosen: The candidates; the largest is over every pairing of their features and kinds.
        seed: Of the shuffles.
        shuffles: How many.
    """
    rng = random_stream(seed, "shuffled kinds")
    features = sorted({candidate.feature for candidate in chosen})
    steps = reads.steps[:, features]
    kinds, groups = sorted({candidate.kind for candidate in chosen}), reads.step_trace
    largest = []
    for _ in range(shuffles):
        order = np.lexsort((rng.random(len(groups)), groups))
        mixed = reads.kinds[order]
        largest.append(max(float(selectivity(steps, mixed == kind).max()) for kind in kinds))
    return float(np.quantile(largest, _LEVEL))


class _RandomDirections:
    """Random directions in the space of the states, each with a threshold that makes it fire as often as asked."""

    def __init__(
        self,
        dictionary: Dictionary,
        reader: Reasoner,
        reads: FeatureActivations,
        *,
        seed: int,
        count: int = 200,
    ) -> None:
        """Project the states of all chain tokens on `count` directions."""
        tokens = token_states(reader, reads.traces, dictionary.site, phases=(Phase.CHAIN,))
        draw = torch.Generator().manual_seed(seed)
        directions = torch.randn(tokens.states.shape[1], count, generator=draw)
        centred: Tensor = tokens.states - tokens.states.mean(dim=0)
        self._along = (centred @ torch.nn.functional.normalize(directions, dim=0)).numpy()
        self._reads = reads

    def bound(self, candidate: Candidate) -> float:
        """95th percentile of the selectivity of directions that fire as often as the candidate."""
        reads = self._reads
        often = float((reads.values[:, candidate.feature] > 0).mean())
        if often == 0.0:
            return float("nan")
        fires = np.maximum(self._along - np.quantile(self._along, 1 - often, axis=0), 0.0)
        lengths = np.diff(np.append(reads.bounds, len(fires)))
        steps = np.add.reduceat(fires, reads.bounds, axis=0) / lengths[:, None]
        return float(np.quantile(selectivity(steps, reads.kinds == candidate.kind), _LEVEL))
