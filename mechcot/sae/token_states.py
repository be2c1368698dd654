"""States token by token: what a dictionary is trained on and what its features are read from.

The first token of a text is left out: in most models its state is an outlier of huge norm that would
make every reconstruction look good.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from mechcot.core.trace import Phase, Trace
from mechcot.model.internals.forward import capture_taps
from mechcot.model.internals.self_test import backbone_of
from mechcot.model.internals.sites import Site
from mechcot.model.prefix.cached_run import Run
from mechcot.model.reasoner import Reasoner
from mechcot.sae.dictionary import Dictionary

_BLOCK = 4096
_ROWS = 16


@dataclass(frozen=True, eq=False)
class TokenStates:
    """States of many tokens and where each comes from.

    Attributes:
        states: One row per token.
        trace: Index of its trace in the list that was read.
        step: Index of its step in the trace; -1 for the question.
        position: Absolute position in the trace.
    """

    states: Float[Tensor, "token d_model"]
    trace: Int[np.ndarray, " token"]
    step: Int[np.ndarray, " token"]
    position: Int[np.ndarray, " token"]

    def __len__(self) -> int:
        return len(self.position)


def token_states(
    reader: Reasoner,
    traces: Sequence[Trace],
    site: Site,
    *,
    phases: Sequence[Phase] = tuple(Phase),
    to_disk: Path | None = None,
) -> TokenStates:
    """Read traces once and keep every token's state, the first of each text left out.

    Cost: one forward a trace; 4 x d_model bytes a token.

    Args:
        reader: Whose states.
        traces: The texts; ids must differ.
        site: Where.
        phases: Which parts are kept; by default all.
        to_disk: Folder where the states are kept as well, so that a run that was stopped goes on.

    Raises:
        UserError: The model does not have the site, or the states pass the memory limit.
    """
    cache = reader.activations(traces, at=site, pool="whole", phases=phases, to_disk=to_disk)
    place = {trace.id: number for number, trace in enumerate(traces)}
    index = cache.index
    starts, stops = index["token_start"].to_numpy(), index["token_stop"].to_numpy()
    lengths = stops - starts
    position = np.concatenate([np.arange(a, b) for a, b in zip(starts, stops, strict=True)])
    trace = np.repeat([place[name] for name in index["trace"]], lengths)
    step = np.repeat(index["step"].to_numpy(), lengths)
    kept = np.flatnonzero(position > 0)
    states = cache.read(site)[torch.from_numpy(kept)]
    return TokenStates(states, trace[kept], step[kept], position[kept])


def row_states(
    reader: Reasoner, rows: Sequence[Sequence[int]], site: Site
) -> Float[Tensor, "row token d_model"]:
    """The states of texts of one length. Cost: a forward for every `_ROWS` of them.

    Args:
        reader: Whose states.
        rows: Token ids, all of one length.
        site: Where.

    Raises:
        UserError: The model does not have the site.
    """
    backbone = backbone_of(reader.model)
    states = []
    for start in range(0, len(rows), _ROWS):
        part: dict[Site, Tensor] = {}
        taps = capture_taps(backbone, [site], part)
        few = rows[start : start + _ROWS]
        Run(backbone, start=0, rows=few, acts=[()], watching=taps, path="causal").go(cache=None)
        states.append(part[site])
    return torch.cat(states)


def features_of(
    dictionary: Dictionary, states: Float[Tensor, "token d_model"]
) -> Float[np.ndarray, "token feature"]:
    """Features of many states, in blocks."""
    blocks = [dictionary.encode(block) for block in states.split(_BLOCK)]
    return torch.cat(blocks).float().numpy() if blocks else np.zeros((0, dictionary.width))
