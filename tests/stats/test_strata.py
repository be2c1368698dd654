import numpy as np
import pandas as pd
import pytest

from mechcot.stats.strata import by_stratum


def test_each_stratum_has_its_own_numbers_and_all_share_one_family(
    make_readings, make_scalars, make_card, rng
):
    base = rng.uniform(0.6, 0.9, size=90)
    fall = np.repeat([0.0, 0.5, 0.5], [40, 40, 10])
    measurements = make_readings(
        {"base": base, "tuned": base - fall + rng.normal(0, 0.01, size=90)}
    )
    strata = {
        f"i{k:03d}": name for k, name in enumerate(["easy"] * 40 + ["hard"] * 40 + ["rare"] * 10)
    }
    table = by_stratum(
        measurements,
        make_scalars(90),
        [make_card()],
        strata=strata,
        before="base",
        after="tuned",
        author="base",
    ).set_index("stratum")
    assert table["verdict"].to_dict() == {"easy": "no change", "hard": "less", "rare": "not judged"}
    assert table["n"].to_dict() == {"easy": 40, "hard": 40, "rare": 10}
    assert table.loc["hard", "p_holm"] == pytest.approx(2 * table.loc["hard", "p"])
    assert "items gate closed: 10 items were read by both models" in table.loc["rare", "reason"]


def test_gates_are_those_of_the_stratum(make_readings, make_scalars, make_card):
    measurements = make_readings({"base": [0.9] * 60, "tuned": [0.1] * 60})
    scalars = make_scalars(60, acc_with=[("tuned", [1.0] * 30 + [0.0] * 30)])
    strata = {f"i{k:03d}": "in" if k < 30 else "out" for k in range(60)}
    table = by_stratum(
        measurements,
        scalars,
        [make_card()],
        strata=strata,
        before="base",
        after="tuned",
        author="base",
    ).set_index("stratum")
    assert table["verdict"].to_dict() == {"in": "less", "out": "not judged"}
    assert "accuracy gate closed" in table.loc["out", "reason"]


def test_chance_is_that_of_the_strata_answers(make_readings, make_scalars, make_card):
    """A model that answers yes to all: half right among yes/no items says nothing, among ten digits a lot."""
    measurements = make_readings({"base": [0.9] * 80, "tuned": [0.1] * 80})
    right = [1.0, 0.0] * 40
    scalars = make_scalars(
        80, acc_with=[("tuned", right)], acc_other=[("base", 0.9), ("tuned", 0.9)]
    )
    strata = {f"i{k:03d}": "yes/no" if k < 40 else "digit" for k in range(80)}
    answers = {f"i{k:03d}": "yn"[k % 2] if k < 40 else str(k % 10) for k in range(80)}
    told = {"strata": strata, "before": "base", "after": "tuned", "author": "base"}
    tables = (measurements, scalars, [make_card()])
    table = by_stratum(*tables, **told, answers=answers).set_index("stratum")
    assert table["verdict"].to_dict() == {"digit": "less", "yes/no": "not judged"}
    assert "tuned answers 50% right with the chain; chance is 49%" in table.loc["yes/no", "reason"]
    untold = by_stratum(*tables, **told)
    assert set(untold["verdict"]) == {"not judged"}


def test_own_chains_are_compared_at_matched_length_in_each_stratum(
    make_readings, make_scalars, make_card
):
    measurements = make_readings(
        {"base": [0.9] * 80, "tuned": [0.1] * 60 + [0.9] * 20}, author=None
    )
    lengths = [20.0] * 30 + [100.0] * 30 + [20.0] * 20
    scalars = make_scalars(80, author=None, n_tokens=[("tuned", lengths)])
    strata = {f"i{k:03d}": "short" if k < 30 else "long" for k in range(80)}
    table = by_stratum(
        measurements,
        scalars,
        [make_card()],
        strata=strata,
        before="base",
        after="tuned",
        author=None,
    ).set_index("stratum")
    assert table["verdict"].to_dict() == {"long": "less", "short": "not judged"}
    assert table["n"].to_dict() == {"long": 30, "short": 0}
    assert table.loc["long", "delta"] == pytest.approx(-0.8)
    assert "0 of 30 items have own chains whose lengths agree" in table.loc["short", "reason"]


def test_no_strata_give_an_empty_table(make_readings, make_scalars, make_card):
    table = by_stratum(
        make_readings({"base": [0.5], "tuned": [0.5]}),
        make_scalars(1),
        [make_card()],
        strata={},
        before="base",
        after="tuned",
        author="base",
    )
    assert isinstance(table, pd.DataFrame)
    assert table.empty
    assert table.columns[0] == "stratum"
