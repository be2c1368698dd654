"""A first look: the author's chains, read by all; the step that feeds the answer, and none where it does not."""

from dataclasses import replace

import numpy as np
import pytest

from mechcot.core.errors import UserError
from mechcot.explorer.live import look, place_maps
from mechcot.model.reasoner import Reasoner
from mechcot.organisms.ground_truth import graph
from mechcot.organisms.problems import problems
from mechcot.view.pages.explorer import Explorer
from mechcot.view.pages.explorer_data import ExplorerData, Grid, ItemView, StepCard


def test_the_named_step_feeds_the_answer_before_and_none_does_after():
    readers = [Reasoner.load(f"organism:{name}", device="cpu") for name in ("base", "bypass")]
    found = look(readers, problems(2, seed=91, hops=(2, 2)), measures=("step_patching",))
    assert len(found.data.items) == 2
    for item in found.data.items:
        chain = [step.text for step in item.steps[: item.n_chain]]
        assert item.author == "base"
        assert item.carrier["base"] in graph(item.question, chain, reading="kept").answer
        assert item.carrier["bypass"] is None


def test_maps_by_layer_and_place_are_means_over_traces():
    def item(values, columns, n):
        each = {"a": np.array(values), "b": np.array(values) / 2}
        grids = [Grid(key=key, title="", unit="", kind="layers", columns=columns, by_reader=each)
                 for key in ("step_patching/next", "step_patching/answer")]  # fmt: skip
        return ItemView(
            trace="t", author="a", question="", reference="", stated="", prompt_tokens=1, tokens=9,
            steps=(StepCard("x", "progression", (1, 2), (0, 1)),) * n, n_chain=n, lines={}, values=(),
            grids=tuple(grids), facts={}, answers={}, sentences={}, carrier={}, lead="",
        )  # fmt: skip

    items = (item([[1.0, 0.0], [0.5, np.nan]], (0, 9), 10), item([[0.5], [0.1]], (1,), 10))
    found = Explorer(ExplorerData("", "", ("a", "b"), items))
    frame, card = place_maps(found)
    assert card.name == "step_patching"
    answer = frame[frame["readout"] == "answer (later text kept)"]
    grid = answer.pivot(index="layer", columns="place", values="before").to_numpy()
    np.testing.assert_allclose(grid[:, [0, 4]], [[0.75, 0.0], [0.3, np.nan]])
    np.testing.assert_allclose(answer["after"], answer["before"] / 2)
    assert list(answer["items"]) == [2, 0, 0, 0, 1] * 2
    assert np.isnan(grid[:, 1:4]).all()
    with pytest.raises(UserError, match="expected two models, before and after, got 1"):
        place_maps(Explorer(ExplorerData("", "", ("a",), items)))
    with pytest.raises(UserError, match="no trace was patched in both models"):
        place_maps(Explorer(ExplorerData("", "", ("a", "b"), (replace(items[0], grids=()),))))
