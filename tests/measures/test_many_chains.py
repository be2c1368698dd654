"""Every measure of many chains at once gives what it gives of each alone, in fewer runs; edits of nothing still give exactly 0."""

from functools import partial

import numpy as np
import pytest

from mechcot.core.errors import NotMeasurable
from mechcot.core.measurement import Measurement
from mechcot.measures.registry import MEASURES, STANDARD
from mechcot.model.prefix.lockstep import together
from mechcot.model.prefix.memory import Limit
from mechcot.model.token_count import counted

ATTENTION_ITSELF = {"step_attention", "receiver_heads"}
"""Measures that look inside one run; their forwards are their own."""
LONG = {"resampling", "cross_model_patching", "adding_mistakes", "step_patching"}


def attempt(name, reader, inputs, trace) -> Measurement | str:
    try:
        return MEASURES[name].run(reader, trace, inputs)
    except NotMeasurable as reason:
        return str(reason)


@pytest.mark.parametrize("name", MEASURES)
def test_many_chains_at_once_give_the_numbers_of_one_at_a_time(name, random_reader, traces, inputs):
    traces = traces[2:4] if name in LONG else traces[:6]
    tasks = [partial(attempt, name, random_reader, inputs, trace) for trace in traces]
    with counted(random_reader) as apart:
        alone = [task() for task in tasks]
    run = partial(together, tasks, sizes=[len(trace) for trace in traces], limit=Limit())
    run()  # what is tried once is not counted
    with counted(random_reader) as fused:
        beside = run()
    for one, other in zip(alone, beside, strict=True):
        assert isinstance(other, type(one))
        if isinstance(one, str):
            assert one == other
            continue
        assert other.value == pytest.approx(one.value, abs=1e-5, nan_ok=True)
        assert other.scalars == pytest.approx(dict(one.scalars), abs=1e-5, rel=1e-4, nan_ok=True)
        for key, result in one.results.items():
            values = other.results[key].values
            np.testing.assert_allclose(values, result.values, atol=1e-5, err_msg=key)
        if MEASURES[name].card.identity_exact:
            assert other.scalars.get("identity", 0.0) == one.scalars.get("identity", 0.0)
    if name in STANDARD and name not in ATTENTION_ITSELF | LONG:
        assert fused.runs <= 0.6 * apart.runs
        assert fused.tokens <= 1.35 * apart.tokens
