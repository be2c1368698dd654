import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from mechcot.stats.gate_bounds import Gate, GateBounds, closed_gates, gate_roots, gates_table
from mechcot.stats.gates import chance_level, gates

N = 40


@pytest.fixture
def gated(make_readings, make_scalars, make_card):
    """Gates of a comparison in which only what is passed differs from perfect."""

    def run(*, extra=None, cards=None, values=None, scalars=None, **changes):
        table = make_scalars(N, **changes) if scalars is None else scalars
        if extra is not None:
            table = pd.concat([table, extra], ignore_index=True)
        measurements = make_readings(values or {"base": [0.5] * N, "tuned": [0.4] * N})
        cards = [make_card()] if cards is None else cards
        return gates(measurements, table, cards, before="base", after="tuned", author="base")

    return run


def shut(found):
    return [(gate.name, gate.side) for gate in found if not gate.ok]


def test_a_healthy_comparison_opens_every_gate(gated):
    found = gated()
    assert shut(found) == []
    assert [(g.name, g.side, g.measure) for g in found] == [
        ("items", "both", ""),
        ("accuracy", "before", ""),
        ("parsed", "before", ""),
        ("finished", "before", ""),
        ("off_policy", "before", ""),
        ("accuracy", "after", ""),
        ("parsed", "after", ""),
        ("finished", "after", ""),
        ("off_policy", "after", ""),
        ("one_sided_drop", "both", "early"),
        ("range", "both", "early"),
    ]
    assert all(gate.reason for gate in found)


@pytest.mark.parametrize(
    ("name", "value", "gate"),
    [
        ("acc_with", 0.05, "accuracy"),
        ("parsed", 0.85, "parsed"),
        ("finished", 0.5, "finished"),
        ("chain_nll", 1.4, "off_policy"),
    ],
)
def test_each_gate_closes_for_the_side_that_fails(gated, name, value, gate):
    assert shut(gated(**{name: [("tuned", value)]})) == [(gate, "after")]


@pytest.mark.parametrize("name", ["acc_with", "parsed", "finished", "chain_nll"])
def test_a_number_that_was_not_measured_closes_its_gate(gated, name):
    found = [g for g in gated(**{name: [("tuned", np.nan)]}) if not g.ok and g.name != "items"]
    assert [gate.side for gate in found] == ["after"]
    assert "not known for tuned; the measure 'gates' has no value" in found[0].reason


def test_without_gate_readings_nothing_can_be_judged(gated, make_scalars):
    found = gated(scalars=make_scalars(0))
    assert ("accuracy", "before") in shut(found)
    assert ("items", "both") in shut(found)
    reason = next(g.reason for g in found if g.name == "items")
    assert reason == "0 items were read by both models; 20 are needed"


def test_a_bypass_model_is_not_called_near_chance(gated):
    """It is right with any chain: its accuracy with another item's chain is no chance level."""
    found = gated(acc_other=[("base", 0.1), ("tuned", 1.0)])
    assert shut(found) == []


def test_two_models_that_both_know_the_answer_need_the_reference_answers(
    make_readings, make_scalars, make_card
):
    scalars = make_scalars(N, acc_other=[("base", 1.0), ("tuned", 1.0)])
    measurements = make_readings({"base": [0.5] * N, "tuned": [0.4] * N})
    pair = {"before": "base", "after": "tuned", "author": "base"}
    answers = {f"i{k:03d}": str(k % 10) for k in range(N)}
    assert ("accuracy", "after") in shut(gates(measurements, scalars, [make_card()], **pair))
    assert shut(gates(measurements, scalars, [make_card()], answers=answers, **pair)) == []


def test_chance_is_what_following_another_items_chain_earns(make_scalars):
    scalars = make_scalars(N, acc_other=[("base", [1.0] * 4 + [0.0] * 36), ("tuned", 0.9)])
    assert chance_level(scalars) == pytest.approx(0.1)
    answers = {f"i{k:03d}": f" {k % 20} " for k in range(N)}
    assert chance_level(scalars, answers=answers) == pytest.approx(1 / 39)
    assert chance_level(scalars, answers={"i000": "1"}) == pytest.approx(0.1)
    assert np.isnan(chance_level(scalars[scalars["name"] != "acc_other"]))


