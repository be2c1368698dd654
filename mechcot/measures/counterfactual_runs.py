"""A trace and its counterfactual twin, both run once, and patches of one's states into the other.

Shared by the measures that patch: one `Runs` holds the clean run up to the question for the answer and the
states of both texts at every block's input.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from torch import Tensor

from mechcot.core.counterfactual import Counterfactual
from mechcot.core.trace import Phase, Trace
from mechcot.model.activations.capture import capture
from mechcot.model.distances import tv
from mechcot.model.internals.sites import Site
from mechcot.model.interventions import Identity, Intervention, Replace
from mechcot.model.prefix.prefix import Prefix
from mechcot.model.reasoner import Reasoner

ChainStates = Float[Tensor, "token d_model"]
Hidden = Float[Tensor, "row later d_model"]


@dataclass(frozen=True, eq=False)
class Runs:
    """The clean run up to the question for the answer, and the states of both runs at every block's input.

    Attributes:
        reader: The model.
        trace: The clean trace.
        twin: Its counterfactual.
        clean: The clean run over chain and cue.
        own: The clean run's states, one `[token, d_model]` per layer.
        other: The twin's states, in the same layout.
    """

    reader: Reasoner
    trace: Trace
    twin: Counterfactual
    clean: Prefix
    own: tuple[ChainStates, ...]
    other: tuple[ChainStates, ...]

    @classmethod
    def of(cls, reader: Reasoner, trace: Trace, twin: Counterfactual) -> "Runs":
        """Run both once.

        Args:
            reader: The model.
            trace: The clean trace in its tokens.
            twin: Its counterfactual, of the same layout.
        """
        stop = trace.phase(Phase.CHAIN).stop
        cue = reader.cue_after(trace.ids[:stop])
        ids = (*trace.ids[:stop], *cue)
        twin_ids = (*twin.trace.ids[:stop], *cue)
        clean = reader.prefix(ids)
        sites = [Site("resid_pre", layer) for layer in range(clean.backbone.n_layers)]
        own, other = (capture(reader, each, sites) for each in (ids, twin_ids))
        stacks = (tuple(states[site] for site in sites) for states in (own, other))
        return cls(reader, trace, twin, clean, *stacks)

    @property
    def n_layers(self) -> int:
        """Number of blocks."""
        return len(self.own)

    def patch(
        self, layer: int, at: Sequence[int], *, source: tuple[ChainStates, ...]
    ) -> Intervention:
        """The intervention that writes `source`'s states of one layer at `at`.

        Args:
            layer: Block whose input is written.
            at: Absolute positions.
            source: `own` or `other`.
        """
        edit = Replace(source[layer][list(at)])
        return Intervention(site=Site("resid_pre", layer), at=tuple(at), edit=edit)

    def rows(self, at: Sequence[int], *, source: tuple[ChainStates, ...]) -> Hidden:
        """Run everything from the first patched position on: one row per layer, and a clean last row."""
        start = min(at)
        under = [[self.patch(layer, at, source=source)] for layer in range(self.n_layers)]
        clean = [Intervention(site=Site("resid_pre", 0), at=tuple(at), edit=Identity())]
        rows = [self.clean.ids[start:]] * (self.n_layers + 1)
        return self.clean.rerun_from(start, rows=rows, under=[*under, clean])

    def probability(self, hidden: Hidden, *, start: int, at: int, token: int) -> np.ndarray:
        """Probability that every row gives `token` at absolute position `at` (read one to the left).

        Args:
            hidden: States after the final norm, from position `start` on.
            start: Absolute position of the first of them.
            at: Absolute position of the token.
            token: Id of the token.

        Returns:
            `[row]`, float64.
        """
        logprobs = self.clean.unembed(hidden[:, at - 1 - start])
        return logprobs[:, token].exp().double().cpu().numpy()

    def answer_logprobs(self, hidden: Hidden, *, token: int) -> np.ndarray:
        """Log-probability in nats that every row's answer begins with `token`."""
        return self.clean.unembed(hidden[:, -1])[:, token].double().cpu().numpy()

    def answer_token(self, answer: str) -> int:
        """First token of an answer behind the cue."""
        return self.reader.answer_ids(answer)[0]

    def identity(self, at: Sequence[int]) -> float:
        """Largest movement of any row when every edit keeps what is there: exactly 0, row against same row."""
        start = min(at)
        rows = [self.clean.ids[start:]] * self.n_layers
        keep = [
            [Intervention(site=Site("resid_pre", layer), at=tuple(at), edit=Identity())]
            for layer in range(self.n_layers)
        ]
        kept, plain = (self.clean.rerun_from(start, rows=rows, under=under) for under in (keep, ()))
        pairs = zip(kept, plain, strict=True)
        return max(float(tv(row, same, self.clean.unembed).max()) for row, same in pairs)

    def noise(self, at: Sequence[int]) -> float:
        """Largest movement when the run's own states, read on another kernel path, are written back."""
        hidden = self.rows(at, source=self.own)
        probability = self.clean.unembed(hidden[:, -1]).exp()
        return float((probability[:-1] - probability[-1]).abs().max())

    def changed(self) -> tuple[int, ...]:
        """Positions of the chain where the two texts differ, in order."""
        chain = self.trace.phase(Phase.CHAIN)
        own, other = self.trace.ids, self.twin.trace.ids
        return tuple(p for p in chain.positions() if own[p] != other[p])

    def controls(self, size: int, *, rng: np.random.Generator) -> tuple[int, ...] | None:
        """Random positions of the chain for a control patch, in order; None when too few are left.

        Never a token that differs between the two texts, nor the one that predicts it, nor the chain's
        last: the answer phase is outside, and so is every place that states or predicts a changed value.

        Args:
            size: How many.
            rng: Draws them.
        """
        changed = set(self.changed())
        chain = self.trace.phase(Phase.CHAIN)
        banned = changed | {position - 1 for position in changed} | {chain.stop - 1}
        pool = [position for position in chain.positions() if position not in banned]
        if len(pool) < size:
            return None
        return tuple(sorted(int(p) for p in rng.choice(pool, size=size, replace=False)))
