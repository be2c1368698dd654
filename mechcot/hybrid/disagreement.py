"""Where two models would go on differently with the same texts, and their states there. Cost: two forwards a text."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mechcot.core.trace import Trace
from mechcot.model.compatibility import common_vocabulary
from mechcot.model.generation.guided import told_positions
from mechcot.model.internals.forward import capture_taps
from mechcot.model.internals.self_test import backbone_of
from mechcot.model.internals.sites import Site
from mechcot.model.prefix.prefix import Prefix
from mechcot.model.reasoner import Reasoner

_CHUNK = 64


@dataclass(frozen=True, eq=False)
class Disagreement:
    """Two models on one text; a position is one that writes a new token, the end among them.

    Attributes:
        ids: Tokens of the text, prompt included.
        positions: Absolute positions.
        wanted: The guide's likeliest next token.
        where: Whether the writer's is another one.
        chain: Whether it writes the chain, its end among it, and not the answer.
        preference: Nats by which the guide prefers its own; 0 where they agree.
        states: By site the writer's states and the guide's, float32.
    """

    ids: tuple[int, ...]
    positions: Int[Tensor, " position"]
    wanted: Int[Tensor, " position"]
    where: Bool[Tensor, " position"]
    chain: Bool[Tensor, " position"]
    preference: Float[Tensor, " position"]
    states: dict[Site, tuple[Tensor, Tensor]]

    @property
    def in_chain(self) -> Bool[Tensor, " position"]:
        """The disagreements while the answer has not come."""
        return self.where & self.chain

    def differences(self, site: Site) -> Float[Tensor, "position d_model"]:
        """The guide's states less the writer's."""
        mine, others = self.states[site]
        return others - mine


def disagreement(
    writer: Reasoner, guide: Reasoner, trace: Trace, *, sites: Sequence[Site] = ()
) -> Disagreement:
    """Let two models read a text, and compare what each would write next.

    Args:
        writer: The model that would write.
        guide: The model that reads along.
        trace: The text; where it is finished its end counts as a position.
        sites: Where states are kept.
    """
    stop = len(trace.ids) - (not trace.finished)
    positions = torch.arange(trace.prompt_length - 1, stop)
    common = common_vocabulary(writer, guide)
    (own, _), mine = _read(writer, trace, positions, sites, width=writer.n_vocabulary)
    (wanted, preference), others = _read(guide, trace, positions, sites, width=common, other=own)
    states = {site: (mine[site], others[site]) for site in sites}
    chain = positions - trace.prompt_length + 1 < told_positions(writer, trace)
    return Disagreement(trace.ids, positions, wanted, wanted != own, chain, preference, states)


def _read(
    reader: Reasoner,
    trace: Trace,
    positions: Int[Tensor, " position"],
    sites: Sequence[Site],
    *,
    width: int,
    other: Tensor | None = None,
) -> tuple[tuple[Tensor, Tensor], dict[Site, Tensor]]:
    """The likeliest next tokens, by how much they are preferred to `other`, and the states."""
    kept: dict[Site, Tensor] = {}
    taps = capture_taps(
        backbone_of(reader.model), sites, kept, keep=lambda s: s[0].detach().float().cpu()
    )
    prefix = Prefix.of(reader, trace.ids, watching=taps)
    tokens, preferences = likeliest(prefix, positions, width=width, other=other)
    return (tokens, preferences), {site: kept[site][positions] for site in sites}


def likeliest(
    prefix: Prefix,
    positions: Int[Tensor, " position"],
    *,
    width: int,
    other: Int[Tensor, " position"] | None = None,
) -> tuple[Int[Tensor, " position"], Float[Tensor, " position"]]:
    """The likeliest token behind each position, and by how many nats it is preferred to another one (0 without one).

    Args:
        prefix: The run.
        positions: Absolute positions.
        width: How many tokens of the vocabulary count.
        other: The other tokens.
    """
    tokens, preferences = [], []
    for part in range(0, len(positions), _CHUNK):
        here = positions[part : part + _CHUNK].to(prefix.hidden.device)
        log_p = prefix.unembed(prefix.hidden[here])[:, :width].cpu()
        best, token = log_p.max(dim=-1)
        tokens.append(token)
        against = token if other is None else other[part : part + _CHUNK].clamp(max=width - 1)
        preferences.append(best - log_p.gather(-1, against[:, None])[:, 0])
    return torch.cat(tokens), torch.cat(preferences)
