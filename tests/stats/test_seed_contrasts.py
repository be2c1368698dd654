"""Arms over seeds: Welch's interval, what few seeds may say, Holm over what was asked."""

import math

import numpy as np
import pytest
from scipy import stats

from mechcot.stats.seed_contrasts import FEW, holm_over_questions, seed_contrast, seed_interval

NAN = math.nan


def seeds(*values):
    return dict(enumerate(map(float, values)))


def test_welch_by_hand():
    """The formula of Welch (1947), written out."""
    ours, theirs = [0.1, 0.4, 0.2, 0.5, 0.3], [0.9, 0.7, 0.8, 0.85, 0.6, 0.95]
    parts = [np.var(v, ddof=1) / len(v) for v in (ours, theirs)]
    freedom = sum(parts) ** 2 / sum(
        p**2 / (len(v) - 1) for p, v in zip(parts, (ours, theirs), strict=True)
    )
    half = stats.t.ppf(0.975, freedom) * math.sqrt(sum(parts))
    contrast = seed_contrast(seeds(*ours), seeds(*theirs), effect=0.15)
    assert contrast.mean == pytest.approx(np.mean(ours) - np.mean(theirs))
    assert contrast.low == pytest.approx(contrast.mean - half)
    assert contrast.high == pytest.approx(contrast.mean + half)
    assert (contrast.says, contrast.n) == ("less", 5)


def test_an_arm_against_itself_did_not_change():
    values = seeds(0.5, 0.52, 0.48, 0.51, 0.5)
    contrast = seed_contrast(values, values, effect=0.15)
    assert (contrast.mean, contrast.says, contrast.seen) == (0.0, "no change", 0)


def test_few_seeds_are_counted_and_claim_nothing():
    contrast = seed_contrast(seeds(0.1, 0.2, 0.7), seeds(0.8, 0.75, 0.8), effect=0.15)
    assert (contrast.says, contrast.seen, contrast.of) == ("few seeds", 2, 3)


@pytest.mark.parametrize(
    ("ours", "theirs", "says"),
    [
        (seeds(*[NAN] * 5), seeds(*range(5)), "not judged"),
        (seeds(0, 0, 0, 0, 0), seeds(0.5, 0.5, 0.5, 0.5, 0.5), "unclear"),  # no spread: no interval
        (seeds(0, 0.1, 0, 0.1, 0.2), seeds(0.2, 0.1, 0.5, 0.0, 0.4), "unclear"),
        (seeds(0.9, 0.8, 1, 0.9, 0.8), seeds(0, 0.1, 0, 0.1, NAN, 0.0), "more"),
    ],
)
def test_what_cannot_be_told_is_not_told(ours, theirs, says):
    assert seed_contrast(ours, theirs, effect=0.15).says == says


def test_the_interval_covers_at_five_seeds():
    """Of nulls, 5 % are called a change at most; a percentile bootstrap would call three times as many."""
    rng = np.random.default_rng(0)
    ends = [
        seed_contrast(seeds(*rng.normal(size=5)), seeds(*rng.normal(size=5)), effect=0.0)
        for _ in range(600)
    ]
    assert sum(c.low > 0 or c.high < 0 for c in ends) / 600 < 0.07


def test_holm_counts_questions_that_have_no_answer_yet():
    adjusted = holm_over_questions([0.01, NAN, 0.02, 0.04])
    assert adjusted[0] == pytest.approx(0.04)
    assert math.isnan(adjusted[1])
    assert holm_over_questions([]) == []


def test_an_interval_needs_two_seeds_that_differ():
    mean, low, high, n = seed_interval(seeds(0.2, 0.4, NAN))
    assert (mean, n) == (pytest.approx(0.3), 2)
    assert low < mean < high
    assert math.isnan(seed_interval(seeds(0.3))[1])
    assert FEW == 5
