"""Bounds on the tokens that measures run, from counting: laws, not times."""

import numpy as np
import pytest

from mechcot.measures import suppression
from mechcot.model.token_count import counted


def asked(reader, trace):
    """Tokens of prompt, chain and the question for the answer."""
    chain = trace.ids[: trace.cuts()[-1]]
    return len(chain) + len(reader.cue_after(chain))


def test_a_run_counts_its_tokens_and_a_rerun_only_those_behind_its_start(random_reader, traces):
    ids = traces[0].ids
    with counted(random_reader) as count:
        prefix = random_reader.prefix(ids)
    assert (count.tokens, count.runs) == (len(ids), 1)
    with counted(random_reader) as count:
        prefix.rerun_from(len(ids) - 5, rows=[ids[-5:]] * 3)
    assert (count.tokens, count.runs, count.unembedded) == (15, 1, 0)
    with counted(random_reader) as count:
        prefix.unembed(prefix.hidden[:7])
    assert (count.tokens, count.unembedded) == (0, 7)


@pytest.mark.parametrize("index", range(4))
def test_suppression_runs_half_a_trace_a_step_and_two(random_reader, traces, inputs, index):
    trace = traces[index]
    steps, size = len(trace.chain_steps), asked(random_reader, trace)
    with counted(random_reader) as count:
        suppression.measure(random_reader, trace, inputs)
    assert count.tokens <= (0.5 * steps + 2) * size
    # the clean side is one run: one plain run, one rerun a step, and three to check against chance and noise
    assert count.runs == 1 + steps + 3
    assert count.unembedded <= (0.5 * steps + 3) * size


def test_the_clean_side_is_the_same_where_it_is_not_held(
    random_reader, traces, inputs, monkeypatch
):
    held = suppression.measure(random_reader, traces[0], inputs)
    monkeypatch.setattr(suppression, "HELD_NUMBERS", 0)
    anew = suppression.measure(random_reader, traces[0], inputs)
    assert anew.scalars == pytest.approx(dict(held.scalars), abs=1e-6, nan_ok=True)
    left, right = (reading.results["kl"].values for reading in (held, anew))
    np.testing.assert_allclose(left, right, atol=1e-6)


def test_no_step_is_named_below_three_noise_floors(random_reader, traces, inputs, monkeypatch):
    measurement = suppression.measure(random_reader, traces[0], inputs)
    assert measurement.scalars["noise"] < 1e-5
    assert measurement.scalars["top_step"] == np.argmax(measurement.results["answer"].values)
    floor = measurement.value / 2
    monkeypatch.setattr(suppression._Suppression, "null_edit", lambda *_: (0.0, floor, floor))
    hushed = suppression.measure(random_reader, traces[0], inputs)
    assert (hushed.value, hushed.scalars["noise"]) == (measurement.value, floor)
    assert np.isnan(hushed.scalars["top_step"])
