"""Options of loading models, as one value; nothing heavy is imported, so that a command line can make it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mechcot.model.asking_options import AS_FOUND, Asking


@dataclass(frozen=True)
class LoadOptions:
    """Device and precision of models, and the way they are asked.

    Attributes:
        device: `auto` takes CUDA when there is one; else `cpu`, `cuda`, `cuda:1`, ...
        dtype: `auto`, `float32` or `bfloat16`, see `mechcot.model.loading.weights`.
        device_map: Passed to `from_pretrained`; then `device` only names where the ids go. None: one device.
        trust_remote_code: Runs Python code that comes with the checkpoint.
        asking: How answers are asked for and read, where no policy says it.
    """

    device: str = "auto"
    dtype: str = "auto"
    device_map: str | Mapping[str, Any] | None = None
    trust_remote_code: bool = False
    asking: Asking = AS_FOUND


DEFAULTS = LoadOptions()
