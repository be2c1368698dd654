"""One pass over a trace, kept, and everything that can be asked of it without running it again.

Causal attention makes the past independent of the future, so the keys and values of a trace serve
every cut of it: `branches` appends many suffixes at many cuts in one packed forward, `rerun_from` runs only the
tokens from one position on (under interventions), `decode` does the same and goes on greedily. All
positions, in interventions too, are absolute positions of the whole sequence. Nothing here writes to
the kept keys and values. Families whose cache cannot be cropped run whole sequences instead
(`Backbone.forkable` is False), and runs on the other side of a switch of the rotation, start anew: the same
numbers, slower.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mechcot.core.errors import UserError
from mechcot.core.trace import Span
from mechcot.model.distances import token_logprobs
from mechcot.model.generation.sampling import Sampling, choose
from mechcot.model.interface import Scorer
from mechcot.model.internals.architecture import Backbone
from mechcot.model.internals.forward import cache_view, keys_values
from mechcot.model.internals.hooks import Hook, HookPoint
from mechcot.model.internals.self_test import backbone_of
from mechcot.model.interventions import AnyIntervention, AttentionKnockout, Intervention
from mechcot.model.prefix.batch_requests import unembed
from mechcot.model.prefix.branches import Branches
from mechcot.model.prefix.cached_run import PrefixCache, Run
from mechcot.model.prefix.memory import Limit, in_parts

Out = TypeVar("Out")
TokenRows = Sequence[Sequence[int]]
Interventions = Sequence[AnyIntervention] | Sequence[Sequence[AnyIntervention]]


@dataclass(frozen=True, eq=False)
class Prefix:
    """A sequence that was run once, with its keys and values.

    Attributes:
        prefix_cache: The run. Branches and reruns start from its keys and values; their own tokens are not
            edited by what `prefix_cache.under` says.
        logit_scale: Factor on the logits.
    """

    prefix_cache: PrefixCache
    logit_scale: float

    @classmethod
    def of(
        cls,
        reasoner: Scorer,
        ids: Sequence[int],
        *,
        under: Sequence[AnyIntervention] = (),
        watching: Sequence[tuple[HookPoint, Hook]] = (),
    ) -> "Prefix":
        """Run `ids` once. Cost: one forward, no unembedding.

        An `AttentionKnockout` in `under` moves the run to an explicit mask, which is another kernel path (about
        1e-6 in float32): for exact zeros compare with `rerun_from(0, ...)`, not with a `Prefix` without it.

        Args:
            reasoner: The model.
            ids: Token ids.
            under: Acts on the run.
            watching: More hooks, after those of the acts.

        Raises:
            UserError: No tokens, or a site that the model does not have.
            EditDidNotFire: A position outside the sequence, or a site that was not visited.
            NotMeasurable: The states are not finite, the logits not numbers, the text longer than the context.
            DoesNotFit: The text alone runs out of memory.
        """
        if not len(ids):
            raise UserError(
                "expected at least one token, got an empty sequence; check the prompt and the tokenizer"
            )
        backbone = backbone_of(reasoner.model)
        run = Run(
            backbone, start=0, rows=[ids], acts=[tuple(under)], watching=watching, path="causal"
        )
        cache = cache_view((), stop=0) if backbone.forkable else None
        (hidden,) = in_parts([len(ids)], lambda _: run.go(cache=cache)[0], limit=Limit())
        unembed(backbone, hidden[-1])  # raises where the head gives no numbers
        prefix_cache = PrefixCache(
            backbone=backbone,
            ids=tuple(int(i) for i in ids),
            hidden=hidden,
            under=tuple(under),
            tensors=() if cache is None else keys_values(cache),
        )
        return cls(prefix_cache=prefix_cache, logit_scale=float(reasoner.logit_scale))

    def __len__(self) -> int:
        return len(self.prefix_cache.ids)

    @property
    def ids(self) -> tuple[int, ...]:
        """The token ids."""
        return self.prefix_cache.ids

    @property
    def hidden(self) -> Float[Tensor, "token d_model"]:
        """States after the final norm; row t predicts token t + 1."""
        return self.prefix_cache.hidden

    @property
    def backbone(self) -> Backbone:
        """The model."""
        return self.prefix_cache.backbone

    def unembed(self, hidden: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch d_vocab"]:
        """Log-probabilities (float32) from states after the final norm, logit scale and softcap applied."""
        return unembed(self.backbone, hidden, scale=self.logit_scale)

    def logprobs(self) -> Float[Tensor, " token"]:
        """Log-probability in nats of each token given those before it; NaN for the first."""
        scores = torch.full((len(self),), torch.nan, device=self.hidden.device)
        scores[1:] = token_logprobs(self.hidden[:-1], self.ids[1:], self.unembed)
        return scores

    def branches(
        self,
        cuts: Sequence[int],
        suffixes: TokenRows,
        *,
        hide: Sequence[Sequence[Span]] | None = None,
    ) -> Branches:
        """Append suffixes at cuts: branch b sees positions [0, cuts[b]) and its own tokens.

        Cost: one packed forward over all suffix tokens, when the first number is asked for.

        Args:
            cuts: How many tokens of the prefix each branch sees.
            suffixes: Token ids of each branch; an empty one reads the prefix's own state.
            hide: For each branch the key spans of the prefix that its tokens cannot see. The states
                of the prefix itself stay as they are.

        Raises:
            UserError: Lengths differ, a cut or a span lies outside, a branch sees no token at all.
        """
        spans = hide if hide is not None else [()] * len(cuts)
        return Branches(
            prefix_cache=self.prefix_cache,
            logit_scale=self.logit_scale,
            cuts=tuple(int(cut) for cut in cuts),
            suffixes=tuple(tuple(int(i) for i in suffix) for suffix in suffixes),
            hide=tuple(tuple(span for span in row if len(span)) for row in spans),
        )

    def rerun_from(
        self,
        start: int,
        rows: TokenRows | None = None,
        *,
        under: Interventions = (),
        hide: Sequence[AttentionKnockout] = (),
    ) -> Float[Tensor, "row token d_model"]:
        """Crop the cache to `start` and run the tokens from there on.

        All rows run together, or in parts where memory runs out (`memory.py`).
        Always runs under an explicit mask, so that clean and edited rests share one kernel path and an
        identity edit gives exactly 0. Rows of one call share a batch: for exact zeros compare calls
        with the same number of rows.

        Args:
            start: First position that is run; 0 runs everything.
            rows: Token ids from `start` on, rows of equal length; None: the prefix's own, as often
                as `under` has rows.
            under: Acts for all rows, or one sequence of acts per row.
            hide: More hides, for all rows.

        Returns:
            States after the final norm; `[row, i]` stands at position `start + i`.

        Raises:
            UserError: Rows of unequal length, a start outside the prefix, a wrong site.
            EditDidNotFire: A position outside `[start, start + length)`, a hide that concerns no query.
        """

        def go(run: Run) -> Tensor:
            if run.start:
                return run.go(cache=run.cache())
            return run.go(cache=None)[:, start:]

        parts = self._in_parts(start, rows, under, hide, go)
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def decode(
        self,
        start: int,
        rows: TokenRows | None = None,
        *,
        under: Interventions = (),
        hide: Sequence[AttentionKnockout] = (),
        max_new: int,
        stop: Collection[int],
    ) -> list[list[int]]:
        """Run the rows as `rerun_from` does, then continue each one greedily.

        What the acts did to the keys and values stays in the cache. They may name positions that are
        still to be generated; they act when the position is run.

        Args:
            start: First position that is run.
            rows: Token ids from `start` on, rows of equal length; None as in `rerun_from`.
            under: Acts for all rows, or one sequence of acts per row.
            hide: More hides, for all rows.
            max_new: Most tokens generated per row.
            stop: Token ids that end a row; the stopping token is not returned.

        Returns:
            The generated ids of each row.

        Raises:
            UserError: As in `rerun_from`.
            EditDidNotFire: A position before `start`, or an intervention that never acted.
        """
        ends = frozenset(stop)

        def go(run: Run) -> list[list[int]]:
            return run.decode(max_new=max_new, stop=ends)

        parts = self._in_parts(start, rows, under, hide, go, more=max_new)
        return [row for part in parts for row in part]

    def sample(
        self, cut: int, *, sampling: Sampling, seeds: Sequence[int], stop: Collection[int]
    ) -> list[list[int]]:
        """Continue the first `cut` tokens once per seed; the continuations share the kept keys and values.

        Each seed gives its own text, whatever the others are (floating noise aside).

        Args:
            cut: How many tokens of the prefix stay, at least one.
            sampling: How tokens are chosen.
            seeds: One for each continuation.
            stop: Token ids that end a continuation; the stopping token is not returned.

        Raises:
            UserError: A cut outside the prefix.
        """
        if not 1 <= cut <= len(self):
            raise UserError(f"expected a cut in [1, {len(self)}], got {cut}")
        ends, row = frozenset(stop), self.ids[cut - 1 : cut]
        draws = np.array([np.random.default_rng(s).random(sampling.max_tokens) for s in seeds])

        def run(part: list[int]) -> list[list[int]]:
            def pick(hidden: Tensor, step: int) -> Tensor:
                return choose(self.unembed(hidden), sampling, draws[part, step])

            rows = self._run(cut - 1, [row] * len(part), [()], more=sampling.max_tokens)
            return rows.decode(max_new=sampling.max_tokens, stop=ends, pick=pick)

        sizes = [cut + sampling.max_tokens] * len(seeds)
        parts = in_parts(sizes, run, limit=self.backbone.rows)
        return [written for part in parts for written in part]

    def _in_parts(
        self,
        start: int,
        rows: TokenRows | None,
        under: Interventions,
        hide: Sequence[AttentionKnockout],
        go: Callable[[Run], Out],
        *,
        more: int = 0,
    ) -> list[Out]:
        """Run the rows together, or in as many parts as memory asks for."""
        if not 0 <= start <= len(self):
            raise UserError(f"expected a start in [0, {len(self)}], got {start}")
        acts = [(*row, *hide) for row in _per_row(under)]
        rows = [self.ids[start:]] * len(acts) if rows is None else rows
        lengths = sorted({len(row) for row in rows})
        if len(lengths) != 1 or lengths[0] == 0:
            raise UserError(
                f"rows must have one length of at least 1, got lengths {lengths}; run them apart"
            )
        if len(acts) not in {1, len(rows)}:
            raise UserError(
                f"expected acts for all rows or one sequence per row ({len(rows)}), got {len(acts)}"
            )

        def run(part: list[int]) -> Out:
            mine = acts if len(acts) == 1 else [acts[index] for index in part]
            return go(self._run(start, [rows[index] for index in part], mine, more=more))

        return in_parts([len(row) for row in rows], run, limit=self.backbone.rows)

    def _run(
        self, start: int, rows: TokenRows, acts: Sequence[Sequence[AnyIntervention]], *, more: int
    ) -> Run:
        """Rows from `start` on that may grow by `more`: on the cache where it serves their lengths, else whole."""
        length = start + len(rows[0])
        if self.prefix_cache.serves(length, length + more):
            return Run(
                self.backbone, start=start, rows=rows, acts=acts, tensors=self.prefix_cache.tensors
            )
        return Run(
            self.backbone,
            start=0,
            rows=[[*self.ids[:start], *row] for row in rows],
            acts=acts,
            settled=self.prefix_cache.acts_before(start),
            reach=start,
            cached=False,
        )


def _per_row(under: Interventions) -> list[tuple[AnyIntervention, ...]]:
    shared = tuple(act for act in under if isinstance(act, Intervention | AttentionKnockout))
    if shared and len(shared) != len(under):
        raise UserError(
            "expected acts for all rows or one sequence of acts per row, got a mixture; use one of the two"
        )
    if shared or not under:
        return [shared]
    return [tuple(row) for row in under if not isinstance(row, Intervention | AttentionKnockout)]
