"""Interventions as inert data: what to change, where, and how.

An `Intervention` writes at a `Site` and at *absolute* positions of the whole sequence, also when a run
starts in the middle of it. An `AttentionKnockout` takes keys out of the sight of queries, in all layers and heads.
Edits are pure functions of the states they are given; nothing happens until they are passed to a run.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mechcot.core.errors import UserError
from mechcot.core.trace import Span
from mechcot.model.internals.sites import Site

States = Float[Tensor, "*batch token d_model"]
Positions = Int[Tensor, " token"]
_END = 2**62  # later than any position


@runtime_checkable
class Edit(Protocol):
    """A pure function from the states at some positions to new states there."""

    def __call__(self, states: States, which: Positions) -> States:
        """Give the new states.

        Args:
            states: The states at the positions that this run visits.
            which: For each of them its index in `Intervention.at`.
        """
        ...


@dataclass(frozen=True)
class Identity:
    """Change nothing: the identity edit, which must give exactly 0 on the same path."""

    def __call__(self, states: States, which: Positions) -> States:  # noqa: ARG002
        """Give the states back."""
        return states


@dataclass(frozen=True)
class Zero:
    """Write zeros."""

    def __call__(self, states: States, which: Positions) -> States:  # noqa: ARG002
        """Give zeros."""
        return torch.zeros_like(states)


@dataclass(frozen=True, eq=False)
class Add:
    """Add one vector at every position (scale it before)."""

    vector: Float[Tensor, " d_model"]

    def __call__(self, states: States, which: Positions) -> States:  # noqa: ARG002
        """Give states + vector."""
        return states + self.vector.to(states)


@dataclass(frozen=True, eq=False)
class Replace:
    """Write given states: one row per position of the intervention, in its order.

    Example:
        >>> import mechcot as mc, torch
        >>> mc.Replace(torch.zeros(2, 4))(torch.ones(2, 4), torch.arange(2)).sum()
        tensor(0.)
    """

    values: Float[Tensor, "at d_model"]

    def __call__(self, states: States, which: Positions) -> States:
        """Give the stored rows."""
        return self.values[which.to(self.values.device)].to(states).expand_as(states)


@dataclass(frozen=True, eq=False)
class Mean:
    """Write one vector at every position (mean ablation: a mean over *other* items)."""

    vector: Float[Tensor, " d_model"]

    def __call__(self, states: States, which: Positions) -> States:  # noqa: ARG002
        """Give the vector, repeated."""
        return self.vector.to(states).expand_as(states)


@dataclass(frozen=True, eq=False)
class Erase:
    """Remove the component along a direction: x - (x . u) u with u of length one.

    Source: directional ablation, Arditi et al. 2024 (arXiv 2406.11717).
    """

    direction: Float[Tensor, " d_model"]

    def __call__(self, states: States, which: Positions) -> States:  # noqa: ARG002
        """Give the states orthogonal to the direction."""
        unit = self.direction.to(states)
        unit = unit / unit.norm()
        return states - (states @ unit).unsqueeze(-1) * unit


@dataclass(frozen=True, eq=False)
class Intervention:
    """Edit the states of one site at absolute positions.

    Attributes:
        site: Where in the network.
        at: Absolute positions in the whole sequence (prompt included).
        edit: What to do there.

    Raises:
        UserError: A position is negative or occurs twice, or `Replace` has another number of rows.

    Example:
        >>> import mechcot as mc, torch
        >>> edit = mc.Intervention(mc.Site("resid_post", 1), at=(4,), edit=mc.Replace(torch.zeros(1, 128)))
        >>> base, site = mc.load("organism:base"), mc.Site("resid_post", 1)
        >>> float(base.states(range(5, 15), [site], under=[edit])[site][4].norm())
        0.0
    """

    site: Site
    at: tuple[int, ...]
    edit: Edit

    def __post_init__(self) -> None:
        object.__setattr__(self, "at", tuple(int(position) for position in self.at))
        if len(set(self.at)) != len(self.at) or any(position < 0 for position in self.at):
            raise UserError(
                f"positions of an intervention must be distinct and >= 0, got {self.at}"
            )
        if isinstance(self.edit, Replace) and len(self.edit.values) != len(self.at):
            raise UserError(
                f"Replace has {len(self.edit.values)} rows for {len(self.at)} positions; give one row per position"
            )

    @classmethod
    def over(cls, *, site: Site, span: Span | Iterable[int], edit: Edit) -> "Intervention":
        """Build one from a token span or from positions."""
        positions = span.positions() if isinstance(span, Span) else span
        return cls(site=site, at=tuple(positions), edit=edit)

    def before(self, stop: int) -> "Intervention | None":
        """The part of it that acts before a position; None when no part does."""
        which = [i for i, position in enumerate(self.at) if position < stop]
        if not which:
            return None
        return Intervention(
            site=self.site, at=tuple(self.at[i] for i in which), edit=_Part(self.edit, tuple(which))
        )


@dataclass(frozen=True, eq=False)
class _Part:
    """An edit that is given fewer positions than its intervention had."""

    edit: Edit
    which: tuple[int, ...]

    def __call__(self, states: States, which: Positions) -> States:
        return self.edit(states, torch.tensor(self.which, device=which.device)[which])


@dataclass(frozen=True)
class AttentionKnockout:
    """Hide keys from queries, in every layer and head.

    `AttentionKnockout(Span(p, p))` hides nothing: the identity of attention suppression, run on the masked path.

    Attributes:
        keys: Absolute positions that cannot be seen.
        queries: Absolute positions that cannot see them; None: every position after the keys.

    Example:
        >>> import mechcot as mc
        >>> hide = mc.AttentionKnockout(mc.Span(3, 5))
        >>> base = mc.load("organism:base")
        >>> base.prefix(range(5, 15), under=[hide]).logprobs().shape
        torch.Size([10])
    """

    keys: Span
    queries: Span | None = None

    @property
    def by(self) -> Span:
        """The queries, spelt out."""
        return Span(self.keys.stop, _END) if self.queries is None else self.queries

    def before(self, stop: int) -> "AttentionKnockout":
        """The part of it that acts on queries before a position."""
        return AttentionKnockout(self.keys, Span(min(self.by.start, stop), min(self.by.stop, stop)))

    def since(self, start: int) -> "AttentionKnockout":
        """The part of it that acts on queries from a position on."""
        return AttentionKnockout(
            self.keys, Span(max(self.by.start, start), max(self.by.stop, start))
        )


AnyIntervention = Intervention | AttentionKnockout
