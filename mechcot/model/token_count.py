"""Tokens that a model really runs, counted at its blocks and at its unembedding.

    tokens   = sum over blocks of (rows x tokens that enter the block) / number of blocks
    unembedded = rows that enter the unembedding

A plain forward of a trace of T tokens counts T. A run that enters half of the blocks counts half of its tokens.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from torch import Tensor

from mechcot.model.interface import HasModel
from mechcot.model.internals.hooks import HookPoint, tapped
from mechcot.model.internals.self_test import backbone_of


@dataclass
class TokenCount:
    """Work of the runs inside a `counted` block.

    Attributes:
        n_layers: Blocks of the model.
        block_tokens: Rows times tokens, summed over all blocks.
        runs: Times that the first block ran.
        unembedded: States that were turned into logits.
    """

    n_layers: int
    block_tokens: int = 0
    runs: int = 0
    unembedded: int = 0

    @property
    def tokens(self) -> float:
        """Tokens through the whole model; a token that enters some blocks counts by their share."""
        return self.block_tokens / self.n_layers


@contextmanager
def counted(reasoner: HasModel) -> Iterator[TokenCount]:
    """Count what a model runs inside a `with` block.

    Args:
        reasoner: The model; it is tried first, so that its self-test is not counted.

    Example:
        >>> import mechcot as mc
        >>> from mechcot.model.token_count import counted
        >>> base = mc.load("organism:base")
        >>> with counted(base) as count:
        ...     _ = base.prefix(range(5, 15))
        >>> count.tokens
        10.0
    """
    backbone = backbone_of(reasoner.model)
    count = TokenCount(backbone.n_layers)

    def block(states: Tensor) -> Tensor:
        count.block_tokens += states.shape[:-1].numel()
        return states

    def first(states: Tensor) -> Tensor:
        count.runs += 1
        return states

    def head(states: Tensor) -> Tensor:
        count.unembedded += states.shape[:-1].numel()
        return states

    places = [HookPoint(module, "output") for module in backbone.blocks]
    taps = [(place, block) for place in places]
    with ExitStack() as stack:
        stack.enter_context(tapped([*taps, (places[0], first)]))
        stack.enter_context(tapped([(HookPoint(backbone.head, "output"), head)]))
        yield count
