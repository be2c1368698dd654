"""How much of a step's effect on the answer each component carries: from one gradient, and exactly.

    estimate[c] = sum over the tokens t from the step on of (edited[c, t] - clean[c, t]) . d M / d clean[c, t]  / swing
    exact[c]    = (M(clean run in which c is given what it gives in the edited run) - M(clean run)) / swing

M and swing: `mechcot.circuits.step_edit`. What a whole block gives includes what it passes on: its effect is that of everything up to it.
Null: each component's difference turned to a random direction of the same length at every token. Source: Nanda 2023 (attribution patching); Syed et al. 2023 (arXiv 2310.10348).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mechcot.circuits.components import Anatomy, Component, KeptRun, kept_run
from mechcot.circuits.step_edit import StepEdit
from mechcot.model.interface import Scorer
from mechcot.model.internals.hooks import Hook
from mechcot.model.prefix.cached_run import Run
from mechcot.model.prefix.lockstep import one_path
from mechcot.model.prefix.memory import in_parts


@dataclass(frozen=True, eq=False)
class StepRuns:
    """The clean and the edited run of a text.

    Attributes:
        edit: The texts.
        clean: The first run.
        edited: The second.
    """

    edit: StepEdit
    clean: KeptRun
    edited: KeptRun

    @classmethod
    def of(cls, reader: Scorer, anatomy: Anatomy, edit: StepEdit) -> "StepRuns":
        """Run both. Cost: two forwards."""
        clean, edited = (kept_run(reader, anatomy, ids) for ids in (edit.clean, edit.edited))
        return cls(edit, clean, edited)

    @property
    def margin(self) -> Tensor:
        """M of the clean run, with its graph."""
        return margin(self.clean.logprobs, self.edit)

    @property
    def swing(self) -> float:
        """What turns M around."""
        return -2 * float(self.margin.detach())

    @property
    def whole(self) -> float:
        """The effect of the edited text, a share of the swing."""
        after = float(margin(self.edited.logprobs, self.edit).detach())
        return (after - float(self.margin.detach())) / self.swing

    def moved(self, part: Component) -> Float[Tensor, "token width"]:
        """What a component gives in the edited run less what it gives in the clean one."""
        return (self.edited.value(part) - self.clean.value(part)).detach()


def margin(logprobs: Float[Tensor, "*row d_vocab"], edit: StepEdit) -> Float[Tensor, "*row"]:
    """M of log-probabilities of the answer's first token."""
    return logprobs[..., edit.other] - logprobs[..., edit.own]


@dataclass(frozen=True, eq=False)
class Estimates:
    """Estimated effects, shares of the swing.

    Attributes:
        values: One a component.
        null: The same of random directions.
    """

    values: Float[np.ndarray, " component"]
    null: Float[np.ndarray, " component"]


def estimates(runs: StepRuns, parts: Sequence[Component], *, seed: int) -> Estimates:
    """The effect of every component from one backward."""
    holders = {id(holder): holder for holder in map(runs.clean.holder, parts)}
    slopes = torch.autograd.grad(runs.margin, [*holders.values()], retain_graph=True)
    slope_of = dict(zip(holders, slopes, strict=True))
    draw = torch.Generator().manual_seed(seed)
    effects, null = [], []
    for part in parts:
        columns = runs.clean.anatomy.tap(part)[1]
        slope = slope_of[id(runs.clean.holder(part))][0, :, columns]
        moved = runs.moved(part)
        random = torch.randn(moved.shape, generator=draw).to(moved)
        turned = random / random.norm(dim=-1, keepdim=True) * moved.norm(dim=-1, keepdim=True)
        for row, change in ((effects, moved), (null, turned)):
            row.append(float((change * slope).double().sum()) / runs.swing)
    return Estimates(np.array(effects), np.array(null))


def exact_effects(
    reader: Scorer, runs: StepRuns, parts: Sequence[Component]
) -> Float[np.ndarray, " component"]:
    """The effect of every component by patching it alone.

    Cost: two forwards a component: with what it gives in the edited run and, on the same kernel path, with its own.

    Args:
        reader: The model.
        runs: Both runs.
        parts: The components.
    """

    def margins(source: KeptRun) -> Float[np.ndarray, " component"]:
        return np.concatenate(_patched(reader, runs.edit, source, parts))

    patched, own = one_path(lambda: margins(runs.edited), lambda: margins(runs.clean))
    return (patched - own) / runs.swing


def _patched(
    reader: Scorer, edit: StepEdit, source: KeptRun, parts: Sequence[Component]
) -> list[Float[np.ndarray, " part"]]:
    """M of clean runs in which one component a row is given what it gives in another run."""
    anatomy = source.anatomy
    backbone = anatomy.backbone

    def run(rows: list[int]) -> Float[np.ndarray, " part"]:
        taps = [
            (place, _write(row, columns, source.value(parts[index]).detach(), since=min(edit.at)))
            for row, index in enumerate(rows)
            for place, columns in [anatomy.tap(parts[index])]
        ]
        ids = [edit.clean] * len(rows)
        hidden = Run(backbone, start=0, rows=ids, acts=[()], watching=taps, path="causal").go(cache=None)  # fmt: skip
        logprobs = backbone.unembed(hidden[:, -1], scale=float(reader.logit_scale))
        return margin(logprobs, edit).double().cpu().numpy()

    return in_parts([len(edit.clean)] * len(parts), run, limit=backbone.rows)


def _write(row: int, columns: slice, values: Tensor, *, since: int) -> Hook:
    def tap(batch: Tensor) -> Tensor:
        batch = batch.clone()
        batch[row, since:, columns] = values[since:].to(batch)
        return batch

    return tap


def run_identity(runs: StepRuns, reader: Scorer, parts: Sequence[Component]) -> float:
    """The largest effect, estimated or exact, of giving components their own values: exactly 0."""
    same = StepRuns(runs.edit, runs.clean, runs.clean)
    guess = np.abs(estimates(same, parts, seed=0).values).max()
    return float(max(guess, np.abs(exact_effects(reader, same, parts[:2])).max()))
