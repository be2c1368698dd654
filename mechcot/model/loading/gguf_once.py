"""A GGUF file that is parsed once.

`transformers` parses it anew for the config, the tokenizer and the weights, and makes a table of names for each module: 14 of the 21 CPU seconds that SmolLM2
took to load.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from unittest.mock import patch


def gguf_reader(path: str | Path) -> Any:
    """What a file says; the last one that was read is kept, as long as the file is the same.

    Args:
        path: The file.

    Raises:
        ValueError: It is none.
        OSError: It cannot be read.
    """
    seen = Path(path).stat()
    return _reader(str(path), seen.st_size, seen.st_mtime_ns)


@lru_cache(maxsize=1)
def _reader(path: str, _size: int, _changed: int) -> Any:
    from gguf.gguf_reader import GGUFReader

    return GGUFReader(path)


@contextmanager
def parsed_once() -> Iterator[None]:
    """Let `transformers` take what was parsed before, inside the block."""
    import gguf

    names = cache(gguf.get_tensor_name_map)
    with (
        patch.object(gguf, "GGUFReader", gguf_reader),
        patch.object(gguf, "get_tensor_name_map", names),
    ):
        yield
