"""A vector's file: what was saved comes back, and a damaged one is one sentence."""

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from mechcot.core.errors import UserError
from mechcot.model.internals.sites import Site
from mechcot.steering.vectors import FeatureGate, Origin, SteeringVector

ORIGIN = Origin("m", "0123", "mean difference", "last_prompt", ("a", "b"))


@pytest.fixture
def path(tmp_path):
    gate = FeatureGate(torch.arange(4.0), 0.5, 0.0, 2.0)
    vector = SteeringVector(torch.ones(4), Site.parse("resid_post.1"), ORIGIN, gate)
    vector.save(tmp_path / "v.safetensors")
    return tmp_path / "v.safetensors"


def test_what_was_saved_comes_back(path):
    vector = SteeringVector.load(path)
    assert torch.equal(vector.direction, torch.ones(4))
    assert (vector.origin.items, vector.origin.history) == (("a", "b"), ())
    assert vector.origin.split_half != vector.origin.split_half  # NaN goes through the file
    assert (vector.gate.bias, vector.gate.largest) == (0.5, 2.0)


@pytest.mark.parametrize(
    ("header", "tensors"),
    [
        ({"origin": None}, {}),
        ({"site": None}, {}),
        ({"site": "../../x"}, {}),
        ({"origin": "nope"}, {}),
        ({"origin": "[" * 100_000}, {}),
        ({"origin": json.dumps({"model": 3})}, {}),
        ({"gate": None}, {}),
        ({"gate": "[NaN, 0, 1]"}, {}),
        ({"gate": "[1]"}, {}),
        ({"schema": "0"}, {}),
        ({}, {"direction": torch.ones(1, 4)}),
        ({}, {"direction": torch.ones(4, dtype=torch.long)}),
        ({}, {"direction": torch.full((4,), torch.nan)}),
        ({}, {"encoder": torch.ones(3)}),
        ({}, {"encoder": torch.full((4,), torch.inf)}),
    ],
)
def test_a_damaged_vector_is_one_sentence(path, header, tensors):
    with safe_open(path, framework="pt") as file:
        known = file.metadata() | header
    kept = {name: text for name, text in known.items() if text is not None}
    save_file(load_file(path) | tensors, path, metadata=kept)
    with pytest.raises(UserError) as error:
        SteeringVector.load(path)
    assert "\n" not in str(error.value)
