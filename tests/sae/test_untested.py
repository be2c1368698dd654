"""What was not tried did not fail: untested candidates, features without scores, changes that were not tested."""

import copy
import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from mechcot.core.pair import Pair
from mechcot.core.trace import Phase, StepKind
from mechcot.model.internals.sites import Site
from mechcot.model.reasoner import Reasoner
from mechcot.probes.features import probe_lines
from mechcot.sae import falsify, results
from mechcot.sae.dictionary import Dictionary
from mechcot.sae.evaluation import Evaluation, evaluate
from mechcot.sae.feature_activations import read_features
from mechcot.sae.plants.recovery import plant_lines, summed
from mechcot.sae.results import falsified, falsify_lines, score_lines, scored
from mechcot.sae.run import TrainedDictionary
from mechcot.stats.feature_trials import Standing, passes, standing, tally
from mechcot.tasks import MOD10
from mechcot.text.problems import load_problems
from mechcot.view.pages.sae import sae_page
from tests.compare.tiny_models import byte_tokenizer, save_tiny, sum_of, write_rows
from tests.sae.test_feature_scores import Detectors, Signed

FITS = (
    "explained_variance",
    "l0",
    "dead_share",
    "loss",
    "loss_spliced",
    "recovered_zero",
    "recovered_mean",
)


def trial(feature, *, injection=0.1, kept=0.9, selectivity=3.0, random=1.0, shuffled=1.0):
    return falsify.Trial(
        feature, "verification", ("check",), injection, kept, selectivity, random, shuffled
    )


