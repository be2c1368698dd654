"""Running rows of tokens from a position on, under acts, on top of kept keys and values."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import DynamicCache

from mechcot.core.errors import NotMeasurable, UserError
from mechcot.core.trace import Span
from mechcot.model.internals.architecture import Backbone
from mechcot.model.internals.forward import Firing, KeysValues, cache_view
from mechcot.model.internals.growing_cache import with_room
from mechcot.model.internals.hooks import Hook, HookPoint
from mechcot.model.internals.masks import (
    Masks,
    additive,
    causal_less,
    check_fires,
    parts_of,
)
from mechcot.model.interventions import AnyIntervention, AttentionKnockout, Intervention
from mechcot.model.prefix.batch_requests import run_blocks, unembed
from mechcot.model.soft.tokens import FIRST_SOFT, soft_of

Pick = Callable[[Tensor, int], Tensor]
"""States `[row d_model]` after the final norm, and how many tokens were written, to the next token of each row."""


@dataclass(frozen=True, eq=False)
class PrefixCache:
    """A run that is over.

    Attributes:
        backbone: The model.
        ids: The token ids.
        hidden: States after the final norm.
        under: What the run was under.
        tensors: Keys and values of each block; empty where the family's cache cannot be cropped.
    """

    backbone: Backbone
    ids: tuple[int, ...]
    hidden: Float[Tensor, "token d_model"]
    under: tuple[AnyIntervention, ...]
    tensors: KeysValues

    def serves(self, *lengths: int) -> bool:
        """Return whether runs of these lengths may stand on these keys and values."""
        return self.backbone.forkable and self.backbone.serves(len(self.ids), *lengths)

    def gives(self, cut: int) -> bool:
        """Return whether the state of the last of `cut` tokens is that of a run of `cut` tokens."""
        return self.backbone.causal and self.backbone.serves(len(self.ids), cut)

    def acts_before(self, stop: int) -> tuple[AnyIntervention, ...]:
        """The parts of `under` that shaped the tokens before a position."""
        parts = (act.before(stop) for act in self.under)
        return tuple(part for part in parts if part is not None)


class Run:
    """Rows of tokens from `start` on; one prefill, then as many single tokens as wanted."""

    def __init__(
        self,
        backbone: Backbone,
        *,
        start: int,
        rows: Sequence[Sequence[int]],
        acts: Sequence[Sequence[AnyIntervention]],
        settled: Sequence[AnyIntervention] = (),
        reach: int | None = None,
        tensors: KeysValues = (),
        cached: bool | None = None,
        watching: Sequence[tuple[HookPoint, Hook]] = (),
        path: Literal["causal", "masked"] = "masked",
    ) -> None:
        """Prepare a run; nothing is computed yet.

        Args:
            backbone: The model.
            start: Position of the first token of every row.
            rows: Token ids, rows of equal length.
            acts: One sequence for all rows, or one per row.
            settled: Acts on what came earlier, applied to all rows and not checked.
            reach: First position that `acts` may name; None: `start`.
            tensors: Keys and values of the tokens before `start`.
            cached: Whether `decode` goes on on a cache; None: where the family's can be cropped.
            watching: More hooks, installed after those of the acts: they see edited states.
            path: `causal` leaves the mask to the model where nothing is hidden.

        Raises:
            UserError: A site is not in the model, or something is hidden in a family without masks.
            NotMeasurable: Soft tokens, and the model has none.
            EditDidNotFire: An act has no positions.
        """
        if soft_of(backbone.model) is None and any(
            max(row, default=0) >= FIRST_SOFT for row in rows
        ):
            raise NotMeasurable(
                "the text holds soft tokens of another model, and this model has none: the two do not share their tokens"
            )
        self._backbone = backbone
        self.start = start
        self._reach = start if reach is None else reach
        self._ids = torch.tensor(
            [list(row) for row in rows], dtype=torch.long, device=backbone.device
        )
        self._acts = [tuple(row) for row in acts]
        self._tensors = tensors
        self._cached = backbone.forkable if cached is None else cached
        self._watching = tuple(watching)
        edits = [[a for a in (*settled, *row) if isinstance(a, Intervention)] for row in self._acts]
        early = [a for a in settled if isinstance(a, AttentionKnockout)]
        self._hides = [
            early + [a.since(self._reach) for a in row if isinstance(a, AttentionKnockout)]
            for row in self._acts
        ]
        self._firing = Firing(backbone, edits)
        self._masked = backbone.takes_masks and (path == "masked" or any(self._hides))
        if any(self._hides) and not backbone.takes_masks:
            raise UserError(
                f"{type(backbone.model).__name__} takes no explicit attention mask, so nothing can be hidden in it; leave the hiding measures out"
            )

    def go(self, *, cache: DynamicCache | None) -> Float[Tensor, "row token d_model"]:
        """Run all tokens of the rows.

        Raises:
            EditDidNotFire: A position lies outside the run, or a site was not visited.
            NotMeasurable: The rows are longer than the context.
        """
        stop = self.start + self._ids.shape[1]
        self._check_reach(stop=stop, prompt_stop=stop)
        hidden = self._forward(self._ids, start=self.start, cache=cache)
        self._firing.check_fired()
        return hidden

    def decode(
        self, *, max_new: int, stop: frozenset[int], pick: Pick | None = None
    ) -> list[list[int]]:
        """Run all tokens of the rows, then continue each one, up to the end of the context."""
        position = self.start + self._ids.shape[1]
        self._check_reach(stop=None, prompt_stop=position + max_new)
        cache = self.cache() if self._cached else None
        hidden = self._forward(self._ids, start=self.start, cache=cache)
        max_new = min(max_new, self._backbone.context - position + 1)
        written: list[list[int]] = [[] for _ in self._ids]
        open_rows = set(range(len(written)))
        for step in range(max_new):
            last = hidden[:, -1]
            ids = pick(last, step) if pick else unembed(self._backbone, last).argmax(dim=-1)
            for row, token in enumerate(ids.tolist()):
                if row in open_rows and token not in stop:
                    written[row].append(token)
                else:
                    open_rows.discard(row)
            if not open_rows or step == max_new - 1:
                break
            self._ids = torch.cat([self._ids, ids.to(self._ids.device)[:, None]], dim=1)
            hidden = self._next(cache, position=position + step)
        self._firing.check_fired()
        return written

    def cache(self) -> DynamicCache:
        """A cache over what came before `start`, one row per row of this run."""
        return cache_view(self._tensors, stop=self.start, rows=len(self._ids))

    def _next(self, cache: DynamicCache | None, *, position: int) -> Tensor:
        if cache is None:
            return self._forward(self._ids, start=self.start, cache=None)
        return self._forward(self._ids[:, -1:], start=position, cache=cache)

    def _forward(
        self, ids: Int[Tensor, "row token"], *, start: int, cache: DynamicCache | None
    ) -> Tensor:
        stop = start + ids.shape[1]
        self._backbone.check_length(stop)
        if not self._masked or not self._backbone.forkable or self._watching:
            return self._part(ids, start=start, cache=cache)  # a watcher wants all tokens at once
        parts = parts_of(self._backbone, range(start, stop), kept=start, rows=len(self._acts))
        if len(parts) > 1:
            cache = with_room(cache_view((), stop=0) if cache is None else cache, room=stop)
        states = [self._part(ids[:, p], start=start + p.start, cache=cache) for p in parts]
        return states[0] if len(states) == 1 else torch.cat(states, dim=1)

    def _part(
        self, ids: Int[Tensor, "row token"], *, start: int, cache: DynamicCache | None
    ) -> Tensor:
        queries = torch.arange(start, start + ids.shape[1], device=ids.device)
        return run_blocks(
            self._backbone,
            ids,
            positions=queries,
            mask=self._mask(queries) if self._masked else None,
            cache=cache,
            taps=[*self._firing.taps(start=start, length=ids.shape[1]), *self._watching],
        )

    def _mask(self, queries: Int[Tensor, " query"]) -> Masks:
        span, device = Span(int(queries[0]), int(queries[-1]) + 1), queries.device
        alike = all(hides == self._hides[0] for hides in self._hides)
        rows = self._hides[:1] if alike else self._hides
        seen = [causal_less(span, hides, device=device) for hides in rows]
        return additive(
            self._backbone,
            seen[0][None] if len(seen) == 1 else torch.stack(seen),
            rows=len(self._ids),
            queries=queries,
            keys=torch.arange(span.stop, device=device),
        )

    def _check_reach(self, *, stop: int | None, prompt_stop: int) -> None:
        named = [a for row in self._acts for a in row]
        self._firing.check_reach(
            [a for a in named if isinstance(a, Intervention)], start=self._reach, stop=stop
        )
        for hide in (a for a in named if isinstance(a, AttentionKnockout)):
            check_fires(hide, start=self._reach, stop=prompt_stop)
