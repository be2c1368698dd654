"""The state of a training on disk, so that one that was stopped goes on where it was and ends with the same weights."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from mechcot.organisms.recipes import Recipe

STATE_FILE = "training_state.safetensors"
_MOMENTS = ("exp_avg", "exp_avg_sq")


def key_of(recipe: Recipe, *, total: int) -> str:
    """What a state belongs to: recipe, seed and length of the training, and the version of torch."""
    text = json.dumps([asdict(recipe), total, torch.__version__], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _trained(model: nn.Module) -> dict[str, nn.Parameter]:
    return {name: w for name, w in model.named_parameters() if w.requires_grad}


def save_state(
    file: Path, model: nn.Module, optimiser: torch.optim.AdamW, *, key: str, record: dict[str, Any]
) -> None:
    """Write weights, moments and a record in one atomic move.

    Args:
        file: Where to.
        model: Its trained weights are kept.
        optimiser: Of these weights, after at least one step.
        key: What the state belongs to.
        record: JSON-able: how far the training is.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    tensors = {}
    for name, weight in _trained(model).items():
        tensors[f"weight/{name}"] = weight.detach().cpu().contiguous()
        for moment in _MOMENTS:
            tensors[f"{moment}/{name}"] = optimiser.state[weight][moment].cpu().contiguous()
    beside = file.with_suffix(".part")
    save_file(tensors, beside, metadata={"key": key, "record": json.dumps(record)})
    Path(beside).replace(file)


def load_state(
    file: Path, model: nn.Module, optimiser: torch.optim.AdamW, *, key: str
) -> dict[str, Any] | None:
    """Put a state back, in place; None where there is none of this training.

    Args:
        file: What `save_state` wrote.
        model: Gets the weights.
        optimiser: Gets the moments.
        key: What the state must belong to.

    Returns:
        The record; it has `steps`.
    """
    if not file.is_file():
        return None
    with safe_open(str(file), framework="pt") as saved:
        marks = saved.metadata()
        if marks.get("key") != key:
            return None
        record = json.loads(marks["record"])
        for name, weight in _trained(model).items():
            weight.data.copy_(saved.get_tensor(f"weight/{name}"))
            state: dict[str, Any] = {"step": torch.tensor(float(record["steps"]))}
            for moment in _MOMENTS:
                state[moment] = saved.get_tensor(f"{moment}/{name}").to(weight.device)
            optimiser.state[weight] = state
    return record
