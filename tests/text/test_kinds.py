import pytest

from mechcot.core.trace import StepKind
from mechcot.text.kinds import LEXICON, Classifier, RuleClassifier


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        ("So g is 9 + 5 = 4.", StepKind.PROGRESSION),
        ("Wait, let me check that.", StepKind.VERIFICATION),
        ("Let me double-check: 3 * 4 = 12.", StepKind.VERIFICATION),
        ("Wait, that’s not right, I made a mistake.", StepKind.BACKTRACKING),
        ("Alternatively, use the other formula.", StepKind.EXPLORATION),
        ("Maybe it is even.", StepKind.EXPLORATION),
        ("To summarise, a = 3 and b = 4.", StepKind.SUMMARY),
        ("The final answer is \\boxed{4}.", StepKind.CONCLUSION),
        ("#### 18", StepKind.CONCLUSION),
        ("---\n", StepKind.OTHER),
    ],
)
def test_rules(step, kind):
    assert RuleClassifier()([step]) == [kind]


def test_one_kind_per_step_and_no_state():
    steps = ["Wait, what?", "So 3 + 4 = 7."]
    assert len(RuleClassifier()(steps)) == 2
    assert RuleClassifier()(steps) == [RuleClassifier()([step])[0] for step in steps]
    assert RuleClassifier()([]) == []


def test_the_users_own_lexicon_is_taken():
    mine = RuleClassifier({StepKind.SUMMARY: ("zusammen",)}, default=StepKind.OTHER)
    assert mine(["Zusammen also 5", "x"]) == [StepKind.SUMMARY, StepKind.OTHER]
    assert isinstance(mine, Classifier)


def test_lexicon_covers_every_kind_but_the_defaults():
    assert set(LEXICON) == set(StepKind) - {StepKind.PROGRESSION, StepKind.OTHER}
