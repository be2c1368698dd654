"""The scorecard: cues, points, laws, mapping, and the published labels where they are present."""

import pytest

from benchmarks.thought_anchor_tags import (
    KIND_OF,
    POINTS,
    START,
    TAGS_OF,
    FunctionClassifier,
    FunctionTag,
    RuleTagger,
)
from mechcot.core.errors import UserError
from mechcot.core.trace import StepKind
from mechcot.text.llm_step_kinds import AskedClassifier, read_kind
from mechcot.text.step_kinds import Classifier
from mechcot.text.thought_anchor_cues import COMPUTED, WORDING, cues_of

CHAIN = [
    "Okay, so I have this problem about plates.",
    "So I need to find the number of ways; let me try another approach.",
    "I recall that the formula for circles is (n-1)!, since rotations are the same.",
    "9! / (5! * 2!) = 362880 / 240 = 1512.",
    "Hmm, wait, that can't be right.",
    "Let me double-check the division.",
    "Yes, that seems correct.",
    "So the number of ways is 1512.",
    "**Final Answer** \\boxed{1512}",
]
EXPECTED = [
    FunctionTag.PROBLEM_SETUP,
    FunctionTag.PLAN_GENERATION,
    FunctionTag.FACT_RETRIEVAL,
    FunctionTag.ACTIVE_COMPUTATION,
    FunctionTag.UNCERTAINTY_MANAGEMENT,
    FunctionTag.SELF_CHECKING,
    FunctionTag.SELF_CHECKING,
    FunctionTag.RESULT_CONSOLIDATION,
    FunctionTag.FINAL_ANSWER_EMISSION,
]


def test_plain_examples_of_every_function():
    assert RuleTagger().tags(CHAIN) == EXPECTED
    assert FunctionClassifier()(CHAIN) == [KIND_OF[tag] for tag in EXPECTED]
    assert isinstance(FunctionClassifier(), Classifier)
    assert RuleTagger().tags([]) == []


def test_every_cue_of_the_scorecard_exists_and_every_tag_has_points():
    known = WORDING.keys() | COMPUTED
    assert {cue.removeprefix("prev ") for card in POINTS.values() for cue in card} <= known
    assert set(POINTS) == set(START) == set(FunctionTag)
    with pytest.raises(UserError, match="no such cue: wayt"):
        RuleTagger(points={FunctionTag.SELF_CHECKING: {"wayt": 1}})


def test_cues_of_shape_place_and_repetition():
    cues = cues_of(["a = 3", "So we get 3.", "a = 3", "4 + 4 = 8 = 2 * 4:", "x"])
    assert {"has =", "operation", "first three"} <= cues[0]
    assert "old numbers" in cues[1]
    assert "old numbers" not in cues[0]
    assert "prev has =" in cues[1]
    assert {"seen whole", "old result"} <= cues[2]
    assert {"chain of =", "many numbers", "ends with :", "last two", "second half"} <= cues[3]
    assert {"no number", "last part"} <= cues[4]
    assert not any(name.startswith("prev prev") for step in cues for name in step)


def test_later_steps_never_change_the_wording_of_earlier_ones():
    """Cues look back, never ahead; only the share of the chain behind a step knows its length."""
    ends = {"second half", "last part", "last two"}
    ends |= {f"prev {name}" for name in ends}
    whole = [cues - ends for cues in cues_of(CHAIN)]
    for n in range(1, len(CHAIN)):
        assert [cues - ends for cues in cues_of(CHAIN[:n])] == whole[:n]


def test_scores_add_up():
    tagger = RuleTagger()
    cues = frozenset({"wait", "question"})
    scores = tagger.scores(cues, before=FunctionTag.UNCERTAINTY_MANAGEMENT)
    assert scores[FunctionTag.UNCERTAINTY_MANAGEMENT] == -1 + 3 + 3 + 1
    assert tagger.scores(frozenset()) == dict(START)


def test_the_mapping_has_every_tag_once():
    back = [tag for tags in TAGS_OF.values() for tag in tags]
    assert sorted(back) == sorted(FunctionTag)
    assert all(KIND_OF[tag] is kind for kind, tags in TAGS_OF.items() for tag in tags)
    assert TAGS_OF[StepKind.OTHER] == ()


def test_a_step_that_says_nothing_is_other():
    assert FunctionClassifier()(["---\n", "So 3 + 4 = 7."])[0] is StepKind.OTHER


def test_held_out_problems_of_the_published_labels(shared):
    folder = shared / "thought_anchors_com"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    from benchmarks.kinds import by_tags
    from benchmarks.labelled_chains import halves, published

    tuning, held_out = halves(published(folder))
    assert {c.problem for c in tuning}.isdisjoint(c.problem for c in held_out)
    scores = by_tags(held_out)
    assert scores.macro.units == 5
    assert scores.macro.mean >= 0.4
    assert scores.macro.low > 0.31


def test_a_language_model_is_asked_about_each_step_with_what_stands_before():
    asked = []

    def ask(prompt):
        asked.append(prompt)
        return (
            "Kind: **Verification**."
            if "Let me check" in prompt.split("The step:")[1]
            else "summary"
        )

    mine = AskedClassifier(ask, context=1)
    assert isinstance(mine, Classifier)
    assert mine(["One. ", "--- ", "Let me check. "]) == [
        StepKind.SUMMARY,
        StepKind.OTHER,
        StepKind.VERIFICATION,
    ]
    assert len(asked) == 2
    assert "Before the step:\n(nothing)" in asked[0]
    assert "Before the step:\n---" in asked[1]
    assert "One." not in asked[1]


@pytest.mark.parametrize("reply", ["", "no idea", "summary or verification", "summaryish"])
def test_a_reply_without_one_kind_is_told_or_other(reply):
    assert read_kind(reply) is None
    with pytest.raises(UserError, match="step 0: expected a reply"):
        AskedClassifier(lambda _: reply)(["a"])
    assert AskedClassifier(lambda _: reply, strict=False)(["a"]) == [StepKind.OTHER]