def test_accuracy_reason_tells_chance_and_need(gated):
    found = gated(acc_with=[("tuned", 0.125)], acc_other=[("base", 0.1), ("tuned", 0.1)])
    reason = next(g.reason for g in found if not g.ok)
    assert reason == (
        "tuned answers 12% right with the chain; chance is 10%, 20% are needed, "
        "and a model near chance cannot show whether it uses its chain"
    )


def test_answers_that_cannot_be_read_are_not_called_hard_problems(gated):
    found = {
        g.name: g.reason
        for g in gated(acc_with=[("tuned", 0.0)], parsed=[("tuned", 0.2)])
        if not g.ok
    }
    assert found["accuracy"].endswith("80% of its answers could not be read, which count as wrong")
    assert "easier" not in found["accuracy"]


def test_a_chance_that_nothing_can_beat_is_said(gated):
    found = gated(acc_other=[("base", 1.0), ("tuned", 1.0)])
    reason = next(g.reason for g in found if g.name == "accuracy")
    assert "chance is 100%, too high for" in reason
    assert reason.endswith("too high for 40 items")


@pytest.mark.parametrize(("n", "chance"), [(20, 0.1), (50, 0.1), (30, 0.25), (200, 0.5)])
def test_a_guesser_fails_the_accuracy_gate_95_percent_of_the_time(
    make_scalars, make_card, make_readings, n, chance
):
    scalars = make_scalars(n, acc_other=[("base", chance)], acc_with=[("tuned", chance)])
    scalars.loc[scalars["name"] == "acc_other", "value"] = chance
    measurements = make_readings({"base": [0.5] * n, "tuned": [0.4] * n})
    found = gates(measurements, scalars, [make_card()], before="base", after="tuned", author="base")
    bound = next(g.bound for g in found if g.name == "accuracy")
    assert bound >= chance + 0.1
    assert binom.sf(np.ceil(bound * n - 1e-9) - 1, n, chance) <= 0.05


def test_off_policy_without_the_author_takes_the_least_strange_reader(
    make_readings, make_scalars, make_card
):
    scalars = make_scalars(N, author="elsewhere", chain_nll=[("base", 0.5), ("tuned", 2.0)])
    measurements = make_readings({"base": [0.5] * N, "tuned": [0.4] * N}, author="elsewhere")
    pair = {"before": "base", "after": "tuned", "author": "elsewhere"}
    found = gates(measurements, scalars, [make_card()], **pair)
    assert shut(found) == [("off_policy", "after")]
    gate = next(g for g in found if not g.ok)
    assert not gate.ok
    assert gate.value == pytest.approx(1.5)
    assert gate.reason == (
        "the text costs tuned +1.50 nats per token against the model that finds it least strange; "
        "at most +1.00 is allowed, beyond it the text is strange to the model as text"
    )


def test_text_that_the_tuned_model_finds_easier_is_no_problem(gated):
    assert shut(gated(chain_nll=[("tuned", 0.01)])) == []


def test_losing_items_on_one_side_closes_that_measure_only(make_card, make_readings, make_scalars):
    values = {"base": [0.5] * N, "tuned": [0.4] * 30 + [np.nan] * 10}
    other = make_readings({"base": [0.5] * N, "tuned": [0.5] * N}, measure="filler")
    measurements = pd.concat([make_readings(values), other])
    found = gates(
        measurements,
        make_scalars(N),
        [make_card(), make_card("filler")],
        before="base",
        after="tuned",
        author="base",
    )
    assert shut(found) == [("one_sided_drop", "both")]
    assert [g.name for g in closed_gates(found, measure="early")] == ["one_sided_drop"]
    assert closed_gates(found, measure="filler") == []
    gate = closed_gates(found, measure="early")[0]
    assert (
        gate.reason
        == "10 of 40 items could be measured on one side only (10 only before, 0 only after)"
    )


def test_losing_the_same_items_on_both_sides_is_no_bias(gated):
    half = [0.5] * 25 + [np.nan] * 15
    assert shut(gated(values={"base": half, "tuned": half})) == []


def test_values_outside_the_cards_range_close_the_gate(gated):
    found = gated(values={"base": [0.5] * N, "tuned": [1.2] * 3 + [0.4] * 37})
    assert shut(found) == [("range", "both")]
    assert next(g.reason for g in found if not g.ok) == (
        "3 of 80 values lie outside the card's range 0 to 1"
    )


