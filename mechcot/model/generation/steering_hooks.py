"""Acting while a model writes: vectors added to states, logits changed, states kept. Inert data, like `interventions.py`.

A position is addressed by the token it *writes*: the state at position p writes token p + 1, so the first
token of the chain is written by the last position of the prompt. Hence

    question   positions before the last one of the prompt
    chain      from the last position of the prompt on, while the thought is open
    answer     from the position of the closing mark on

Rows of a batch are padded on one side; what is padding is never touched, and a row's text does not depend on the
other rows (floating noise aside).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mechcot.core.errors import EditDidNotFire, UserError
from mechcot.core.problem import Problem
from mechcot.core.trace import Phase, StepKind
from mechcot.model.generation.stepping import DecodingState
from mechcot.model.internals.architecture import Backbone
from mechcot.model.internals.forward import capture_taps
from mechcot.model.internals.hooks import Hook, HookPoint
from mechcot.model.internals.sites import Site
from mechcot.text.step_kinds import Classifier

RunInputs = Callable[[DecodingState, Sequence[tuple[HookPoint, Hook]]], Tensor]
"""Runs the next inputs of a batch under hooks; gives the logits of what comes after each row."""
KindsOf = Callable[[Problem], Classifier | None]
"""A problem to what names the steps of its chains; None: the openers of `mechcot.text.step_kinds.RuleClassifier`."""


def lexicon(_problem: Problem) -> None:
    """Steps are named by their openers: a step that is being written has no next one to look at."""


@dataclass(frozen=True)
class PositionSelector:
    """Selection of positions by what they write.

    Attributes:
        phases: Phases; the chain lasts until the thought is closed, that is until the answer.
        since: First written token that counts, from 0.
        until: First written token that no longer counts; None: no end.
        from_step: First step of the chain that counts, from 0.
        kinds: Kinds of the step that is being written, as far as its words tell; None: every kind. A step has no
            kind before its first token.
        step_starts: Only positions that write the first token of a step of the chain.

    Raises:
        UserError: No phases, or a range that holds nothing.

    Example:
        >>> import mechcot as mc
        >>> mc.PositionSelector(phases=(mc.Phase.CHAIN,), step_starts=True).since
        0
    """

    phases: tuple[Phase, ...] = (Phase.CHAIN,)
    since: int = 0
    until: int | None = None
    from_step: int = 0
    kinds: tuple[StepKind, ...] | None = None
    step_starts: bool = False

    def __post_init__(self) -> None:
        bad = not self.phases or min(self.since, self.from_step) < 0
        if bad or (self.until is not None and self.until <= self.since):
            raise UserError(f"expected at least one phase and 0 <= since < until, got {self}")

    @property
    def needs_steps(self) -> bool:
        """Return whether the text must be cut into steps while it is written."""
        return self.from_step > 0 or self.kinds is not None or self.step_starts


@dataclass(frozen=True, eq=False)
class Steer:
    """Add a vector to the states of one site.

    Attributes:
        site: Where in the network.
        vector: What is added (already scaled); zeros change no bit.
        where: At which positions.
    """

    site: Site
    vector: Float[Tensor, " d_model"]
    where: PositionSelector = PositionSelector()


@dataclass(frozen=True, eq=False)
class Change:
    """Edit the states of one site, each on its own.

    Attributes:
        site: Where in the network.
        edit: States `[row token d_model]` to new ones of the same shape.
        where: At which positions.
    """

    site: Site
    edit: Callable[[Tensor], Tensor]
    where: PositionSelector = PositionSelector()


@runtime_checkable
class LogitRule(Protocol):
    """A pure function from what was written to changes of the next token's logits."""

    def __call__(self, written: Sequence[int]) -> Mapping[int, float]:
        """Give token id to what is added to its logit; `written` is the chain so far, without the prompt."""
        ...


@dataclass(frozen=True, eq=False)
class GenerationInterventions:
    """Everything that acts while a model writes.

    Attributes:
        steers: Vectors, and edits of states.
        rules: Changes of logits, while the thought is open.
        keep: Sites whose states are kept, as they are after the steers.
        kinds: What names steps while they are written, and afterwards.
    """

    steers: tuple[Steer | Change, ...] = ()
    rules: tuple[LogitRule, ...] = ()
    keep: tuple[Site, ...] = ()
    kinds: KindsOf = lexicon

    def check_fired(self, lines: Sequence["WrittenRow"]) -> None:
        """See that every vector acted somewhere.

        Raises:
            EditDidNotFire: One never did.
        """
        for index, steer in enumerate(self.steers):
            if lines and not any(line.acted[index] for line in lines):
                raise EditDidNotFire(
                    f"the vector at {steer.site.name} was never added: no position of {len(lines)} texts lies in "
                    f"{steer.where}; widen the phases or the range"
                )


