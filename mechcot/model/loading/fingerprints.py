"""Fingerprints of weights: a hash of files where there are files, else of the parameters."""

import functools
import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from mechcot.model.loading.spec import ORGANISM_FILE, ModelSpec, text_folder

if TYPE_CHECKING:
    from torch import nn


def hash_spec(spec: ModelSpec) -> str | None:
    """Hash of a model's weight files and config (16 hex digits), None when they are not on this machine.

    A hub cache names its files by their SHA-256, so that those are not read again.
    """
    folder = weights_folder(spec)
    if folder is None:
        return None
    files = [spec.gguf] if spec.gguf else sorted(folder.glob("*.safetensors"))
    if spec.adapter is not None:
        files += sorted(Path(spec.adapter).glob("adapter_*"))
    whole = hashlib.sha256()
    for path in files if spec.gguf else [*files, folder / "config.json"]:
        whole.update(_hash_file(path.resolve()).encode())
    return whole.hexdigest()[:16]


def hash_text_files(spec: ModelSpec) -> str:
    """Hash of what turns text into tokens and back and says where a text ends: tokenizer, template, generation settings.

    "" when they are not on this machine.
    """
    folder = weights_folder(spec)
    if folder is None:
        return ""
    whole = hashlib.sha256()
    beside = text_folder(spec)
    if spec.gguf is not None:
        whole.update(_hash_file(spec.gguf).encode())
    of_base = () if spec.gguf else sorted(folder.iterdir())
    for path in [*of_base, *(sorted(beside.iterdir()) if beside else ())]:
        if path.suffix in _TEXT and path.name not in _NOT_TEXT:
            whole.update(path.name.encode())
            whole.update(_hash_file(path.resolve()).encode())
    return whole.hexdigest()[:16]


def hash_module(model: "nn.Module") -> str:
    """Hash of a module's parameters and buffers, for models that came from no file."""
    import torch

    whole = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        data = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        whole.update(name.encode())
        whole.update(data.numpy().tobytes())
    return whole.hexdigest()[:16]


_TEXT = {".json", ".jinja", ".txt", ".model"}
_NOT_TEXT = {ORGANISM_FILE, "model.safetensors.index.json"}


def weights_folder(spec: ModelSpec) -> Path | None:
    """Folder of a base model's files, None when they are not on this machine."""
    if spec.is_local:
        return Path(spec.base) if spec.gguf is None else spec.gguf.parent
    from huggingface_hub import try_to_load_from_cache

    path = try_to_load_from_cache(spec.base, "config.json", revision=spec.revision)
    return Path(path).parent if isinstance(path, str) else None


def _hash_file(path: Path) -> str:
    if re.fullmatch(r"[0-9a-f]{64}", path.name):
        return path.name
    stat = path.stat()
    return _hash_bytes(path, stat.st_size, stat.st_mtime_ns)


@functools.lru_cache(maxsize=256)
def _hash_bytes(path: Path, size: int, changed: int) -> str:  # noqa: ARG001 - part of the cache's key
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
