"""Many suffixes at many cuts of one trace, packed on its keys and values.

Branch b sees positions [0, cuts[b]) of the prefix, less its hidden spans, and its own tokens, which
stand at positions cuts[b], cuts[b] + 1, ... One forward serves all branches: the prefix's keys once,
then every branch's tokens side by side under a tree mask, what several begin with once (measured at 1,024 tokens, 32 cuts, suffix 8:
11.5 times faster than a truncated run per branch). Greedy continuation feeds one token per open branch
and step into the same packed cache. Where the cache cannot be shared, or a branch crosses a switch of the
rotation that the prefix's run did not, each such branch is run whole.
Out of memory halves the packs and goes on (`memory.py`).
"""

from collections import ChainMap
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mechcot.core.errors import UserError
from mechcot.core.trace import Span
from mechcot.model.distances import token_logprobs
from mechcot.model.interventions import AttentionKnockout
from mechcot.model.prefix.batch_requests import unembed
from mechcot.model.prefix.cached_run import PrefixCache, Run
from mechcot.model.prefix.memory import in_parts
from mechcot.model.prefix.packed_branches import Packed, new_tokens

PACKED_TOKENS = 1024
_PACKED_ON_GPU = 4096
Out = TypeVar("Out")


@runtime_checkable
class _Feeder(Protocol):
    """Runs more tokens of some branches and gives their states."""

    def feed(self, tokens: Mapping[int, Sequence[int]]) -> dict[int, Tensor]: ...


