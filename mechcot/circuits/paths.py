"""The strongest path from a step to the answer, followed backwards edge by edge.

    edge[u, p -> v] = (edited[u, p] - clean[u, p]) . d A_v / d (what enters v at token p)

A_v: what v hands on, along the edge by which it was reached; for the answer the margin M. Only the direct way from u to v counts: the gradient goes through
v's own block and then along the residual stream. The edges into v add up to the first-order change of what v hands on. From v the largest edge in the direction
of the text's whole effect is taken (the largest of all where none has it), until it comes from the edited tokens themselves. A first-order story of one text; whether a component matters is told by patching it (`exact_effects`).
Source: edge attribution patching (Syed et al. 2023, arXiv 2310.10348), by token.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from mechcot.circuits.components import Component, KeptRun
from mechcot.circuits.effects import StepRuns
from mechcot.circuits.step_edit import StepEdit

NO_PATH = "nothing reaches the answer"


@dataclass(frozen=True)
class Hop:
    """One edge of a path.

    Attributes:
        source: The component that it comes from; None: the tokens themselves.
        position: At which token.
        share: Its size as a share of the sizes of all edges into where it leads.
    """

    source: Component | None
    position: int
    share: float


@dataclass(frozen=True, eq=False)
class _Edges:
    """All edges into one receiver.

    Attributes:
        sources: Where they come from; None: the tokens.
        sizes: By source and token.
        slopes: Of each source: the gradient by its own numbers.
    """

    sources: tuple[Component | None, ...]
    sizes: Float[Tensor, "source token"]
    slopes: tuple[Tensor, ...]


def strongest_path(runs: StepRuns) -> tuple[Hop, ...]:
    """The hops from the edited tokens to the answer; none where nothing reaches the answer.

    Cost: one backward through a block a layer and hop.
    """
    run = runs.clean
    (slope,) = torch.autograd.grad(runs.margin, run.last, retain_graph=True)
    receiver: Component | None = None
    sign = 1 if runs.whole >= 0 else -1
    upto, hops = len(run.given), []
    while True:
        edges = _edges(runs, slope[0], upto, receiver)
        sizes = edges.sizes.abs()
        if not float(sizes.sum()):
            return ()
        along = (edges.sizes * sign).clamp(min=0)
        best = int((along if bool(along.any()) else sizes).argmax())
        row, position = divmod(best, sizes.shape[1])
        receiver = edges.sources[row]
        hops.append(Hop(receiver, position, float(sizes[row, position] / sizes.sum())))
        if receiver is None:
            return tuple(reversed(hops))
        slope, upto = _into(run, receiver, position, edges.slopes[row]), receiver.layer


def _edges(
    runs: StepRuns, slope: Float[Tensor, "token d_model"], upto: int, receiver: Component | None
) -> _Edges:
    """Edges into what reads the residual stream behind the first `upto` blocks, an MLP also its block's attention."""
    run = runs.clean
    tokens = _along(runs.edited.given[0] - run.given[0], slope)
    rows: list[tuple[Component | None, Tensor, Tensor]] = [(None, tokens, slope)]
    for part in run.anatomy.components:
        below = part.layer < upto
        beside = receiver is not None and _reads_attention_of(run, receiver, part)
        if below or beside:
            rows.append((part, *_edge(runs, part, slope)))
    sources, sizes, slopes = zip(*rows, strict=True)
    return _Edges(sources, torch.stack(sizes), slopes)


def _along(moved: Tensor, slope: Tensor) -> Float[Tensor, " token"]:
    return (moved.detach()[0] * slope).double().sum(dim=-1)


def _edge(runs: StepRuns, part: Component, slope: Tensor) -> tuple[Tensor, Tensor]:
    """The edge of one component at every token, and the gradient by its own numbers."""
    run, layer = runs.clean, part.layer
    if part.kind == "block":
        adds = runs.edited.written(layer) - runs.edited.given[layer] - run.written(layer) + run.given[layer]  # fmt: skip
        return _along(adds, slope), slope
    if part.kind != "head":
        return (runs.moved(part) * slope).double().sum(dim=-1), slope
    (by_heads,) = torch.autograd.grad(
        run.holder(Component(layer, "attention")), run.holder(part), slope[None], retain_graph=True
    )
    own = by_heads[0, :, run.anatomy.tap(part)[1]]
    return (runs.moved(part) * own).double().sum(dim=-1), own


def _reads_attention_of(run: KeptRun, receiver: Component, part: Component) -> bool:
    """Whether an MLP reads what its own block's attention wrote; not where both stand side by side."""
    same = receiver.kind == "mlp" and receiver.layer == part.layer and part.kind in ("head", "attention")  # fmt: skip
    return same and _depends(run, receiver.layer)


def _depends(run: KeptRun, layer: int) -> bool:
    mlp, attention = run.mlp[layer], run.attention[layer]
    if mlp is None or attention is None:
        return False
    (slope,) = torch.autograd.grad(mlp.sum(), attention, retain_graph=True, allow_unused=True)
    return slope is not None


def _into(run: KeptRun, part: Component, position: int, slope: Tensor) -> Tensor:
    """Gradient of what a component hands on at one token, by what enters its block (an MLP: what enters it)."""
    layer = part.layer
    given = run.given[layer]
    handed_on = (run.value(part)[position] * slope[position]).sum()
    if part.kind == "mlp" and _depends(run, layer):
        (entering,) = torch.autograd.grad(
            handed_on, run.holder(Component(layer, "attention")), retain_graph=True
        )
        return entering
    (entering,) = torch.autograd.grad(handed_on, given, retain_graph=True)
    if part.kind == "block":  # what it passes on is no work of its own
        entering = entering.clone()
        entering[0, position] -= slope[position]
    return entering


def path_text(edit: StepEdit, path: tuple[Hop, ...]) -> str:
    """`step -> L1.H2 at a later step -> ... -> answer`; the same words for the same path in any text."""
    if not path:
        return NO_PATH
    names = [f"{hop.source} at {edit.role(hop.position)}" for hop in path if hop.source]
    return " → ".join(["step", *names, "answer"])
