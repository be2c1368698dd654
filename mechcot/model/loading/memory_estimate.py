"""Memory that weights will take, read from the heads of their files: nothing is loaded."""

import json
import math
from collections.abc import Iterable
from pathlib import Path

import torch

from mechcot.core.errors import UserError
from mechcot.model.loading.fingerprints import weights_folder
from mechcot.model.loading.gguf_once import gguf_reader
from mechcot.model.loading.options import LoadOptions
from mechcot.model.loading.spec import ModelSpec
from mechcot.model.loading.weights import SMALL, pick_device


def base_bytes(spec: ModelSpec, options: LoadOptions) -> int | None:
    """Bytes of a model's weights as `load_base` will hold them, None when its files are not on this machine.

    Raises:
        UserError: A file cannot be read.
    """
    folder = weights_folder(spec)
    if folder is None:
        return None
    tensors = list(_dequantized(spec.gguf) if spec.gguf else _tensors(_files(folder)))
    numbers = sum(count for count, _ in tensors)
    width = _width(options, numbers)
    return numbers * width if width else sum(count * stored for count, stored in tensors)


def adapter_bytes(spec: ModelSpec) -> int:
    """Bytes of a spec's adapter, which PEFT holds in float32; 0 without one.

    Raises:
        UserError: A file cannot be read.
    """
    if spec.adapter is None:
        return 0
    files = sorted(Path(spec.adapter).glob("adapter_model*.safetensors"))
    return sum(count * torch.float32.itemsize for count, _ in _tensors(files))


def _width(options: LoadOptions, numbers: int) -> int | None:
    """Bytes a number will take; None for what the file holds (the rule of `weights.py`)."""
    if options.dtype != "auto":
        return 2 if options.dtype == "bfloat16" else 4
    on_cpu = pick_device(options.device).type == "cpu"
    return 4 if on_cpu or numbers < SMALL else None


def _files(folder: Path) -> list[Path]:
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        names = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
        return sorted({folder / name for name in names})
    return sorted(folder.glob("*.safetensors"))


def _dequantized(path: Path) -> Iterable[tuple[int, int]]:
    """The same of a GGUF file, whose tensors are dequantized to float32."""
    try:
        tensors = gguf_reader(path).tensors
    except (ValueError, IndexError, KeyError, OSError) as error:
        raise UserError(
            f"{path}: expected a GGUF file, it cannot be read ({error}); copy it again."
        ) from error
    return ((int(tensor.n_elements), torch.float32.itemsize) for tensor in tensors)


def _tensors(files: Iterable[Path]) -> Iterable[tuple[int, int]]:
    """Count of numbers of each tensor, and bytes that a number takes in the file."""
    for path in files:
        try:
            with path.open("rb") as file:
                head = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        except (OSError, ValueError, MemoryError) as error:
            raise UserError(
                f"{path}: expected a safetensors file, it cannot be read ({error}); copy it again."
            ) from error
        for name, entry in head.items():
            if name == "__metadata__":
                continue
            count = math.prod(entry["shape"])
            first, last = entry["data_offsets"]
            yield count, (last - first) // count if count else torch.float32.itemsize