def text_of(html):
    body = re.sub(r"<(script|style).*?</\1>", " ", html, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


def study(base, traces, dictionary):
    fits = Pair(*(Evaluation(base.name, 1, *[0.5] * len(FITS)) for _ in range(2)))
    return TrainedDictionary(dictionary, Pair(base, base), list(traces), fits)


def of_kind(traces, kind):
    """The traces with every chain step of one kind."""
    return [
        replace(
            trace,
            steps=tuple(
                replace(s, kind=kind) if s.phase is Phase.CHAIN else s for s in trace.steps
            ),
        )
        for trace in traces
    ]


@pytest.fixture(scope="module")
def words(base):
    return Dictionary("words", Site("resid_pre", 0), Detectors(base))


@pytest.fixture(scope="module")
def found(base, traces, words):
    return scored(study(base, traces[:8], words))


NAN = float("nan")


def test_each_candidate_survives_fails_or_is_untested():
    for made, want in (
        (trial(1), Standing.SURVIVES),
        (trial(1, injection=0.2), Standing.FAILED),
        (trial(1, kept=NAN), Standing.UNTESTED),
        (trial(1, kept=NAN, injection=5.0), Standing.FAILED),
        (
            trial(1, injection=NAN, kept=NAN, selectivity=NAN, random=NAN, shuffled=NAN),
            Standing.UNTESTED,
        ),
    ):
        told = made.to_json()
        json.dumps(told, allow_nan=False)
        assert made.standing is want and made.survives is (want is Standing.SURVIVES)
        assert standing(passes(told)) is want and told["standing"] == want
    assert trial(1, kept=NAN).passes["rewording"] is None


def test_untested_is_told_from_failed_in_counts_and_words():
    def of(*made):
        return tally([one.to_json() for one in made])

    nothing = {"injection": NAN, "kept": NAN, "selectivity": NAN, "random": NAN, "shuffled": NAN}
    untried = of(*(trial(n, **nothing) for n in range(61)))
    assert untried.headline == "61 candidates, none of them tested in full: no trial could be held"
    assert (
        untried.by_trial
        == "injection: untested; rewording: untested; random directions: untested; shuffled kinds: untested"
    )
    failed = of(*(trial(n, injection=9.0, kept=0.1, selectivity=0.0) for n in range(61)))
    assert failed.headline == "0 of 61 candidates survived" and not failed.untested
    assert failed.by_trial.startswith("injection: 0 of 61 passed; rewording: 0 of 61 passed")
    mixed = of(trial(1), trial(2, kept=NAN), trial(3, kept=NAN, injection=9.0))
    assert mixed.headline == "1 of 3 candidates survived (1 failed, 1 not tested in full)"
    assert "rewording: 1 of 1 passed (2 untested)" in mixed.by_trial
    (why,) = mixed.untested
    assert why.startswith("Rewording untested for 2 of 3: these chains have no")
    partly = of(trial(1, kept=NAN), trial(2, kept=NAN))
    assert (
        "none of them tested in full: none failed injection, random directions and shuffled kinds"
        in partly.headline
    )
    none = of()
    assert none.headline.startswith("There was no candidate") and none.by_trial == ""


def test_without_rewordings_the_page_says_untested_and_not_zero_passed(
    base, traces, words, found, monkeypatch, tmp_path
):
    monkeypatch.setattr(results, "task_of_all", lambda _: replace(MOD10, paraphrases=None))
    trials = falsified(study(base, traces[:8], words), tmp_path)
    json.dumps(trials, allow_nan=False)
    assert trials["tried"]["rewording"] == 0 and trials["survivors"] == 0
    n = trials["candidates"]
    lines = falsify_lines(trials)
    assert "rewording: untested" in lines[0] and any(
        "no rewording of the same meaning" in line for line in lines
    )
    told = text_of(sae_page(found, trials))
    assert "ewording: untested" in told and f"rewording: 0 of {n}" not in told
    assert f"Rewording untested for {n} of {n}: these chains have no rewording" in told


def test_a_file_of_an_earlier_version_is_read_and_counts_nothing_untried_as_failed(found):
    """Earlier files said `passes: false` and `survives: false` where a number was missing, and had totals of passes only."""
    rows = [trial(n, kept=NAN).to_json() for n in (1, 2)]
    for row in rows:
        del row["standing"]
        row["passes"] = {name: bool(ok) for name, ok in row["passes"].items()}
        row["survives"] = False
    passed = {"injection": 2, "rewording": 0, "random": 2, "shuffled": 2}
    old = {
        "model": "base",
        "candidates": 2,
        "survivors": 0,
        "passed": passed,
        "not_held": 2,
        "trials": rows,
        "shown": [],
    }
    score = copy.deepcopy(found)
    del score["top_by"]
    told = text_of(sae_page(score, old))
    assert (
        "2 candidates, none of them tested in full" in told
        and "so none may be called a reasoning feature" in told
    )
    assert not re.search(r"\b0 passed|\b0 of 2 (candidates|passed)", told)
    assert told.count("untested") >= 3


def test_chains_without_kinds_have_no_candidates(base, traces, words, tmp_path):
    made = of_kind(traces[:8], StepKind.OTHER)
    about = study(base, made, words)
    trials, score = falsified(about, tmp_path), scored(about)
    assert trials["candidates"] == 0 and trials["trials"] == []
    assert falsify_lines(trials)[0].startswith("There was no candidate, so nothing was tried")
    told = text_of(sae_page(score, trials))
    assert "There was no candidate, so nothing was tried" in told
    assert "What survives" not in told and "no kind" in told
    assert "most selective for" in told and "d = 0" not in told


def test_steps_of_one_kind_tell_no_features_apart(base, traces, words, tmp_path):
    about = study(base, of_kind(traces[:8], StepKind.PROGRESSION), words)
    trials, score = falsified(about, tmp_path), scored(about)
    assert not any(row["standing"] == "survives" for row in trials["trials"])
    assert all(row["passes"]["random"] is None for row in trials["trials"])
    told = text_of(sae_page(score, trials))
    assert "Every step of these chains is of one kind (progression)" in told
    assert "mostly progression" not in " ".join(score_lines(score))


def test_features_without_scores_are_not_called_highest(base, traces, words, monkeypatch):
    nowhere = replace(MOD10, reasoning_words=("nowhere",))
    monkeypatch.setattr(results, "task_of_all", lambda _: nowhere)
    made = of_kind(traces[:8], StepKind.PROGRESSION)
    found = scored(study(base, made, words))
    assert found["top_by"] is None and all(row["score_kinds"] is None for row in found["top"])
    often = [row["frequency"][0] for row in found["top"]]
    assert often == sorted(often, reverse=True)
    told = text_of(sae_page(found, None)) + " ".join(score_lines(found))
    assert "highest" not in told and "in no order of merit" in told
    assert "no feature has a ReasonScore that tells it from others" in told
    chosen = falsify.candidates(read_features(words, base, made), np.full(4, np.nan))
    assert chosen == []


def test_a_ranking_needs_two_scores_that_differ():
    assert falsify.ranked(np.array([0.0, -0.5, np.nan, 0.2])) == [
        3,
        0,
        1,
    ]  # 0 is a score, and lies above -0.5
    assert falsify.ranked(np.array([np.nan, np.nan])) == []
    assert falsify.ranked(np.zeros(5)) == []
    assert falsify.ranked(np.array([np.nan, 0.3])) == [1]


def test_scores_on_words_rank_where_kinds_give_none(base, traces, words):
    found = scored(study(base, of_kind(traces[:8], StepKind.PROGRESSION), words))
    assert found["top_by"] == "words"
    told = [row["score_words"] for row in found["top"]]
    assert told == sorted(told, reverse=True)
    assert "by score on words" in text_of(sae_page(found, None))


def test_few_features_are_all_and_not_the_highest(found):
    assert len(found["features"]) == 3
    told = text_of(sae_page(found, None))
    assert "All 3 features that fire, by score on kinds." in told and "highest" not in told


def test_changes_that_were_not_tested_are_not_zero_of_zero(base, traces, words):
    found = scored(study(base, traces[:4], words))
    assert found["tested"] == 0
    told = text_of(sae_page(found, None)) + " ".join(score_lines(found))
    assert "0 of 0" not in told and "was tested" in told
    assert "Before and after, on the same tokens" not in told


class Silent(Detectors):
    """Fires on the question alone: nothing of the chain."""

    def encode(self, x):
        return super().encode(x) * 0


def test_a_dictionary_that_is_silent_on_the_chains_has_a_page(base, traces, tmp_path):
    about = study(base, traces[:8], Dictionary("silent", Site("resid_pre", 0), Silent(base)))
    score, trials = scored(about), falsified(about, tmp_path)
    told = text_of(sae_page(score, trials))
    assert (
        "No feature fires on any token of these chains" in told and "There was no candidate" in told
    )
    assert "Top contexts" not in told
    assert "0 features fire" in score_lines(score)[0]


def test_a_feature_that_moves_no_logit_ranks_no_tokens(found):
    row = next(row for row in found["top"] if row["feature"] == 2)  # its decoder is zero
    assert all(value == 0 for _, value in (*row["logits"]["up"], *row["logits"]["down"]))
    assert "Moves no logit straight through the unembedding." in text_of(sae_page(found, None))


def test_states_that_do_not_vary_have_no_explained_variance(base, traces, words):
    class One(Detectors):
        def encode(self, x):
            return torch.ones(*x.shape[:-1], 4)

        def decode(self, f):
            return torch.zeros(*f.shape[:-1], 128)

    alike = Dictionary("one", Site("resid_pre", 0), One(base))
    same = replace(traces[0], ids=(traces[0].ids[0],) * len(traces[0].ids))
    got = evaluate(alike, base, [same])
    assert (
        got.explained_variance != got.explained_variance
        and got.to_json()["explained_variance"] is None
    )
    found = scored(replace(study(base, traces[:8], words), fits=Pair(got, got)))
    assert "–" in text_of(sae_page(found, None))


def test_plants_say_what_was_not_tried_and_not_measured():
    along = {"marked": 1.0, "other": 0.0, "shuffled": 0.0}
    acts = {"before": {"marked": 0.0}, "after": {"marked": 1.0, "other": 0.0, "erased": 0.0}}
    plant = {
        "mark": "early",
        "seed": 1,
        "behaviour": acts,
        "along": along,
        "best_cosine": 0.95,
        "trials": [],
    }
    lines = plant_lines(summed([plant]))
    assert "so none was tried" in lines[1]
    assert "recall 0.00" in lines[-1] and "precision not measured: no feature survived" in lines[-1]
    half = trial(7, kept=NAN, injection=9.0).to_json() | {"cosine": 0.5}
    lines = plant_lines(summed([plant | {"trials": [half]}]))
    assert lines[1].endswith("failed: injection; untested: rewording")
    unheard = plant | {"along": along | {"marked": 0.0}}
    assert "recall not measured: no plant" in plant_lines(summed([unheard]))[-1]


def test_a_probe_without_features_says_so():
    held = {"mean": 0.7, "low": 0.6, "high": 0.8, "parts": [0.7, 0.7, None]}
    target = {
        "classes": {"a": 9, "b": 9},
        "chance": 0.5,
        "probes": {"state": held, "words": held},
        "gap": None,
        "layers": [held],
    }
    models = [
        {"model": "m", "site": "blocks.0.hook_resid_post", "steps": 18, "targets": {"kind": target}}
    ]
    assert "features - state not held: no feature fires often enough" in " ".join(
        probe_lines(models[0])
    )


def test_a_foreign_checkpoint_has_its_page(tmp_path):
    """Random weights, a tokenizer of bytes, sums as problems: steps of few kinds, no rewording, hardly a score."""
    folder = save_tiny(tmp_path / "m", byte_tokenizer(merges=40), seed=4)
    reader = Reasoner.load(folder)
    asked = load_problems(
        str(write_rows(tmp_path / "p.jsonl", [sum_of(i) for i in range(6)])), n=None, seed=0
    )
    traces = reader.write(asked, max_tokens=40, seed=0)

    class Wide(Signed):
        class cfg:  # noqa: N801
            d_in, d_sae = 32, 64

        def __init__(self):
            self.W_dec = torch.cat([torch.eye(32), -torch.eye(32)])

    wide = Dictionary("wide", Site("resid_post", 0), Wide())
    fits = Pair(reader, reader).map(lambda one: evaluate(wide, one, traces[:2]))
    about = TrainedDictionary(wide, Pair(reader, reader), list(traces), fits)
    found, trials = scored(about), falsified(about, tmp_path)
    json.dumps([found, trials], allow_nan=False)
    told = text_of(sae_page(found, trials)) + " ".join(
        [*score_lines(found), *falsify_lines(trials)]
    )
    assert "0 passed" not in told and "0 of 0" not in told and "nan" not in told
    assert trials["tried"]["rewording"] == 0
    assert "untested" in told or "There was no candidate" in told
