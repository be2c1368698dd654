"""Low-rank changes of a model that stays as it is: put into its linear layers, read and written as a PEFT adapter in bfloat16."""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from mechcot.model.loading.options import LoadOptions
from mechcot.model.loading.spec import parse_spec
from mechcot.model.loading.weights import load_base
from mechcot.organisms.recipes import Adapter

ADAPTER_FILE = "adapter_model.safetensors"
_ROOT, _NAME = "base_model.model.", "default"
_NOTICE = """This folder holds an adapter (low-rank changes of weights) that was trained on SmolLM2-135M-Instruct.
SmolLM2-135M-Instruct: Copyright Hugging Face (Hugging Face TB Research), Apache License, Version 2.0,
https://www.apache.org/licenses/LICENSE-2.0. None of its own weights are in this folder.
"""


def load_adapted(adapter: Adapter, parent: Path | None) -> Any:
    """A model with fresh or given changes in its linear layers; nothing else is trained. The caller seeds torch.

    Args:
        adapter: Model and size of the changes.
        parent: Folder of the adapter to start from; None: changes that do nothing yet.

    Raises:
        UserError: The model is not installed.
    """
    options = LoadOptions(device="cpu", dtype="float32")
    model, _, _ = load_base(parse_spec(adapter.model), options)
    return put_in(model, adapter, parent)


def put_in(model: Any, adapter: Adapter, parent: Path | None) -> Any:
    """The model with changes in its linear layers, see `load_adapted`."""
    from peft import inject_adapter_in_model

    inject_adapter_in_model(_config(adapter), model, adapter_name=_NAME)
    if parent is not None:
        saved = load_file(parent / ADAPTER_FILE)
        with torch.no_grad():
            for key, weight in trained_changes(model).items():
                weight.copy_(saved[key])
    return model


def _config(adapter: Adapter) -> Any:
    from peft import LoraConfig

    return LoraConfig(
        r=adapter.rank,
        lora_alpha=round(adapter.scale * adapter.rank),
        target_modules=r".*\.(q|k|v|o|gate|up|down)_proj",
        base_model_name_or_path=adapter.model,
        task_type="CAUSAL_LM",
    )


def trained_changes(model: nn.Module) -> dict[str, nn.Parameter]:
    """The trained weights by their key in an adapter's file."""
    return {
        _ROOT + name.replace(f".{_NAME}.", "."): weight
        for name, weight in model.named_parameters()
        if weight.requires_grad
    }


def save_adapter(model: nn.Module, out: Path, adapter: Adapter) -> None:
    """Write an adapter's folder: weights in bfloat16, config, and the notice of the model's license."""
    out.mkdir(parents=True, exist_ok=True)
    rounded = {
        key: w.detach().to("cpu", torch.bfloat16) for key, w in trained_changes(model).items()
    }
    save_file(rounded, out / ADAPTER_FILE, metadata={"format": "pt"})
    (out / ADAPTER_FILE).chmod(0o644)
    config = _config(adapter)
    config.inference_mode = True
    config.save_pretrained(str(out))
    (out / "NOTICE").write_text(_NOTICE)
