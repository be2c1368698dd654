"""Scores against slow loops, planted changes, and trials that must fail word features."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mechcot.core.errors import NotMeasurable
from mechcot.core.pair import Pair
from mechcot.model.internals.sites import Site
from mechcot.organisms.grammar import WORDS
from mechcot.organisms.known_task import OrganismParaphraser
from mechcot.sae import falsify, feature_scores, injection_trial
from mechcot.sae.dictionary import Dictionary
from mechcot.sae.feature_activations import read_features, selectivity
from mechcot.sae.feature_patching import COUNTS, curve
from mechcot.sae.token_states import row_states


class Detectors:
    """Features 0, 1: the words `check` and `need` by their embedding; 2: always 1; 3: never."""

    class cfg:  # noqa: N801 - named as in SAE-Lens
        d_in, d_sae = 128, 4

    def __init__(self, reader):
        table = reader.model.get_input_embeddings().weight.detach()
        rows = table[[WORDS.index("check"), WORDS.index("need")]]
        self._rows = rows
        self.W_dec = torch.cat([rows, torch.zeros(2, 128)])

    def state_dict(self):
        return {"W_dec": self.W_dec}

    def encode(self, x):
        near = torch.stack([-(x - row).norm(dim=-1) for row in self._rows], dim=-1)
        ones = torch.ones_like(near[..., :1])
        return torch.cat([(near + 0.1).clamp_min(0) * 10, ones, 0 * ones], dim=-1)

    def decode(self, f):
        return f @ self.W_dec


class Signed(Detectors):
    """Every coordinate's positive and negative part: all features give the whole state back."""

    def __init__(self):
        self.W_dec = torch.cat([torch.eye(128), -torch.eye(128)])

    class cfg:  # noqa: N801
        d_in, d_sae = 128, 256

    def encode(self, x):
        return torch.cat([x.clamp_min(0), (-x).clamp_min(0)], dim=-1)


@pytest.fixture(scope="module")
def words(base):
    return Dictionary("words", Site("resid_pre", 0), Detectors(base))


@pytest.fixture(scope="module")
def reads(words, base, traces):
    return read_features(words, base, traces)


def test_reads_line_up_with_the_text(reads):
    fired = reads.ids[reads.values[:, 0] > 0]
    assert len(fired)
    assert set(fired.tolist()) == {WORDS.index("check")}
    assert len(reads.kinds) == sum(len(t.chain_steps) for t in reads.traces)
    slow = [
        reads.values[(reads.trace == t) & (reads.step == s.index)].mean(axis=0)
        for t, trace in enumerate(reads.traces)
        for s in trace.chain_steps
    ]
    assert np.allclose(reads.steps, slow)


def test_windows_reach_one_back_and_two_forward(reads, base):
    windows = feature_scores.word_windows(reads, base, ["check"])[0]
    hits = set(np.flatnonzero(reads.ids == WORDS.index("check")))
    want = {
        row
        for hit in hits
        for row in range(hit - 1, hit + 3)
        if 0 <= row < len(reads.ids) and reads.trace[row] == reads.trace[hit]
    }
    assert hits
    assert set(np.flatnonzero(windows)) == want


def test_reason_score_is_its_formula():
    rng = np.random.default_rng(0)
    values = rng.random((40, 5)) * (rng.random((40, 5)) > 0.5)
    windows = rng.random((3, 40)) > 0.7
    windows[2] = False  # a word that never occurs
    inside = windows[0] | windows[1]
    total = sum(values[inside, j].mean() for j in range(5))
    rest = sum(values[~inside, j].mean() for j in range(5))
    for i, got in enumerate(feature_scores.reason_score(values, windows)):
        shares = np.array([values[w, i].mean() for w in windows[:2]])
        shares /= shares.sum()
        entropy = -sum(p * np.log(p) for p in shares if p > 0) / np.log(2)
        want = values[inside, i].mean() / total * entropy**0.7 - values[~inside, i].mean() / rest
        assert got == pytest.approx(want)


def test_a_feature_of_one_word_scores_lower_than_one_of_all_words():
    windows = np.zeros((2, 100), dtype=bool)
    windows[0, :20], windows[1, 20:40] = True, True
    values = np.zeros((100, 2))
    values[:20, 0], values[:40, 1] = 2.0, 1.0  # the same mean inside
    one, both = feature_scores.reason_score(values, windows)
    assert both > one == pytest.approx(0.0)


def test_selectivity_is_cohens_d():
    rng = np.random.default_rng(1)
    steps, inside = rng.normal(size=(50, 2)), np.arange(50) < 20
    steps[inside, 0] += 2
    one, other = steps[inside, 0], steps[~inside, 0]
    pooled = np.sqrt((19 * one.var(ddof=1) + 29 * other.var(ddof=1)) / 48)
    assert selectivity(steps, inside)[0] == pytest.approx((one.mean() - other.mean()) / pooled)
    assert selectivity(np.ones((50, 1)), inside)[0] == 0


