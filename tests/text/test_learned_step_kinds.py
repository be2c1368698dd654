"""The classifier of kinds that ships: what it is made of, what it is worth, what it costs."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.labelled_chains import READ_HERE, Chain, as_kinds, halves, published, read_here
from benchmarks.thought_anchor_tags import FunctionClassifier
from benchmarks.train_kinds import train
from mechcot.core.trace import KINDS, StepKind
from mechcot.stats.label_agreement import gaps
from mechcot.text.learned_step_kinds import FILE, learned, step_features
from mechcot.text.step_kinds import Classifier, RuleClassifier

CHAIN = (
    "Okay, so we need to find the sum of both numbers. ",
    "3 + 4 = 7. ",
    "Wait, did I read that wrong? ",
    "Let me double-check by adding the other way round. ",
    "4 + 3 = 7, which matches. ",
    "The final answer is \\boxed{7}.",
)


def test_it_is_a_classifier_without_state():
    assert isinstance(learned(), Classifier)
    assert learned()([]) == []
    assert learned()(["---"]) == [StepKind.OTHER]
    first = learned()(CHAIN)
    learned()(["Alternatively, multiply them. "])
    assert learned()(CHAIN) == first
    assert first[1] is StepKind.PROGRESSION
    assert first[2:4] == [StepKind.BACKTRACKING, StepKind.VERIFICATION]
    assert first[5] is StepKind.CONCLUSION


def test_a_label_before_a_step_changes_no_feature():
    bare = step_features(CHAIN)
    for label in ("Step {}. ", "**Step {}:** ", "{}) "):
        assert step_features([label.format(i) + step for i, step in enumerate(CHAIN, 1)]) == bare


def test_a_features_weight_is_the_change_of_the_score():
    """Weights are added: by hand, over the buckets that are known."""
    clf = replace(learned())
    weight = dict(zip(clf.buckets.tolist(), clf.weight, strict=True))
    chain = ["We multiply both sides.", "So 12 chairs stand there."]
    by_hand = [
        clf.bias
        + sum((value * weight.get(bucket, 0) for bucket, value in row.items()), np.zeros(6))
        for row in step_features(chain)
    ]
    np.testing.assert_allclose(clf.scores(chain), by_hand, atol=1e-9)


def test_training_finds_a_planted_word_and_writes_what_it_reads(tmp_path):
    rng = np.random.default_rng(0)
    words = {"progression": "stone", "summary": "river", "exploration": "cloud"}
    labels = rng.choice(list(words), (30, 8))
    chains = [
        Chain(str(i), tuple(f"The {words[k]} is {rng.integers(99)}." for k in row), tuple(row))
        for i, row in enumerate(labels)
    ]
    found = train(chains)
    assert [k.value for k in found(["The cloud is 5.", "The river is 7.", "The stone is 8."])] == [
        "exploration",
        "summary",
        "progression",
    ]
    assert found.bias[KINDS.index(StepKind.CONCLUSION)] < -1000
    found.save(tmp_path / "a")
    train(chains).save(tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_file_is_small_and_holds_numbers_only():
    assert FILE.stat().st_size < 400_000
    assert learned().weight.shape == (len(learned().buckets), len(KINDS))
    assert READ_HERE.read_text(encoding="utf-8").startswith("file,line,field,step,start,kind\n")


def test_fifty_thousand_characters_are_hashed_once_a_step_and_need_no_torch(monkeypatch):
    steps = list(CHAIN) * (50_000 // len("".join(CHAIN)) + 1)
    hashed = []
    monkeypatch.setattr(
        "mechcot.text.learned_step_kinds.zlib.crc32", lambda name: hashed.append(name) or 0
    )
    assert len(learned()(steps)) == len(steps)
    assert len(hashed) < len(steps) * (2 * 60 + 40)  # words, pairs of words, cues and openers
    monkeypatch.undo()
    code = "import sys; from mechcot.text.learned_step_kinds import learned; learned()(['We add.']); print('torch' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


def test_problems_left_out_are_named_better_than_by_the_rules(shared):
    folder = shared / "thought_anchors_com"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    from benchmarks.kinds import named, scored

    tuning, held_out = halves(as_kinds(published(folder)))
    found = train(tuning)  # half the data: the other half was not read for the cues
    scores = scored(held_out, named(held_out, found))
    assert scores.macro.mean > 0.5
    assert scores.kappa.low > 0.3
    rules = scored(held_out, named(held_out, RuleClassifier()))
    assert gaps(scores, rules)[1].mean > 0.03


def test_steps_labelled_here_are_named_better_than_by_the_scorecard(shared):
    try:
        chains = read_here(shared)
    except FileNotFoundError as missing:
        pytest.skip(f"no {missing.filename}")
    from benchmarks.kinds import named, scored

    scores = scored(chains, named(chains, learned()))
    assert scores.macro.n == 217
    assert scores.macro.mean > 0.55
    assert scores.kappa.mean > 0.5
    assert gaps(scores, scored(chains, named(chains, FunctionClassifier())))[1].low > 0
