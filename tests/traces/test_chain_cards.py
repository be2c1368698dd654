"""The cards of what is read off a chain: an obvious oracle, the same chain gives exactly the same, a right chain loses nothing, planted faults move one of the three."""

import math

import pytest

import mechcot as mc
from mechcot.core.card import card_text
from mechcot.core.errors import UserError
from mechcot.core.problem import Completion, Problem
from mechcot.model.reasoner import Reasoner
from mechcot.tasks import task_of
from mechcot.traces.validity import CHAIN_CARDS, chain_measure

ARRAYS = {"validity": "valid", "grounding": "grounded", "coherence": "coherent"}
RIGHT = ("3 + 4 = 7 . ", "7 * 2 = 14 . ", "3 + 4 = 7 . ", "14 - 4 = 10 . ")
PLANTED = {
    # a wrong result that is used on; a number from nowhere; a value stated otherwise the second time, rounded
    "validity": ("3 + 4 = 8 . ", "8 * 2 = 16 . ", "3 + 4 = 8 . ", "16 - 4 = 12 . "),
    "grounding": ("3 + 4 = 7 . ", "7 * 2 = 14 . ", "3 + 4 = 7 . ", "59 - 4 = 55 . "),
    "coherence": ("3 + 4 = 8 . ", "3 + 4 = 7 . ", "7 * 2 = 14 . ", "14 - 4 = 10 . "),
}


@pytest.fixture(scope="module")
def reader():
    return Reasoner.load("organism:base")


@pytest.fixture(scope="module")
def chain(models):
    writer = Reasoner.load(models[0])

    def made(steps):
        problem = Problem("p", "Ann has 3 pens and 4 pens, 2 times, less 4.", "10")
        text = f"{''.join(steps)}</think> 10"
        return writer.read(Completion(problem, writer.render(problem), text, "a"))

    return made


def by_hand(trace, name):
    """The share of flags that are up, of those that are there."""
    flags = [getattr(check, ARRAYS[name]) for check in task_of(trace.problem).check_steps(trace)]
    known = [flag for flag in flags if flag is not None]
    return sum(known) / len(known) if known else math.nan


@pytest.mark.parametrize("name", CHAIN_CARDS)
def test_each_is_what_counting_by_hand_gives_and_the_same_chain_gives_the_same(name, reader, chain):
    for steps in (RIGHT, *PLANTED.values()):
        trace = chain(steps)
        one, again = chain_measure(name, trace), chain_measure(name, chain(steps))
        assert one.value == by_hand(trace, name)
        assert one.value - again.value == 0.0
        assert (one.measure, one.unit) == (name, CHAIN_CARDS[name].unit)
        assert list(one.results[ARRAYS[name]].values) == pytest.approx(
            list(again.results[ARRAYS[name]].values), nan_ok=True
        )
        assert mc.measure(name, reader, trace).value == one.value


def test_a_right_chain_loses_nothing_and_a_planted_fault_moves_its_own_measure(chain):
    right = chain(RIGHT)
    assert [chain_measure(name, right).value for name in CHAIN_CARDS] == [1.0, 1.0, 1.0]
    told = {
        fault: {name: chain_measure(name, chain(steps)).value for name in CHAIN_CARDS}
        for fault, steps in PLANTED.items()
    }
    assert told["validity"]["validity"] == 0.5
    assert told["validity"]["grounding"] == told["validity"]["coherence"] == 1.0
    assert told["grounding"]["grounding"] == 0.75
    assert told["grounding"]["validity"] == told["grounding"]["coherence"] == 1.0
    assert told["coherence"]["coherence"] == 0.0
    assert told["coherence"]["grounding"] == 1.0  # the first of the two is wrong besides
    assert told["coherence"]["validity"] == 0.75


def test_a_chain_that_nothing_can_be_said_of_has_no_value_and_a_reason(chain):
    plain = chain(("It was Ann . ",))
    for name in CHAIN_CARDS:
        one = chain_measure(name, plain)
        assert math.isnan(one.value) and one.reason.startswith("no step of the chain")
    lone = chain_measure("coherence", chain(RIGHT[:1]))
    assert lone.reason == "no step of the chain speaks of what an earlier step spoke of"


def test_the_cards_are_listed_and_say_what_is_judged(reader, chain):
    for name, card in CHAIN_CARDS.items():
        assert mc.cards()[name] is card
    assert "larger means more steps are right" in card_text(CHAIN_CARDS["validity"])
    assert "not judged" in card_text(CHAIN_CARDS["grounding"])
    with pytest.raises(UserError, match=r"choose one of gates, .+, coherence"):
        mc.measure("use", reader, chain(RIGHT))
