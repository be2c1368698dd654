import numpy as np
import pandas as pd
import pytest

from mechcot.stats.strata import by_stratum


def test_each_stratum_has_its_own_numbers_and_all_share_one_family(
    make_readings, make_scalars, make_card, rng
):
    base = rng.uniform(0.6, 0.9, size=90)
    fall = np.repeat([0.0, 0.5, 0.5], [40, 40, 10])
    readings = make_readings({"base": base, "tuned": base - fall + rng.normal(0, 0.01, size=90)})
    strata = {
        f"i{k:03d}": name for k, name in enumerate(["easy"] * 40 + ["hard"] * 40 + ["rare"] * 10)
    }
    table = by_stratum(
        readings,
        make_scalars(90),
        [make_card()],
        strata=strata,
        before="base",
        after="tuned",
        author="base",
        resamples=2000,
    ).set_index("stratum")
    assert table["verdict"].to_dict() == {"easy": "no change", "hard": "less", "rare": "not judged"}
    assert table["n"].to_dict() == {"easy": 40, "hard": 40, "rare": 10}
    assert table.loc["hard", "p_holm"] == pytest.approx(2 * table.loc["hard", "p"])
    assert "items gate closed: 10 items were read by both models" in table.loc["rare", "reason"]


def test_gates_are_those_of_the_stratum(make_readings, make_scalars, make_card):
    readings = make_readings({"base": [0.9] * 60, "tuned": [0.1] * 60})
    scalars = make_scalars(60, acc_with=[("tuned", [1.0] * 30 + [0.0] * 30)])
    strata = {f"i{k:03d}": "in" if k < 30 else "out" for k in range(60)}
    table = by_stratum(
        readings,
        scalars,
        [make_card()],
        strata=strata,
        before="base",
        after="tuned",
        author="base",
        resamples=999,
    ).set_index("stratum")
    assert table["verdict"].to_dict() == {"in": "less", "out": "not judged"}
    assert "accuracy gate closed" in table.loc["out", "reason"]


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
