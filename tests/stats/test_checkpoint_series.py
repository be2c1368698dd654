import numpy as np
import pandas as pd
import pytest

from mechcot.stats.checkpoint_series import series
from mechcot.stats.pair_comparison import compare_pair

RUN = ["base", "step1", "step2", "step3"]


@pytest.fixture
def measurements(make_readings, rng):
    base = rng.uniform(0.7, 0.9, size=40)
    falls = dict(zip(RUN, (0.0, 0.0, 0.3, 0.6), strict=True))
    return make_readings({name: base - fall for name, fall in falls.items()})


@pytest.fixture
def scalars(make_scalars):
    return make_scalars(readers=RUN)


def test_one_line_per_measure_against_the_first(measurements, scalars, make_card):
    line = series(
        measurements,
        scalars,
        [make_card(smallest_effect=0.15)],
        checkpoints=RUN,
        author="base",
        resamples=2000,
    )
    assert line["checkpoint"].tolist() == RUN
    assert line["position"].tolist() == [0, 1, 2, 3]
    assert line["verdict"].tolist() == ["not judged", "no change", "less", "less"]
    assert line["reason"][0] == "reference gate closed: base is the reference"
    assert line["delta"].tolist() == pytest.approx([0.0, 0.0, -0.3, -0.6])
    assert (line["value_low"] < line["value"]).all()
    assert (line["value"] < line["value_high"]).all()
    assert line["value"].tolist() == line["after"].tolist()
    assert np.isnan(line["p_holm"][0])


def test_all_points_speak_about_the_same_items(measurements, scalars, make_card, make_readings):
    holes = (measurements["reader"] == "step2") & measurements["item"].isin(["i003", "i007"])
    elsewhere = make_readings({"step3": [0.5] * 90}, author="step3")
    line = series(
        pd.concat([measurements.assign(value=measurements["value"].mask(holes)), elsewhere]),
        scalars,
        [make_card()],
        checkpoints=RUN,
        author="base",
        resamples=500,
    )
    assert line["n"].tolist() == [38] * 4
    assert line["dropped"].tolist() == [2] * 4
    assert set(line["dropped_because"]) == {"not measured at every checkpoint (2)"}
    assert line["before"].nunique() == 1


def test_each_checkpoint_stands_behind_its_own_gates(measurements, make_scalars, make_card):
    scalars = make_scalars(readers=RUN, parsed=[("step3", 0.1)], acc_with=[("step1", 0.0)])
    line = series(
        measurements, scalars, [make_card()], checkpoints=RUN, author="base", resamples=500
    ).set_index("checkpoint")
    assert line["verdict"].tolist() == ["not judged", "not judged", "less", "not judged"]
    assert "accuracy gate closed: step1 answers 0% right" in line.loc["step1", "reason"]
    assert "parsed gate closed" in line.loc["step3", "reason"]


def test_no_gate_is_open_where_nothing_was_measured(measurements, scalars, make_card):
    line = series(
        measurements, scalars.iloc[:0], [make_card()], checkpoints=RUN, author="base", resamples=500
    )
    assert set(line["verdict"]) == {"not judged"}


@pytest.mark.parametrize("shut", [{}, {"chain_nll": [("step2", 2.0)]}, {"parsed": [("base", 0.5)]}])
def test_a_line_of_two_is_the_pair(measurements, make_scalars, make_card, shut):
    scalars = make_scalars(readers=RUN, **shut)
    holes = (measurements["reader"] == "step2") & (measurements["item"] < "i006")
    measurements = measurements.assign(value=measurements["value"].mask(holes))
    cards = [make_card(), make_card("filler")]
    answers = {f"i{k:03d}": str(k % 10) for k in range(40)}
    line = series(
        measurements, scalars, cards, checkpoints=["base", "step2"], author="base", answers=answers
    )
    pair = compare_pair(
        measurements, scalars, cards, before="base", after="step2", author="base", answers=answers
    )
    same = ["measure", "verdict", "delta", "low", "high", "p_holm", "p_equivalence_holm", "n"]
    later = line[line["position"] == 1].reset_index(drop=True)
    pd.testing.assert_frame_equal(later[same], pair.table[same])
    gated = "gate closed" in pair.table["reason"][0]
    assert gated == bool(shut or holes.any())
    if gated:
        assert later["reason"].tolist() == pair.table["reason"].tolist()


def test_messages(measurements, scalars, make_card):
    for run in (["base"], ["base", "base"]):
        with pytest.raises(ValueError, match="at least two different checkpoints"):
            series(measurements, scalars, [make_card()], checkpoints=run, author="base")
