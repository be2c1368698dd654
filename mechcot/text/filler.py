"""Filler: tokens that say nothing, in the place of a chain, at equal token count.

Source: Lanham et al. 2023 (arXiv 2307.13702), which use a row of ` ...`. A filler is a unit of tokens
repeated and cut to the exact number, so that positions after it do not move.
"""

from collections.abc import Sequence
from itertools import cycle, islice

DOTS = " ..."


def fill(unit: Sequence[int], *, count: int) -> tuple[int, ...]:
    """Repeat the token ids of a filler until there are exactly `count`.

    Args:
        unit: Token ids of one filler, at least one unless `count` is 0.
        count: How many tokens are to be filled.

    Raises:
        ValueError: A unit without tokens.
    """
    if count and not unit:
        raise ValueError("a filler needs at least one token, got none: choose another filler text")
    return tuple(islice(cycle(unit), count)) if count else ()
