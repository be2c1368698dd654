"""Adapters whose files are damaged or hostile: one sentence, and never a model whose numbers are none."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from mechcot.core.errors import UserError
from mechcot.model.reasoner import Reasoner


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"lora_alpha": float("inf")}, "not finite"),
        ({"lora_alpha": 1e300}, "not finite"),
        ({"target_modules": "(("}, "does not fit"),
        ({"r": "x"}, "does not fit"),
        ("[" * 100_000, "expected a JSON object"),
    ],
)
def test_settings(checkpoint, adapter, settings, said):
    file = adapter / "adapter_config.json"
    whole = json.loads(file.read_text())
    file.write_text(settings if isinstance(settings, str) else json.dumps(whole | settings))
    with pytest.raises(UserError, match=said):
        Reasoner.load(f"{checkpoint('llama')}+{adapter}", device="cpu")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda weight: weight * torch.nan, "not finite"),
        (lambda weight: weight.to(torch.complex64), "holds C64"),
        (lambda weight: weight > 0, "holds BOOL"),
    ],
)
def test_weights(checkpoint, adapter, change, said):
    file = adapter / "adapter_model.safetensors"
    weights = load_file(file)
    name = min(weights)
    save_file(weights | {name: change(weights[name])}, file)
    with pytest.raises(UserError, match=said):
        Reasoner.load(f"{checkpoint('llama')}+{adapter}", device="cpu")