def test_changes_find_what_was_planted_and_nothing_else(reads):
    same = feature_scores.changes(Pair(reads, reads))
    assert all(row["change"] == 0 and row["p_holm"] == 1 for row in same.values())
    more = reads.values.copy()
    more[:, 2] += 0.5 + 0.01 * reads.trace
    found = feature_scores.changes(Pair(reads, replace(reads, values=more)))
    assert found[2]["p_holm"] < 0.05
    assert found[2]["low"] > 0.4
    assert 3 not in found  # never active, so not tested


def test_several_chains_of_one_problem_are_one_item_of_a_change(reads):
    """Copies of every chain, as further samples of its problem, make nothing surer."""
    more = reads.values.copy()
    more[:, 2] += 0.5 + 0.01 * reads.trace
    n, pair = len(reads.traces), Pair(reads, replace(reads, values=more))

    def copied(side):
        return replace(
            side,
            traces=side.traces * 2,
            values=np.concatenate([side.values] * 2),
            trace=np.concatenate([side.trace, side.trace + n]),
            step=np.tile(side.step, 2),
            position=np.tile(side.position, 2),
        )

    once, twice = feature_scores.changes(pair), feature_scores.changes(pair.map(copied))
    assert once.keys() == twice.keys()
    for feature, row in once.items():
        assert row == pytest.approx(twice[feature])


def test_top_contexts_are_sorted_and_hold_the_word(reads, base):
    contexts = feature_scores.top_contexts(reads, base, 1, count=3)
    peaks = [max(each["values"]) for each in contexts]
    assert peaks == sorted(peaks, reverse=True)
    assert all("need" in each["tokens"] and each["kind"] == "exploration" for each in contexts)


def test_a_word_feature_falls_at_injection_and_at_rewording(words, base, reads, traces):
    chosen = [falsify.Candidate(1, "exploration"), falsify.Candidate(2, "exploration")]
    word, constant = falsify.try_all(
        words,
        base,
        chosen,
        choosing=reads,
        traces=traces,
        paraphraser=OrganismParaphraser(),
    )
    assert word.tokens == ("need",)
    assert word.injection_d > 1
    assert word.kept < falsify.LEAST_KEPT
    assert word.passes[
        "shuffled"
    ]  # it does follow the kind: only the trials tell that it is the word
    assert not word.survives
    assert constant.injection_d == pytest.approx(0.0)
    assert constant.kept == pytest.approx(1.0)
    assert not constant.passes["random"]
    assert not constant.survives


def test_neutral_texts_hold_other_kinds_without_the_tokens(reads):
    ids = [WORDS.index("need"), WORDS.index(".")]
    rng = np.random.default_rng(0)
    rows = injection_trial.neutral_texts(reads, "exploration", without=ids, rng=rng, repeats=3)
    prompts = {tuple(t.ids[: t.prompt_length]): n for n, t in enumerate(reads.traces)}
    assert rows and all(len(row) == 3 for row in rows)
    for row in rows:
        for start, text in row:
            number = prompts[tuple(text[:start])]
            other = (reads.trace == number) & (reads.token_kinds != "exploration")
            assert set(text[start:]) <= set(reads.ids[other].tolist()) - set(ids)
        assert len({tuple(text) for _, text in row}) == 3


def test_many_texts_at_once_are_read_as_one_by_one(words, base, traces):
    rows = [list(trace.ids[:40]) for trace in traces] * 2  # more than one forward
    states = row_states(base, rows, Site("resid_post", 1))
    for ids, got in zip(rows, states, strict=True):
        assert torch.allclose(
            got, base.states(ids, [Site("resid_post", 1)])[Site("resid_post", 1)], atol=1e-4
        )
    texts = [(7, ids) for ids in rows[:3]]
    for feature in range(4):
        slow = [
            words.encode(base.states(ids, [words.site])[words.site][7:])[:, feature].max()
            for _, ids in texts
        ]
        assert np.allclose(injection_trial._largest(words, base, texts, feature), slow, atol=1e-4)


def test_the_largest_activation_is_looked_for_behind_the_prompt_and_nowhere_else(words, base):
    check, other = WORDS.index("check"), WORDS.index(".")
    start, length = 7, 40

    def fires(place):
        ids = [check if n == place else other for n in range(length)]
        return bool(injection_trial._largest(words, base, [(start, ids)], 0)[0] > 0)

    assert [place for place in range(length) if fires(place)] == list(range(start, length))


def test_without_a_paraphraser_nothing_survives(words, base, reads, traces):
    chosen = [falsify.Candidate(2, "exploration")]
    (trial,) = falsify.try_all(
        words, base, chosen, choosing=reads, traces=traces[:4], paraphraser=None
    )
    assert trial.kept != trial.kept
    assert not trial.passes["rewording"]


def test_patching_no_feature_is_nothing_and_patching_all_is_the_whole_state(base, traces):
    signed = Dictionary("signed", Site("resid_post", 0), Signed())
    found = curve(signed, base, next(t for t in traces if _has_twin(signed, base, t)))
    assert found.effects[COUNTS.index(0)] == 0.0
    assert found.random[COUNTS.index(0)] == 0.0
    assert found.all_features == pytest.approx(found.whole, abs=1e-4)
    assert found.whole > 0.2
    assert found.effects[-1] > found.effects[1]


def _has_twin(dictionary, reader, trace):
    try:
        return curve(dictionary, reader, trace).whole > 0.2
    except NotMeasurable:
        return False
