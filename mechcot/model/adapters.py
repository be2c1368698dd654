"""PEFT adapters inside the layers of a model, checked weight by weight against the base."""

import json
import warnings
from pathlib import Path

from torch import nn

from mechcot.core.errors import UserError
from mechcot.model.loading import freeze


def attach(model: nn.Module, folder: str, *, name: str) -> nn.Module:
    """Put a PEFT adapter inside the layers of `model`, in place, and return the same module.

    Args:
        model: The base, not wrapped yet.
        folder: Directory of the adapter, with its `adapter_model*.safetensors`.
        name: What the message calls the model.

    Returns:
        `model` itself, with the adapter's layers in it and all weights frozen.

    Raises:
        UserError: The adapter was made for another model.
    """
    from peft import PeftModel, get_peft_model_state_dict

    expected = _adapter_keys(Path(folder))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # what it warns of is an error below
            warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers for an old name
            wrapped = PeftModel.from_pretrained(model, folder)
            got = set(get_peft_model_state_dict(wrapped, save_embedding_layers=False))
    except (RuntimeError, ValueError, KeyError) as error:
        detail = " ".join(str(error).split())[:200]
        raise UserError(_mismatch(name, folder, detail)) from error
    lost = sorted(key for key in expected - got if "embed" not in key and "lm_head" not in key)
    unfilled = sorted(got - expected)
    if lost or unfilled:
        detail = f"its weight {lost[0]} has no place" if lost else f"it lacks {unfilled[0]}"
        raise UserError(_mismatch(name, folder, detail))
    return freeze(wrapped.get_base_model())


def _adapter_keys(folder: Path) -> set[str]:
    from safetensors import SafetensorError, safe_open

    keys: set[str] = set()
    for path in sorted(folder.glob("adapter_model*.safetensors")):
        try:
            with safe_open(str(path), framework="pt") as file:
                keys.update(file.keys())
        except SafetensorError as error:
            msg = (
                f"{path}: expected a safetensors file, it cannot be read ({error}); copy it again."
            )
            raise UserError(msg) from error
    return keys


def made_for(folder: str) -> str:
    """The model that an adapter's own config says it was trained on."""
    config = json.loads((Path(folder) / "adapter_config.json").read_text(encoding="utf-8"))
    return str(config.get("base_model_name_or_path") or "a model it does not name")


def _mismatch(name: str, folder: str, detail: str) -> str:
    return (
        f"{name}: the adapter in {folder} does not fit this base ({detail}). It says that it was trained on "
        f"{made_for(folder)}; name that model before the +."
    )
