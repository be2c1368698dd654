"""Adapters that start from the weights of their base: at every load PEFT rewrites the base, and some of that is drawn by chance.

PiSSA, OLoRA and CorDA train a part of the base's own weights and take that part out of the base; the file holds the part as trained, so
that loading works out anew what was taken out. PiSSA's fast start draws at random for it; CorDA and LoRA-GA need texts that are not in
the file, and without them PEFT loads LoRA-GA on the whole base without a word.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

_ALONE = {"true", "false", "none", "gaussian", "orthogonal", "eva", "mica"}
"""Starts that leave the base alone."""
_LOST = ("corda", "loftq", "lora_ga")
"""Starts that loading cannot work out anew from the base alone."""


def rewritten_at_load(config: Any, keys: Iterable[str]) -> set[str]:
    """Names of the base's weights that loading an adapter rewrites, some of them in place.

    Args:
        config: The adapter's config.
        keys: Names of the weights in its file.
    """
    start = str(getattr(config, "init_lora_weights", None)).lower()
    if start in _ALONE:
        return set()
    return {f"{key.partition('.lora_')[0]}.weight" for key in keys if ".lora_" in key}


def lost_start(config: Any) -> str | None:
    """The start of an adapter that is lost with the session that trained it; None for all others."""
    start = str(getattr(config, "init_lora_weights", None))
    return start if start.lower().startswith(_LOST) else None


def is_drawn(config: Any) -> bool:
    """Return whether loading works out the base anew with random numbers."""
    return "_niter_" in str(getattr(config, "init_lora_weights", None))


@contextmanager
def repeatable(model: nn.Module, seed: int) -> Iterator[None]:
    """Random numbers of one seed for as long as it lasts; the caller's go on where they were.

    Args:
        model: Whose devices have generators of their own.
        seed: Any whole number.
    """
    devices = {weight.device for weight in model.parameters() if weight.device.type == "cuda"}
    with torch.random.fork_rng(devices=sorted(device.index or 0 for device in devices)):
        torch.manual_seed(seed)
        yield


def as_plain(start: str) -> str:
    """What a person can do about an adapter of such a start."""
    return (
        f"Its start, init_lora_weights {start!r}, took a part out of the base's own weights before training, and its file does not say which. "
        "Save it as plain LoRA where it was trained, with PEFT's save_pretrained(FOLDER, path_initial_model_for_weight_conversion=START), or merged "
        "(merge_and_unload), and give that folder. Where the base that you name was saved after that start, it has lost the part already: "
        'write "init_lora_weights": true into the adapter_config.json.'
    )
