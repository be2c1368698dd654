"""Running many rows or branches in parts that fit in memory.

    out of memory on a part: halve the tokens that are run at once, and go on from that part

What was learned is kept with the model, so that two runs that are compared (an edited one and a clean one)
are cut alike. A part of one row that does not fit is a `DoesNotFit`.
"""

import gc
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import torch

from mechcot.core.errors import DoesNotFit

_log = logging.getLogger(__name__)

NO_LIMIT = 2**62
_SAID = ("out of memory", "allocate memory", "not enough memory", "alloc_failed")
Out = TypeVar("Out")


@dataclass
class Limit:
    """Most tokens (rows times their length) that are run at once; falls when memory runs out."""

    tokens: int = NO_LIMIT


def out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory ran out, on a device or on the host."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(phrase in str(error).lower() for phrase in _SAID)


def release() -> None:
    """Free what only cycles hold, and give cached device memory back; call it when the error that held tensors is gone."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def in_parts(
    sizes: Sequence[int],
    run: Callable[[list[int]], Out],
    *,
    limit: Limit,
    most: int = NO_LIMIT,
) -> list[Out]:
    """Run items in order, in parts of at most `limit.tokens` tokens.

    Args:
        sizes: Tokens of each item.
        run: Runs the items with these indexes; must be able to run them again.
        limit: Falls when memory runs out.
        most: Another bound on a part.

    Returns:
        What `run` gave for each part, in order.

    Raises:
        DoesNotFit: One item alone runs out of memory.
    """
    tokens = [max(1, size) for size in sizes]
    done: list[Out] = []
    start = 0
    while start < len(tokens):
        part = _part(tokens, start, most=min(most, limit.tokens))
        outcome = unless_out_of_memory(partial(run, part))
        if outcome:
            done += outcome
            start += len(part)
            continue
        release()
        total = sum(tokens[index] for index in part)
        if len(part) == 1:
            raise DoesNotFit(f"does not fit in memory: a run of {total} tokens alone")
        limit.tokens = total // 2
        _log.warning("out of memory at %d tokens at once: going on with %d", total, limit.tokens)
    return done


def _part(tokens: Sequence[int], start: int, *, most: int) -> list[int]:
    """Indexes from `start` on whose tokens stay within `most`; at least one."""
    part, left = [start], most - tokens[start]
    for index in range(start + 1, len(tokens)):
        left -= tokens[index]
        if left < 0:
            break
        part.append(index)
    return part


def unless_out_of_memory(run: Callable[[], Out]) -> list[Out]:
    """The result of `run` in a list; an empty list when memory ran out (the error holds no tensor any more)."""
    try:
        return [run()]
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
    return []
