"""The words of the influence page: no order of one, no before and after without a statement."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mechcot.core.problem import Problem
from mechcot.influence.run import attention_by_kind, step_rows
from mechcot.model.reasoner import Reasoner
from mechcot.organisms.problems import problems
from mechcot.view.pages.influence import influence_page, influence_sentences


def row(kind, mean, *, model="m", stratum="all"):
    ends = {"low": None, "high": None}
    return {"model": model, "kind": kind, "stratum": stratum, "mean": mean, "n": 3} | ends


def text_of(html):
    body = re.sub(r"<(script|style).*?</\1>", " ", html, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


def test_one_kind_is_neither_most_nor_least():
    (said,) = influence_sentences([row("progression", 1.02)], models=("m",))
    assert (
        said
        == "In m, every step that is counted is of one kind (progression), so kinds are not compared: 1.020 of what is expected."
    )


@pytest.mark.parametrize(
    ("means", "want"),
    [
        ((1.2, 0.8), "a steps receive more (1.200 of what is expected) than b steps (0.800)."),
        ((0.9, 0.90004), "steps of all 2 kinds receive the same (0.900 of what is expected)."),
        ((1.0, 1.0, 1.0), "steps of all 3 kinds receive the same (1.000 of what is expected)."),
        (
            (1.0, 1.3, 0.7),
            "b steps receive most (1.300 of what is expected), c steps least (0.700).",
        ),
    ],
)
def test_of_several_kinds_the_ends_are_named_where_they_differ(means, want):
    rows = [row(kind, mean) for kind, mean in zip("abc", means, strict=False)]
    rows += [row("d", 9.0, stratum="before"), row("e", 9.0, model="change")]
    assert influence_sentences(rows, models=("m",)) == [f"In m, {want}"]


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ((1, 1), "The one head of m,"),
        ((1, 4), "All 4 heads of m,"),
        ((4, 4), "The strongest heads of m,"),
    ],
)
def test_heads_are_the_strongest_only_of_more(shape, said):
    picked = [
        {"layer": layer, "head": head, "model": "m", "mean": 0.5, "low": None, "high": None, "n": 2}
        for layer, head in list(np.ndindex(shape))[:5]
    ]
    found = {"n": 4, "means": {"m": np.full(shape, 0.5).tolist()}, "picked": picked}
    result = {"models": ["m"], "n": 4, "kinds": [row("a", 1.0)], "receivers": found, "left_out": []}
    told = text_of(influence_page(result))
    assert said in told and ("strongest" in told) is said.startswith("The strongest")
    assert "no before and after" not in told  # a file of an earlier version does not say


def test_a_chain_that_never_states_the_answer_has_no_before_and_after():
    reader = Reasoner.load("organism:base")
    (trace,) = reader.write(problems(1, seed=3, hops=(2, 2)), max_tokens=200)
    n = len(trace.chain_steps)
    received = np.ones((1, 1, n))
    stated = step_rows(trace, received, received, reader="m")
    assert {each["place"] for each in stated} <= {"before", "after"}
    foreign = Problem(trace.problem.id, "What is it?", "no such answer")
    never = replace(trace, problem=foreign)
    unstated = step_rows(never, received, received, reader="m")
    assert {each["place"] for each in unstated} == {"unstated"}
    rows = attention_by_kind(pd.DataFrame(unstated), models=("m",), seed=0)
    assert {each["stratum"] for each in rows} == {"all"}
    result = {
        "models": ["m"],
        "n": 1,
        "unstated": 1,
        "kinds": rows,
        "receivers": None,
        "left_out": [],
    }
    assert (
        "No step was found that states the right answer, so there is no before and after."
        in text_of(influence_page(result))
    )
    some = result | {"n": 3}
    assert (
        "In 1 of them no step was found that states the right answer; they count in neither before nor after."
        in text_of(influence_page(some))
    )
