"""Maps of step patching by layer and place: means over the traces that both models could be patched on."""

import numpy as np
import pytest

from mechcot.compare.place_maps import place_maps
from mechcot.core.errors import UserError
from mechcot.core.measurement import Measurement
from mechcot.core.pair import Pair
from mechcot.core.step_arrays import LayerSteps
from mechcot.measures.registry import MEASURES

NAMES, CARD = Pair("a", "b"), MEASURES["step_patching"].card


def patched(values, steps):
    layers = {
        name: LayerSteps(
            np.array(values), "step_patching", name, "probability", "t", "a", "x",
            labels={"step": tuple(map(float, steps))},
        )
        for name in ("next", "answer")
    }  # fmt: skip
    return Measurement("step_patching", "t", "t", "a", "a", 0.0, results=layers)


def refused(reason):
    return Measurement("step_patching", "t", "t", "a", "a", np.nan, reason=reason)


def test_maps_by_layer_and_place_are_means_over_traces():
    before = [patched([[1.0, 0.0], [0.5, np.nan]], (0, 9)), patched([[0.5], [0.1]], (1,))]
    after = [patched([[0.5, 0.0], [0.25, np.nan]], (0, 9)), patched([[0.25], [0.05]], (1,))]
    found = place_maps(NAMES, CARD, Pair(before, after), [10, 10])
    frame = found.to_frame()
    answer = frame[frame["readout"] == "answer (later text kept)"]
    grid = answer.pivot(index="layer", columns="place", values="before").to_numpy()
    np.testing.assert_allclose(grid[:, [0, 4]], [[0.75, 0.0], [0.3, np.nan]])
    np.testing.assert_allclose(answer["after"], answer["before"] / 2)
    assert list(answer["items"]) == [2, 0, 0, 0, 1] * 2
    assert np.isnan(grid[:, 1:4]).all()
    assert "answer (later text kept), a: 0.50, 0.30" in repr(found)
    assert len(found.plot().data) == 6


def test_a_trace_that_one_model_cannot_be_patched_on_is_left_out():
    both = Pair([patched([[1.0]], (0,)), refused("no twin")], [patched([[0.5]], (0,))] * 2)
    assert place_maps(NAMES, CARD, both, [1] * 2).to_frame()["items"].max() == 1


def test_no_map_without_a_trace_or_of_models_of_different_depth():
    with pytest.raises(UserError, match=r"has step_patching in both models \(no twin\)"):
        place_maps(NAMES, CARD, Pair([refused("no twin")], [patched([[1.0]], (0,))]), [1])
    with pytest.raises(UserError, match="differ in depth"):
        sides = Pair([patched([[1.0]], (0,))], [patched([[1.0], [0.0]], (0,))])
        place_maps(NAMES, CARD, sides, [1])
