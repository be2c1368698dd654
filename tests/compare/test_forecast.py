"""The forecast of the time that is left follows what was measured."""

import math
from itertools import pairwise
from types import SimpleNamespace

import pytest

from mechcot.compare.forecast import Forecast, duration, work
from mechcot.core.trace import Trace


class Chain(Trace):
    """A trace of so many steps and tokens, nothing else."""

    def __init__(self, steps: int, tokens: int) -> None:
        self.__dict__.update(chain_steps=[SimpleNamespace()] * steps, size=tokens)

    chain_steps = ()

    def __len__(self) -> int:
        return self.size


SHORT, LONG = Chain(4, 100), Chain(40, 1000)


def of(*measurements):
    forecast = Forecast()
    for measure, trace in measurements:
        forecast.add(measure, trace)
    return forecast


def test_nothing_is_known_before_a_reading_and_nothing_left_after_the_last():
    forecast = of(("filler", SHORT))
    assert math.isnan(forecast.seconds())
    forecast.took("filler", SHORT, seconds=3.0)
    assert forecast.seconds() == 0.0
    assert of().seconds() == 0.0


@pytest.mark.parametrize("speed", [0.001, 0.02, 5.0])
def test_seconds_in_proportion_to_the_work_are_forecast_exactly(speed):
    measurements = [(m, t) for t in (SHORT, LONG, SHORT, LONG) for m in ("filler", "suppression")]
    forecast = of(*measurements)
    for i, (measure, trace) in enumerate(measurements):
        forecast.took(measure, trace, seconds=speed * work(measure, trace))
        left = sum(speed * work(m, t) for m, t in measurements[i + 1 :])
        assert forecast.seconds() == pytest.approx(left)


def test_a_slow_measure_is_known_as_slow_after_its_first_reading():
    forecast = of(*(("filler", LONG),) * 4, *(("suppression", LONG),) * 4)
    forecast.took("filler", LONG, seconds=1.0)
    before = forecast.seconds()
    forecast.took("suppression", LONG, seconds=100.0)
    assert forecast.seconds() == pytest.approx(3 * 1.0 + 3 * 100.0)
    assert before < forecast.seconds()


@pytest.mark.parametrize("wrong", [10.0, 0.1])
def test_a_machine_that_changes_its_speed_corrects_the_forecast(wrong):
    forecast = of(*(("filler", SHORT),) * 40)
    errors = []
    for i in range(39):
        forecast.took("filler", SHORT, seconds=wrong if i == 0 else 1.0)
        errors.append(abs(forecast.seconds() / (39 - i) - 1))
    assert errors[-1] < 0.3 and errors[-1] < errors[0] / 3
    assert all(late <= early for early, late in pairwise(errors))


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(math.nan, "unknown"), (45.0, "45 s"), (600.0, "10 min"), (9000.0, "2.5 h")],
)
def test_a_duration_for_people(seconds, told):
    assert duration(seconds) == told
