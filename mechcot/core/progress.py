"""A progress bar where somebody sees it: in a terminal and in a notebook, never in a log."""

from collections.abc import Iterable
from typing import Any

from tqdm.asyncio import tqdm_asyncio
from tqdm.auto import tqdm

_ON_A_PAGE = tqdm is not tqdm_asyncio
"""Whether the bar is a notebook's: its streams are no terminal, and it shows all the same."""


def progress_bar(over: Iterable[Any] | None = None, **options: Any) -> tqdm:
    """A bar of `tqdm`, silent where the error stream is no terminal.

    Args:
        over: What is gone through; None where the caller counts.
        options: Of `tqdm`; `disable=True` silences it everywhere.
    """
    hidden = options.pop("disable", False) or (False if _ON_A_PAGE else None)
    return tqdm(over, disable=hidden, **options)
