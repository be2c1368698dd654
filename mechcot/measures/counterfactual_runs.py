"""A trace and its counterfactual twin, both run once, and patches of one's states into the other.

Shared by the measures that patch: one `Runs` holds the clean run up to the question for the answer and the
states of both texts at every block's input.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mechcot.core.counterfactual import Counterfactual
from mechcot.core.trace import Phase, Trace
from mechcot.model.distances import tv
from mechcot.model.internals.sites import Site
from mechcot.model.interventions import Add, Edit, Identity, Intervention, Replace
from mechcot.model.prefix.layer_rows import layer_rows, run_with_inputs
from mechcot.model.prefix.lockstep import one_path
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
        edited: The twin's.
        own: The clean run's states, one `[token, d_model]` per layer.
        other: The twin's states, in the same layout.
    """

    reader: Reasoner
    trace: Trace
    twin: Counterfactual
    clean: Prefix
    edited: Prefix
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
        clean, own = run_with_inputs(reader, (*trace.ids[:stop], *cue))
        edited, other = run_with_inputs(reader, (*twin.trace.ids[:stop], *cue))
        return cls(reader, trace, twin, clean, edited, own, other)

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
        """Run everything from the first patched position on, one row per layer; the clean side is `clean`."""
        edits = [self.patch(layer, at, source=source) for layer in range(self.n_layers)]
        return layer_rows(self.clean, min(at), edits, inputs=self.own)

    def moved(self, hidden: Hidden, *, at: int, token: int) -> Float[np.ndarray, " layer"]:
        """Change of the probability that `token` stands at absolute position `at` (read one to the left), against the clean run.

        Args:
            hidden: States after the final norm, one row per layer, up to the end of the clean run.
            at: Absolute position of the token.
            token: Id of the token.
        """
        scores = self._scores(hidden, at=at, token=token)
        return scores[:-1].exp().numpy() - scores[-1:].exp().numpy()

    def answer_moved(self, hidden: Hidden, *, token: int) -> Float[np.ndarray, " layer"]:
        """Change in nats of the log-probability that the answer begins with `token`, against the clean run."""
        scores = self._scores(hidden, at=len(self.clean), token=token)
        return (scores[:-1] - scores[-1]).numpy()

    def _scores(self, hidden: Hidden, *, at: int, token: int) -> Float[Tensor, " run"]:
        """Log-probability (float64) of a token in every row, and in the clean run at last."""
        here = at - 1 - len(self.clean)
        states = torch.cat([hidden[:, here], self.clean.hidden[None, here]])
        return self.clean.unembed(states)[:, token].double().cpu()

    def answer_token(self, answer: str) -> int:
        """First token of an answer behind the cue."""
        return self.reader.answer_ids(answer)[0]

    def null_edit(self, at: Sequence[int]) -> tuple[float, float]:
        """Edit every layer without changing anything.

        Returns:
            Largest movement between rows whose states are kept and rows to whose states 0 is added, exactly 0; and the answer's
            largest movement against the clean run: the noise floor between the two kernel paths.
        """
        zero = Add(torch.zeros_like(self.own[0][0]))
        kept, again = one_path(
            lambda: self._every_layer(at, Identity()), lambda: self._every_layer(at, zero)
        )
        pairs = zip(kept, again, strict=True)
        identity = max(float(tv(row, same, self.clean.unembed).max()) for row, same in pairs)
        answers = self.clean.unembed(torch.cat([kept[:, -1], self.clean.hidden[-1:]])).exp()
        return identity, float((answers[:-1] - answers[-1]).abs().max())

    def _every_layer(self, at: Sequence[int], edit: Edit) -> Hidden:
        sites = [Site("resid_pre", layer) for layer in range(self.n_layers)]
        edits = [Intervention(site=site, at=tuple(at), edit=edit) for site in sites]
        return layer_rows(self.clean, min(at), edits, inputs=self.own)

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
