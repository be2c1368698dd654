import numpy as np
import pytest

from mechcot.stats.gate import Gate
from mechcot.stats.series import series

RUN = ["base", "step1", "step2", "step3"]


@pytest.fixture
def readings(make_readings, rng):
    base = rng.uniform(0.7, 0.9, size=40)
    falls = dict(zip(RUN, (0.0, 0.0, 0.3, 0.6), strict=True))
    return make_readings({name: base - fall for name, fall in falls.items()})


def test_one_line_per_measure_against_the_first(readings, make_card):
    line = series(
        readings, [make_card(smallest_effect=0.15)], checkpoints=RUN, author="base", resamples=2000
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


def test_all_points_speak_about_the_same_items(readings, make_card):
    holes = (readings["reader"] == "step2") & readings["item"].isin(["i003", "i007"])
    line = series(
        readings.assign(value=readings["value"].mask(holes)),
        [make_card()],
        checkpoints=RUN,
        author="base",
        resamples=500,
    )
    assert line["n"].tolist() == [38] * 4
    assert line["dropped"].tolist() == [2] * 4
    assert line["before"].nunique() == 1


def test_gates_belong_to_a_checkpoint(readings, make_card):
    shut = Gate("parsed", "after", 0.1, 0.9, ok=False, reason="unreadable")
    line = series(
        readings,
        [make_card()],
        checkpoints=RUN,
        author="base",
        gates={"step3": [shut]},
        resamples=500,
    )
    assert line["verdict"].tolist()[2:] == ["less", "not judged"]


def test_messages(readings, make_card):
    for run in (["base"], ["base", "base"]):
        with pytest.raises(ValueError, match="at least two different checkpoints"):
            series(readings, [make_card()], checkpoints=run, author="base")
