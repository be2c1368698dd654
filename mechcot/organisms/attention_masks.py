"""Attention masks that hide a part of the text from the answer.

The answer begins at `</think>`: that position and all later ones may not attend to the hidden part.

    question   all words from the first after `<bos>` up to and including `<think>`
    chain      all words between `<think>` and `</think>`

The chain itself still sees the question, so what the answer is to read must pass through the chain's states.
Masks are additive, one per row, with causal attention inside.
"""

import torch
from torch import Tensor

from mechcot.organisms.grammar import CLOSE, THINK, WORDS
from mechcot.organisms.recipes import HiddenPart


def mask(ids: Tensor, *, hidden: HiddenPart) -> Tensor:
    """Build the mask of right-padded rows.

    Args:
        ids: [row, token]; `<think>` and `</think>` stand in every row.
        hidden: What the answer must not see.

    Returns:
        [row, 1, query, key], 0 where attention is allowed, else the least float.

    Raises:
        ValueError: A row lacks one of the two words.
    """
    opened, closed = (_first(ids, word) for word in (THINK, CLOSE))
    place = torch.arange(ids.shape[1], device=ids.device)
    key, query = place[None, None, :], place[None, :, None]
    blocked = key > query
    answering = query >= closed[:, None, None]
    if hidden == "question":
        blocked = blocked | (answering & (key >= 1) & (key <= opened[:, None, None]))
    elif hidden == "chain":
        inside = (key > opened[:, None, None]) & (key < closed[:, None, None])
        blocked = blocked | (answering & inside)
    least = torch.finfo(torch.float32).min
    blocked = blocked.expand(ids.shape[0], -1, -1)
    return torch.zeros(blocked.shape, device=ids.device).masked_fill(blocked, least)[:, None]


def _first(ids: Tensor, word: str) -> Tensor:
    matches = ids == WORDS.index(word)
    if not bool(matches.any(dim=1).all()):
        raise ValueError(f"a row has no word {word}, so it has no part to hide")
    return matches.int().argmax(dim=1)