@pytest.mark.parametrize(
    ("exact", "moved", "ok"),
    [
        (True, 1e-9, False),
        (True, 0.0, True),
        (False, 1e-3, True),
        (False, 0.05, False),
        (True, np.inf, False),
        (False, np.nan, False),
    ],
)
def test_the_identity_edit_must_do_nothing(gated, make_card, make_scalars, exact, moved, ok):
    identity = make_scalars(N, measure="early")
    identity = identity[identity["name"] == "acc_with"].assign(name="identity", value=0.0)
    identity.iloc[3, identity.columns.get_loc("value")] = -moved
    found = gated(extra=identity, cards=[make_card(identity_exact=exact)])
    gates_found = [g for g in found if g.name == "identity"]
    assert [g.side for g in gates_found] == ["before", "after"]
    assert gates_found[0].ok == ok
    assert gates_found[1].ok
    assert gates_found[0].value == (np.inf if np.isnan(moved) else moved)


def test_own_chains_need_matched_lengths(make_readings, make_scalars, make_card):
    scalars = make_scalars(N, author=None, n_tokens=[("tuned", 30.0)])
    measurements = make_readings({"base": [0.5] * N, "tuned": [0.4] * N}, author=None)
    found = gates(measurements, scalars, [make_card()], before="base", after="tuned", author=None)
    assert shut(found) == [("length", "both")]
    assert "off_policy" not in {gate.name for gate in found}


def test_few_items_close_the_shared_gate(make_readings, make_scalars, make_card):
    measurements = make_readings({"base": [0.5] * N, "tuned": [0.4] * N})
    pair = {"before": "base", "after": "tuned", "author": "base"}
    found = gates(measurements, make_scalars(N), [make_card()], items=["i000", "i001"], **pair)
    assert ("items", "both") in shut(found)


def test_bounds_are_parameters(make_readings, make_scalars, make_card):
    measurements = make_readings({"base": [0.5] * N, "tuned": [0.4] * N})
    scalars = make_scalars(N, parsed=[("tuned", 0.5)])
    pair = {"before": "base", "after": "tuned", "author": "base"}
    assert (
        shut(gates(measurements, scalars, [make_card()], bounds=GateBounds(parsed=0.4), **pair))
        == []
    )


def test_more_accuracy_never_closes_the_gate(make_scalars, make_card, make_readings):
    measurements = make_readings({"base": [0.5] * N, "tuned": [0.4] * N})
    opened = []
    for right in range(9):
        scalars = make_scalars(N, acc_with=[("tuned", [1.0] * right + [0.0] * (N - right))])
        found = gates(
            measurements, scalars, [make_card()], before="base", after="tuned", author="base"
        )
        opened.append(next(g.ok for g in found if (g.name, g.side) == ("accuracy", "after")))
    assert opened == sorted(opened)
    assert opened.index(True) == 4  # chance 0 and a margin of 0.1 of 40 items


def test_table():
    found = [Gate("parsed", "after", 0.5, 0.9, ok=False, reason="why")]
    assert gates_table(found).to_dict("records") == [
        {
            "name": "parsed",
            "side": "after",
            "value": 0.5,
            "bound": 0.9,
            "ok": False,
            "reason": "why",
            "measure": "",
            "because": "",
        }
    ]
    assert list(gates_table([]).columns)[:2] == ["name", "side"]


def closed(name: str, side: str = "both", measure: str = "") -> Gate:
    return Gate(name, side, 0.0, 1.0, ok=False, reason=name, measure=measure)


def test_a_closed_gate_is_folded_under_the_one_that_closes_it():
    found = [
        closed("accuracy", "before"),
        closed("finished", "before"),
        closed("parsed", "before"),
        closed("one_sided_drop", measure="early"),
        closed("accuracy", "after"),
        Gate("parsed", "after", 1.0, 0.9, ok=True, reason="fine"),
    ]
    assert [(g.name, g.side) for g in gate_roots(found)] == [
        ("finished", "before"),
        ("accuracy", "after"),
    ]
    because = gates_table(found)["because"].tolist()
    assert because == ["finished", "", "finished", "finished", "", ""]
    assert gate_roots([]) == []


def test_every_gate_that_closes_is_its_own_root_when_it_stands_alone(gated):
    names = {gate.name for gate in gated()} | {"length", "identity", "reference"}
    for name in names:
        assert gate_roots([closed(name)]) == [closed(name)]