@dataclass(frozen=True, eq=False)
class Branches:
    """Branches of one prefix; build them with `Prefix.branches`.

    Attributes:
        prefix_cache: The run they branch from.
        logit_scale: Factor on the logits.
        cuts: How many tokens of the prefix each branch sees.
        suffixes: Token ids of each branch.
        hide: Key spans of the prefix that each branch cannot see.

    Raises:
        UserError: Lengths differ, a cut or a span lies outside, a branch sees no token at all.
    """

    prefix_cache: PrefixCache
    logit_scale: float
    cuts: tuple[int, ...]
    suffixes: tuple[tuple[int, ...], ...]
    hide: tuple[tuple[Span, ...], ...]

    def __post_init__(self) -> None:
        sizes = (len(self.cuts), len(self.suffixes), len(self.hide))
        if len(set(sizes)) != 1:
            raise UserError(
                f"expected as many suffixes and hidden spans as cuts, got {sizes[0]} cuts, {sizes[1]} suffixes, {sizes[2]} hides"
            )
        for branch, cut in enumerate(self.cuts):
            if not 0 <= cut <= len(self.prefix_cache.ids):
                raise UserError(
                    f"branch {branch}: expected a cut in [0, {len(self.prefix_cache.ids)}], got {cut}"
                )
            if not self.suffixes[branch] and (cut == 0 or self.hide[branch]):
                raise UserError(
                    f"branch {branch}: an empty suffix needs a cut of at least 1 and nothing hidden; give it a token"
                )
            if any(span.stop > cut for span in self.hide[branch]):
                raise UserError(
                    f"branch {branch}: hidden spans must lie before its cut at {cut}, got {self.hide[branch]}"
                )
        if any(self.hide) and not self.prefix_cache.backbone.takes_masks:
            raise UserError(
                f"{type(self.prefix_cache.backbone.model).__name__} takes no explicit attention mask, so nothing can be hidden in it"
            )

    def __len__(self) -> int:
        return len(self.cuts)

    def hidden(self, branch: int) -> Float[Tensor, "suffix d_model"]:
        """States after the final norm at the suffix's tokens; the last predicts what comes next."""
        return self._states[branch]

    def unembed(self, hidden: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch d_vocab"]:
        """Log-probabilities (float32) from states after the final norm."""
        return unembed(self.prefix_cache.backbone, hidden, scale=self.logit_scale)

    def next_logprobs(self) -> Float[Tensor, "branch d_vocab"]:
        """Log-probabilities (float32) of the token after each suffix."""
        if not len(self):
            return torch.zeros(0, int(self.prefix_cache.backbone.config.vocab_size))
        return self.unembed(torch.stack([self._last(branch) for branch in range(len(self))]))

    def score(self, answers: Sequence[Sequence[int]]) -> Float[np.ndarray, " branch"]:
        """Log-probability in nats of an answer appended to each suffix, summed over its tokens.

        Cost: nothing beyond the suffixes when all answers have one token, else one more packed
        forward. The misuse to avoid: comparing sums over answers of different token counts.

        Args:
            answers: Token ids for each branch, at least one.

        Raises:
            UserError: Not one answer per branch, or an empty answer.
        """
        if len(answers) != len(self) or not all(len(answer) for answer in answers):
            raise UserError(
                f"expected one answer of at least one token for each of {len(self)} branches, got lengths {[len(a) for a in answers]}"
            )
        longer = self
        if any(len(answer) > 1 for answer in answers):
            pairs = zip(self.suffixes, answers, strict=True)
            longer = replace(
                self, suffixes=tuple((*s, *(int(i) for i in a[:-1])) for s, a in pairs)
            )
        rows, wanted = [], []
        for branch, answer in enumerate(answers):
            rows.append(longer._predicting(branch, count=len(answer)))
            wanted.extend(int(i) for i in answer)
        if not rows:
            return np.zeros(0)
        scores = token_logprobs(torch.cat(rows), wanted, self.unembed).double().cpu()
        return torch.stack([part.sum() for part in scores.split([len(a) for a in answers])]).numpy()

    def greedy(self, max_new: int, stop: Collection[int]) -> list[list[int]]:
        """Continue every branch greedily, all of them in one packed forward per token.

        A branch also ends where the context does.

        Returns:
            The generated ids of each branch.
        """
        ends = frozenset(stop)

        def run(branches: list[int]) -> dict[int, list[int]]:
            return self._continue(branches, max_new=max_new, stop=ends)

        written = self._in_packs(run)
        return [written[branch] for branch in range(len(self))]

    def _continue(
        self, branches: Sequence[int], *, max_new: int, stop: frozenset[int]
    ) -> dict[int, list[int]]:
        written: dict[int, list[int]] = {b: [] for b in branches}
        space = {
            b: self.prefix_cache.backbone.context - self.cuts[b] - len(self.suffixes[b])
            for b in branches
        }
        feeder = self._feeder(branches, more=max_new)
        fed = feeder.feed({b: self.suffixes[b] for b in branches if self.suffixes[b]})
        last = {b: fed[b][-1] if b in fed else self._before(b) for b in branches}
        for step in range(max_new):
            ids = self.unembed(torch.stack(list(last.values()))).argmax(dim=-1).tolist()
            chosen = {b: token for b, token in zip(last, ids, strict=True) if token not in stop}
            for branch, token in chosen.items():
                written[branch].append(token)
            open_ = {b: [token] for b, token in chosen.items() if len(written[b]) <= space[b]}
            if not open_ or step == max_new - 1:
                break
            last = {b: states[-1] for b, states in feeder.feed(open_).items()}
        return written

    @cached_property
    def _states(self) -> dict[int, Tensor]:
        def run(branches: list[int]) -> dict[int, Tensor]:
            tokens = {b: self.suffixes[b] for b in branches if self.suffixes[b]}
            return dict(self._feeder(branches).feed(tokens))

        states = self._in_packs(run)
        empty = self.prefix_cache.hidden[:0]
        return {b: states.get(b, empty) for b in range(len(self))}

    def _last(self, branch: int) -> Tensor:
        return self._predicting(branch, count=1)[0]

    def _predicting(self, branch: int, *, count: int) -> Tensor:
        """The states that predict the `count` tokens which end one after the suffix."""
        own = self._states[branch]
        if len(own) >= count:
            return own[len(own) - count :]
        return torch.cat([self._before(branch)[None], own])

    def _before(self, branch: int) -> Tensor:
        """The state of the last token that a branch sees of the prefix."""
        cut = self.cuts[branch]
        if self.prefix_cache.gives(cut):
            return self.prefix_cache.hidden[cut - 1]
        run = Run(
            self.prefix_cache.backbone,
            start=0,
            rows=[self.prefix_cache.ids[:cut]],
            acts=[()],
            settled=self.prefix_cache.acts_before(cut),
            path="causal",
        )
        return run.go(cache=None)[0, -1]

    def _in_packs(self, run: Callable[[list[int]], dict[int, Out]]) -> dict[int, Out]:
        """Run the branches in packs of at most `PACKED_TOKENS` tokens (more on a GPU), fewer when memory runs out."""
        sizes = new_tokens(zip(self.cuts, self.hide, self.suffixes, strict=True))
        backbone = self.prefix_cache.backbone
        most = PACKED_TOKENS if backbone.device.type == "cpu" else _PACKED_ON_GPU
        return dict(ChainMap(*in_parts(sizes, run, limit=backbone.packs, most=most)))

    def _feeder(self, branches: Sequence[int], *, more: int = 0) -> _Feeder:
        """Runs branches that may grow by `more` tokens: packed where the prefix cache serves their lengths."""
        lengths = {b: self.cuts[b] + len(self.suffixes[b]) for b in branches}
        packed = [b for b in branches if self.prefix_cache.serves(lengths[b], lengths[b] + more)]
        whole = [b for b in branches if b not in packed]
        roots = {b: (self.cuts[b], self.hide[b]) for b in packed}
        feeders: list[_Feeder] = [Packed(self.prefix_cache, roots)] if packed else []
        feeders += [_Whole(self, whole)] if whole else []
        return feeders[0] if len(feeders) == 1 else _Both(feeders[0], feeders[1], frozenset(packed))


@dataclass(frozen=True)
class _Both:
    """Some branches on the cache, the others whole."""

    packed: _Feeder
    whole: _Feeder
    on_cache: frozenset[int]

    def feed(self, tokens: Mapping[int, Sequence[int]]) -> dict[int, Tensor]:
        fed = self.packed.feed({b: new for b, new in tokens.items() if b in self.on_cache})
        fed |= self.whole.feed({b: new for b, new in tokens.items() if b not in self.on_cache})
        return {branch: fed[branch] for branch in tokens}


class _Whole:
    """The slow and obvious way: each branch a sequence of its own, run from the first token."""

    def __init__(self, owner: Branches, branches: Sequence[int]) -> None:
        self._prefix = owner.prefix_cache
        self._cuts = {b: owner.cuts[b] for b in branches}
        self._hide = {b: owner.hide[b] for b in branches}
        self._ids = {b: list(owner.prefix_cache.ids[: owner.cuts[b]]) for b in branches}

    def feed(self, tokens: Mapping[int, Sequence[int]]) -> dict[int, Tensor]:
        states: dict[Hashable, Tensor] = {}
        fed = {}
        for branch, new in tokens.items():
            self._ids[branch].extend(new)
            text = (self._cuts[branch], self._hide[branch], *self._ids[branch])
            if text not in states:
                states[text] = self._run(branch, new)
            fed[branch] = states[text]
        return fed

    def _run(self, branch: int, tokens: Sequence[int]) -> Tensor:
        cut, ids = self._cuts[branch], self._ids[branch]
        hides = [AttentionKnockout(span, Span(cut, len(ids))) for span in self._hide[branch]]
        run = Run(
            self._prefix.backbone,
            start=0,
            rows=[ids],
            acts=[()],
            settled=(*self._prefix.acts_before(cut), *hides),
            path="causal",
        )
        return run.go(cache=None)[0, len(ids) - len(tokens) :]
