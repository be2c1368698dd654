"""Rows that begin at a block (see `layer_rows.py`), those of many texts in one batch.

    rows at a block   [ first edit: text 1, text 2, ... | second edit: text 1, text 2, ... | ... ]

Every text has its edits at the same blocks. At each of them as many rows are appended as there are texts; what the blocks get beside
their states (masks, rotations) has a row for each text and is repeated for each edit.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mechcot.core.errors import EditDidNotFire
from mechcot.core.trace import Span
from mechcot.model.internals.forward import forward
from mechcot.model.internals.hooks import Hook
from mechcot.model.internals.sites import Site
from mechcot.model.interventions import Intervention
from mechcot.model.prefix.batch_requests import Batch, BlocksRun, worth_padding
from mechcot.model.prefix.lockstep import Sizes

BlockInputs = tuple[Float[Tensor, "token d_model"], ...]
"""The states that enter each block."""


@dataclass(frozen=True, eq=False)
class GrownRun:
    """Rows of one text, each of which begins at its block.

    Attributes:
        clean: The run of the text's own tokens. Its cache sees as many rows at each block as there are by then.
        span: Positions of the tokens.
        edits: One for each row.
        inputs: The clean states at the input of every block.
        shares: They may share a batch with those of other texts.
    """

    clean: BlocksRun
    span: Span
    edits: tuple[Intervention, ...]
    inputs: BlockInputs
    shares: bool = False

    @property
    def sites(self) -> tuple[Site, ...]:
        """Where the rows begin."""
        return tuple(edit.site for edit in self.edits)

    @property
    def kind(self) -> Hashable:
        """See `BatchRequest`: rows that begin at the same blocks."""
        return ("grown", self.clean.kind, self.sites) if self.shares else None

    @property
    def costly(self) -> bool:
        """See `BatchRequest`."""
        return True

    @property
    def sizes(self) -> Sizes:
        """Rows, tokens, kept tokens."""
        return len(self.edits), len(self.span), self.clean.kept

    def fit(self, sizes: Sequence[Sizes]) -> bool:
        """See `BatchRequest`."""
        return worth_padding(sizes, self.clean.ids.device)

    def row(self, index: int) -> Float[Tensor, "token d_model"]:
        """The states at which a row begins."""
        edit, span = self.edits[index], self.span
        row = self.inputs[edit.site.layer][span.start : span.stop].clone()
        which = [i for i, position in enumerate(edit.at) if position in span.positions()]
        if which:
            at = torch.tensor([edit.at[i] - span.start for i in which], device=row.device)
            index_of = torch.tensor(which, device=row.device)
            row[at] = edit.edit(row[at], index_of).to(row.dtype)
        return row

    def alone(self) -> Float[Tensor, "edit token d_model"]:
        """See `BatchRequest`."""
        begun: list[Site] = []

        def begin(index: int) -> Hook:
            def tap(batch: Tensor) -> Tensor:
                row = self.row(index).to(batch)[None]
                grown = torch.cat([batch, row]) if begun else row
                begun.append(self.edits[index].site)
                return grown

            return tap

        backbone, clean = self.clean.backbone, self.clean
        hidden = forward(
            backbone,
            clean.ids,
            positions=clean.positions,
            mask=clean.mask,
            cache=clean.cache,
            taps=[(backbone.place(site), begin(index)) for index, site in enumerate(self.sites)],
        )
        if missed := [site.name for site in self.sites if site not in begun]:
            raise EditDidNotFire(f"the edit at {missed[0]} did not fire; check the site")
        return hidden

    def together(
        self, sizes: Sequence[Sizes], requests: Sequence["GrownRun | None"]
    ) -> list[Tensor]:
        """See `BatchRequest`."""
        return _together(sizes, requests)


def _together(
    sizes: Sequence[Sizes], texts: Sequence[GrownRun | None]
) -> list[Float[Tensor, "edit token d_model"]]:
    """Run the rows of several texts in one batch.

    Args:
        sizes: Edits, tokens and kept tokens of each.
        texts: Each; None: a slot whose result nobody wants.
    """
    first = next(text for text in texts if text is not None)
    backbone, device = first.clean.backbone, first.clean.ids.device
    runs = [None if text is None else text.clean for text in texts]
    batch = Batch(backbone, tuple((1, *size[1:]) for size in sizes), tuple(runs), device)
    tokens = max(size[1] for size in sizes)

    def begin(index: int) -> Hook:
        def tap(states: Tensor) -> Tensor:
            rows = states.new_zeros(len(texts), tokens, states.shape[-1])
            for row, text in zip(rows, texts, strict=True):
                if text is not None:
                    edited = text.row(index)
                    row[: len(edited)] = edited
            return torch.cat([states, rows]) if index else rows

        return tap

    layers = [site.layer for site in first.sites]
    times = [max(1, sum(layer <= at for layer in layers)) for at in range(backbone.n_layers)]
    with _repeated(backbone.blocks, times, rows=len(texts)):
        hidden = forward(
            backbone,
            batch.ids(),
            positions=batch.positions(),
            mask=batch.masks(),
            cache=batch.cache() if first.clean.cache is not None else None,
            taps=[(backbone.place(site), begin(index)) for index, site in enumerate(first.sites)],
        )
    by_text = hidden.unflatten(0, (-1, len(texts))).unbind(1)
    return [states[:, : size[1]] for states, size in zip(by_text, sizes, strict=True)]


@contextmanager
def _repeated(blocks: Sequence[nn.Module], times: Sequence[int], *, rows: int) -> Iterator[None]:
    """Give each block so many copies of what it gets beside its states and has a row for each text."""
    with ExitStack() as stack:
        for block, count in zip(blocks, times, strict=True):
            hook = _repeating(_copies(rows, count))
            stack.callback(block.register_forward_pre_hook(hook, with_kwargs=True).remove)
        yield


def _repeating(copy: Callable[[Any], Any]) -> Callable[..., Any]:
    def hook(_block: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        others = {k: v if k == "hidden_states" else copy(v) for k, v in named.items()}
        return (*given[:1], *map(copy, given[1:])), others

    return hook


def _copies(rows: int, times: int) -> Callable[[Any], Any]:
    def copy(value: Any) -> Any:
        if isinstance(value, tuple | list):
            return type(value)(map(copy, value))
        if isinstance(value, Tensor) and value.ndim > 1 and len(value) == rows:
            return value.repeat(times, *(1,) * (value.ndim - 1))
        return value

    return copy
