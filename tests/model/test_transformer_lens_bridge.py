from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from mechcot.core.errors import UserError
from mechcot.model.internals.sites import STREAMS, Site
from mechcot.model.loading.transformer_lens_bridge import open_lens
from mechcot.model.loading.weights import same_storage
from mechcot.model.reasoner import Reasoner

IDS = torch.arange(30, 54)[None]
FAMILIES = ("llama", "qwen2", "qwen3", "gemma", "gemma2", "neox", "gpt2")


def sites_of(name: str, *, layers: int) -> list[Site]:
    """Every site of a family; attention and MLP run side by side in GPT-NeoX, so nothing is between."""
    streams = [s for s in STREAMS if not (name == "neox" and s == "resid_mid")]
    return [Site(stream, layer) for stream in streams for layer in range(layers)]


def close(found: torch.Tensor, expected: torch.Tensor) -> bool:
    """Within 3e-6 of the largest value: what another attention kernel changes in float32."""
    return float((found - expected).abs().max()) <= 3e-6 * max(1.0, float(expected.abs().max()))


@pytest.mark.parametrize("name", FAMILIES)
def test_bridge_equals_hugging_face_and_leaves_it_clean(
    reasoner: Callable[..., Any], name: str, tmp_path: Path
):
    reader = reasoner(name)
    eager = same_storage(reader.model)
    eager.set_attn_implementation("eager")
    with torch.inference_mode():
        before = reader.model(IDS).logits
        modules = [type(module) for module in reader.model.modules()]
        found, cache = reader.lens.run_with_cache(IDS)
        after = reader.model(IDS).logits
        same_kernel = eager(IDS).logits
    assert torch.equal(before, after)
    assert [type(module) for module in reader.model.modules()] == modules
    assert close(found, before)
    if name != "gpt2":  # the bridge splits GPT-2's fused query, key and value
        assert torch.equal(found, same_kernel)
    sites = sites_of(name, layers=reader.model.config.num_hidden_layers)
    for site, states in reader.states(IDS[0].tolist(), sites).items():
        assert close(states, cache[site.name][0]), site
    reader.model.save_pretrained(tmp_path)
    assert (tmp_path / "model.safetensors").is_file()


def test_bridge_holds_no_second_copy(reasoner: Callable[..., Any]):
    reader = reasoner("llama")
    own = {parameter.data_ptr() for parameter in reader.model.parameters()}
    extra = [p for p in reader.lens.parameters() if p.data_ptr() not in own]
    assert sum(p.numel() for p in extra) <= reader.n_vocabulary  # an output bias of zeros


def test_an_adapter_goes_along(checkpoint: Callable[..., Path], adapter: Path):
    from mechcot.model.loading.pairs import load_pair

    base = checkpoint("llama")
    pair = load_pair(str(base), f"{base}+{adapter}", device="cpu")
    with torch.inference_mode():
        for reader in pair:
            assert close(reader.lens(IDS), reader.model(IDS).logits)


def test_a_family_without_a_bridge_is_a_clear_error(reasoner: Callable[..., Any]):
    reader = reasoner("llama", layers=1)

    class Unknown(type(reader.model)):
        pass

    model = Unknown(reader.model.config)
    model.config.architectures = ["Unknown"]
    model.config.model_type = "unknown"
    with pytest.raises(
        UserError, match=r"m: TransformerLens cannot wrap Unknown .*measures do not need it"
    ):
        open_lens(model, reader.tokenizer, name="m", source="m")


def test_a_folder_with_a_name_of_transformer_lens_is_itself(
    checkpoint: Callable[..., Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    from transformer_lens.supported_models import MODEL_ALIASES

    folder = tmp_path / "gpt2-small"
    assert any(folder.name in aliases for aliases in MODEL_ALIASES.values())
    folder.symlink_to(checkpoint("gpt2"))
    reader = Reasoner.load(str(checkpoint("gpt2")), device="cpu")
    named = replace(reader, name=folder.name, spec=replace(reader.spec, base=str(folder)))
    assert named.lens.cfg.model_name == str(folder)
    assert "DEPRECATED" not in caplog.text