@dataclass
class WrittenRow:
    """One row while it is written.

    Attributes:
        prompt_length: Tokens of the prompt.
        written: New tokens so far.
        closed: The thought is closed.
        step: Number of the step that is being written.
        kind: Its kind, None before its first token.
        acted: For each steer the positions where it acted.
        changed: How many tokens were chosen under changed logits.
        states: Kept states, one tensor a forward.
    """

    prompt_length: int
    acted: list[list[int]]
    written: list[int] = field(default_factory=list)
    closed: bool = False
    step: int = 0
    kind: StepKind | None = None
    changed: int = 0
    states: dict[Site, list[Tensor]] = field(default_factory=dict)

    def covers(self, where: PositionSelector, position: int) -> bool:
        """Return whether a position of the next forward is meant."""
        writes = position - self.prompt_length + 1
        if writes < 0:
            return Phase.QUESTION in where.phases
        if (Phase.ANSWER if self.closed else Phase.CHAIN) not in where.phases:
            return False
        if writes < where.since or (where.until is not None and writes >= where.until):
            return False
        if where.step_starts and self.kind is not None:
            return False
        return self.step >= where.from_step and (where.kinds is None or self.kind in where.kinds)


@dataclass(frozen=True)
class TextRules:
    """Facts about a text that must be known while it is written.

    Attributes:
        closed: New tokens to whether the thought is closed.
        step: Row number in the batch and new tokens to (number, kind) of the step that is being written.
    """

    closed: Callable[[Sequence[int]], bool]
    step: Callable[[int, Sequence[int]], tuple[int, StepKind | None]]


class Session:
    """Interventions at work on one batch."""

    def __init__(
        self,
        interventions: GenerationInterventions,
        backbone: Backbone,
        reading: TextRules,
        prompts: Sequence[Sequence[int]],
    ) -> None:
        """Look the sites up, so that a wrong one fails before anything runs.

        Raises:
            UserError: A site is not in the model, or a vector has another width.
        """
        self._interventions, self._backbone, self._reading = interventions, backbone, reading
        self.lines = [
            WrittenRow(len(prompt), [[] for _ in interventions.steers]) for prompt in prompts
        ]
        self._steps = any(steer.where.needs_steps for steer in interventions.steers)
        for steer in interventions.steers:
            backbone.place(steer.site)
            if isinstance(steer, Steer) and steer.vector.shape != (backbone.d_model,):
                raise UserError(
                    f"the model is {backbone.d_model} wide, the vector has shape {tuple(steer.vector.shape)}"
                )

    def run(self, state: DecodingState, forward: RunInputs) -> Float[Tensor, "row d_vocab"]:
        """Run the next inputs under the hooks; gives the logits under the rules."""
        taps = self.taps(state.rows, state.positions, state.real)
        return self.logits(state.rows, forward(state, taps))

    def taps(
        self, rows: Sequence[int], positions: Tensor, real: Tensor
    ) -> list[tuple[HookPoint, Hook]]:
        """The hooks of one forward."""
        taps: list[tuple[HookPoint, Hook]] = []
        for index, steer in enumerate(self._interventions.steers):
            mask = self._mask(index, steer.where, rows, positions, real)
            if bool(mask.any()):
                taps.append((self._backbone.place(steer.site), _acting(steer, mask)))
        return taps + [
            tap for site in self._interventions.keep for tap in self._keeping(site, rows, real)
        ]

    def logits(
        self, rows: Sequence[int], logits: Float[Tensor, "row d_vocab"]
    ) -> Float[Tensor, "row d_vocab"]:
        """The logits under the rules."""
        for place, row in enumerate(rows):
            line = self.lines[row]
            if line.closed:
                continue
            changes = [
                change
                for rule in self._interventions.rules
                for change in rule(line.written).items()
            ]
            for token, change in changes:
                logits[place, token] += change
            line.changed += any(change for _, change in changes)
        return logits

    def wrote(self, row: int, token: int) -> None:
        """Take notice of a new token."""
        line = self.lines[row]
        line.written.append(token)
        line.closed = line.closed or self._reading.closed(line.written)
        if self._steps and not line.closed:
            line.step, line.kind = self._reading.step(row, line.written)

    def _mask(
        self,
        index: int,
        where: PositionSelector,
        rows: Sequence[int],
        positions: Tensor,
        real: Tensor,
    ) -> Bool[Tensor, "row token"]:
        mask = torch.zeros(positions.shape, dtype=torch.bool)
        for place, (row, at, is_real) in enumerate(
            zip(rows, positions.tolist(), real.tolist(), strict=True)
        ):
            line = self.lines[row]
            for column, position in enumerate(at):
                if is_real[column] and line.covers(where, position):
                    mask[place, column] = True
                    line.acted[index].append(position)
        return mask.to(positions.device)

    def _keeping(
        self, site: Site, rows: Sequence[int], real: Tensor
    ) -> list[tuple[HookPoint, Hook]]:
        lines = [self.lines[row] for row in rows]

        def keep(states: Tensor) -> Tensor:
            for line, row, is_real in zip(lines, states, real.bool(), strict=True):
                line.states.setdefault(site, []).append(row[is_real].clone())
            return states

        return capture_taps(self._backbone, [site], {}, keep=keep)


def _acting(steer: Steer | Change, mask: Bool[Tensor, "row token"]) -> Hook:
    def tap(states: Tensor) -> Tensor:
        new = states + steer.vector.to(states) if isinstance(steer, Steer) else steer.edit(states)
        return torch.where(mask[..., None].to(states.device), new, states)

    return tap
