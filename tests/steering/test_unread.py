"""Answers that cannot be read are counted apart: not right, and not wrong either."""

import math
from dataclasses import replace
from types import SimpleNamespace
from unittest.mock import Mock

import pandas as pd
import pytest

from mechcot.core.trace import Answer
from mechcot.model.internals.sites import Site
from mechcot.steering import run as running
from mechcot.steering.dose_response import DoseResponse, _row
from mechcot.steering.experiment_context import ExperimentContext
from mechcot.steering.summary import summary
from mechcot.steering.text_readout import cut_short, row
from mechcot.steering.vectors import SteeringVector
from mechcot.text.unread_answers import Accuracy
from mechcot.view.pages.steering import steering_page
from mechcot.view.pages.steering_tables import _of_model, condition_table
from mechcot.view.pages.steering_text import details
from tests.steering.test_experiment import SMALL, cell

MODEL = replace(SMALL, models=("m",))


def told(trace, text, *, finished=True):
    return replace(trace, answer=Answer(text, "word" if text else "unread"), finished=finished)


@pytest.mark.parametrize(
    ("text", "finished", "correct", "unread"),
    [("right", True, 1, 0), ("wrong", True, 0, 0), (None, True, 0, 1), (None, False, 0, 0)],
)
def test_a_text_is_right_wrong_unread_or_cut(base, chains, text, finished, correct, unread):
    trace = chains[0]
    said = {"right": trace.problem.answer, "wrong": "x"}.get(text) if text else None
    found = row(base, told(trace, said, finished=finished))
    assert (found["correct"], found["unread"], found["finished"]) == (correct, unread, finished)


def test_underthinking_is_of_wrong_answers_and_not_of_unread_ones(base, chains):
    phrases = ((-1,),)
    kept = [row(base, told(chains[0], said), phrases)["underthinking"] for said in ("x", None)]
    assert [math.isnan(one) for one in kept] == [False, True]


def test_what_was_asked_for_after_a_cut_may_be_unread(base, chains, monkeypatch):
    asked = SimpleNamespace(answers=[SimpleNamespace(text=None)])
    monkeypatch.setattr("mechcot.steering.text_readout.ask", lambda *_, **__: asked)
    assert cut_short(base, chains[0], 3) == {"correct": 0.0, "unread": 1.0}


def test_a_truncated_arm_counts_what_was_asked_for(monkeypatch, base, chains):
    lost = {"correct": 0.0, "unread": 1.0}
    monkeypatch.setattr(running, "cut_short", lambda *_: lost)
    arm = replace(next(a for a in running.arms(SMALL) if a.role == "truncation"), site="")
    texts = {
        ("text", replace(arm, role=role)): (chains[:1], []) for role in ("truncation", "vector")
    }
    (one,) = running._cell(ExperimentContext(SMALL, {arm.model: base}, texts), arm)["rows"]
    assert (one["correct"], one["unread"]) == (0.0, 1.0)


def arms_of(*shares):
    """A clean arm and others, with how many of four answers are unread."""
    cells = []
    for index, lost in enumerate(shares):
        each = cell("prompt" if index else "clean", [4.0] * 4, [1.0] * (4 - lost) + [0.0] * lost)
        for place, one in enumerate(each["rows"]):
            one["unread"] = float(place >= 4 - lost)
        cells.append(each)
    return summary(MODEL, cells)


def heads(table):
    return [head.text for head in table.heads]


def test_tables_have_a_column_of_unread_answers_where_there_are_some():
    result = arms_of(0, 1)
    assert [arm["values"]["unread"]["mean"] for arm in result["arms"]] == [0.0, 0.25]
    assert [arm["values"]["correct"]["mean"] for arm in result["arms"]] == [1.0, 0.75]
    for made in (condition_table(result), _of_model(result["arms"], result)):
        place = heads(made).index("unread")
        assert heads(made)[place - 1] == "accuracy"
        assert [line[place].text for line in made.rows] == ["0.00", "0.25"]
    assert "share of answers that cannot be read" not in steering_page(arms_of(0, 0))
    assert "An answer that cannot be read counts as not right" in steering_page(result)
    none = arms_of(0, 0)
    assert all(
        "unread" not in heads(made)
        for made in (condition_table(none), _of_model(none["arms"], none))
    )


def test_an_earlier_run_did_not_count_them_and_is_shown_as_it_was():
    cells = [cell("clean", [4.0], [1.0]), cell("prompt", [4.0], [0.0])]
    result = summary(MODEL, cells)
    assert result["arms"][1]["values"]["unread"]["mean"] is None
    assert "unread" not in heads(condition_table(result))
    assert "cannot be read" not in steering_page(result)


def test_the_sentence_says_how_many_became_unread():
    result = arms_of(0, 3)
    result["arms"][1] |= {"role": "penalty", "alpha": 1.0, "beta": 10}
    (sentence,) = details(result | {"contrasts": []})
    assert sentence.endswith("answers that cannot be read 0 % → 75 %.")
    result = arms_of(0, 0)
    result["arms"][1] |= {"role": "penalty", "alpha": 1.0, "beta": 10}
    assert "cannot be read" not in details(result | {"contrasts": []})[0]


def test_a_trial_and_a_line_for_people_count_them(chains):
    right = told(chains[0], chains[0].problem.answer)
    lost, cut = told(chains[0], None), told(chains[0], None, finished=False)
    found = _row("vector", [right, lost, cut, lost], seed=0)
    assert (found["accuracy"], found["unread"], found["n"]) == (0.25, 2, 4)
    assert str(Accuracy.of([right, lost, cut, lost], 0.25)) == "25 % right (2 unread, 1 cut)"
    assert str(Accuracy.of([right, right], 1.0)) == "100 % right"
    assert str(Accuracy.of([lost, cut], 0.0)) == "no answer could be read"
    none = _row("vector", [lost, cut], seed=0, nats=0.1, kl=0.1)
    assert math.isnan(none["accuracy"]) and math.isnan(none["low"])
    table = pd.DataFrame([_row("nothing", [right, cut], seed=0, nats=0.0, kl=0.0), none])
    clean, steered = repr(DoseResponse("m", vector(), table)).splitlines()[1:]
    assert "50 % right (1 cut) [" in clean
    assert steered.endswith("tokens, no answer could be read")


def vector() -> Mock:
    origin = Mock(method="mean difference")
    return Mock(spec=SteeringVector, site=Site("resid_post", 1), origin=origin)
