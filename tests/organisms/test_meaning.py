"""The organisms' steps: marker words have no say in what they mean, names and values have."""

from mechcot.organisms import problems
from mechcot.organisms.known_task import OrganismMeaning

SAME = OrganismMeaning()
QUESTION = problems.problems(1, seed=1)[0].question


def test_another_wording_means_the_same():
    assert SAME(QUESTION, [], "so b= 1 + 1 = 2 .", "then b= 1 + 1 = 2 .")
    assert SAME(QUESTION, [], " need b: c + 1 .", "recall b: c + 1 .")


def test_another_value_name_or_kind_does_not():
    assert not SAME(QUESTION, [], "so b= 1 + 1 = 2 .", "so b= 1 + 1 = 3 .")
    assert not SAME(QUESTION, [], "so b= 1 + 1 = 2 .", "so c= 1 + 1 = 2 .")
    assert not SAME(QUESTION, [], "so b= 2 .", "wait b= 2 .")
