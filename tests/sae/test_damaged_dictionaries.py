"""A dictionary whose files are damaged is one sentence, and never one whose activations are none."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from mechcot.core.errors import UserError
from mechcot.sae.dictionary import load


@pytest.fixture
def folder(dictionary_folder, tmp_path):
    for name in ("cfg.json", "sae_weights.safetensors"):
        shutil.copy(dictionary_folder / name, tmp_path)
    return tmp_path


@pytest.mark.parametrize("value", [None, 1, 1.5, "x"])
def test_a_switch_is_true_or_false(folder, value):
    settings = json.loads((folder / "cfg.json").read_text())
    (folder / "cfg.json").write_text(json.dumps(settings | {"apply_b_dec_to_input": value}))
    with pytest.raises(UserError, match="apply_b_dec_to_input is neither true nor false"):
        load(folder)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda weight: weight * torch.nan, "W_enc is not finite"),
        (lambda weight: weight.int(), "W_enc holds I32"),
    ],
)
def test_weights(folder, change, said):
    file = folder / "sae_weights.safetensors"
    weights = load_file(file)
    save_file(weights | {"W_enc": change(weights["W_enc"])}, file)
    with pytest.raises(UserError, match=said):
        load(folder)


@pytest.mark.parametrize("content", [b"", b"\x80\x04", None])
def test_no_weights(folder, content):
    file = folder / "sae_weights.safetensors"
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UserError, match=r"sae_weights.safetensors: expected a safetensors file"):
        load(folder)
