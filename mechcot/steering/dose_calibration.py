"""Doses in nats instead of factors, so that vectors, sites and models can be compared.

    KL(gamma)   = mean over written tokens t of KL(p_t || p_t under gamma v), on the model's own clean chains
    gamma_max   = sqrt(2 eps / E_t Var_{p_t}[(J v)_t])          second order in gamma
    gamma*(eps) = the least gamma with KL(gamma) = eps, by bisection from gamma_max on

KL(gamma) need not rise all the way, and it saturates: behind a norm a huge vector leaves its direction alone. So a dose is given up only
after a scan of factors up to 256 times the states' own length; `DoseCalibrator.nearest` then gives the factor that comes nearest to it. A crossing
below the one that bisection found is looked for at four factors, down to a quarter.

A clamp is dosed by its level in place of gamma, by bisection alone; level 0 is no dose of 0, it takes the feature away.

J v is the change of the logits of one whole forward with v added at *all* steered positions at once, by a central
difference. The variance form is *ours*. All tokens of the completion count, whatever positions
are steered, so that a dose put on the question and one put on the chain mean the same.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mechcot.core.errors import EditDidNotFire, NotMeasurable, UserError
from mechcot.core.trace import Phase, Trace
from mechcot.core.wording import count_of
from mechcot.model.distances import kl
from mechcot.model.generation.steering_hooks import KindsOf, PositionSelector, lexicon
from mechcot.model.generation.write_traces import StepNow, step_now
from mechcot.model.interventions import Intervention
from mechcot.model.prefix.prefix import Prefix
from mechcot.model.reasoner import Reasoner
from mechcot.stats.dose_tolerance import OFF
from mechcot.steering.vectors import SteeringVector

LARGEST = 2.0**8
_STEPS = 40
SCAN = tuple(2.0 ** (k / 2) for k in range(-8, 17))
"""Factors that are tried before a dose is given up, in lengths of the states (for a clamp: levels)."""
BELOW = tuple(2.0 ** (-k / 2) for k in range(4, 0, -1))
"""Shares of a factor at which an earlier crossing is looked for."""
FLAT = 0.01
"""Of factors whose doses differ from the nearest one by this share at most, the least is taken."""


class OutOfReach(UserError):  # noqa: N818 - names a state, like `NotMeasurable`
    """No factor of a vector gives the dose: its effect saturates below."""


class Overflow(UserError):  # noqa: N818 - names a state, like `NotMeasurable`
    """A factor makes the states overflow."""


@dataclass(frozen=True)
class Dose:
    """A dose and what it comes to.

    Attributes:
        nats: The dose that was asked for.
        gamma: Factor on the vector.
        gamma_max: The same from the second-order expansion alone.
        kl: Measured mean KL in nats.
        kl_low: The same on the chain where it is least.
        kl_high: The same on the chain where it is largest.
        kl_max: Largest KL of one token.
        relative: gamma ||v|| / mean ||h|| at the steered positions; for a clamp of what a state without the feature gets.
    """

    nats: float
    gamma: float
    gamma_max: float
    kl: float
    kl_low: float
    kl_high: float
    kl_max: float
    relative: float


@dataclass(frozen=True)
class _Measured:
    """KL in nats under one factor: mean over tokens, ends of the chains' means, largest token."""

    mean: float
    low: float
    high: float
    largest: float


@dataclass(frozen=True, eq=False)
class _Chain:
    """A clean chain, its states after the final norm, and the positions that would be steered."""

    prefix: Prefix
    first: int
    at: tuple[int, ...]
    norm: float


class DoseCalibrator:
    """Doses of one vector on one model's clean chains."""

    def __init__(
        self,
        reasoner: Reasoner,
        traces: Sequence[Trace],
        vector: SteeringVector,
        where: PositionSelector,
        *,
        kinds: KindsOf = lexicon,
        how: str = "add",
    ) -> None:
        """Run the chains once, clean; `kinds` names their steps as a hand's does, `how` is `add` or `clamp`.

        Raises:
            UserError: No traces.
            EditDidNotFire: No position of any chain is meant.
        """
        if not traces:
            raise UserError(
                "expected at least one clean chain to measure a dose on, got none; let the model write some"
            )
        self._reasoner, self._vector, self._how = reasoner, vector, how
        self._chains: list[_Chain] = []
        self._seen: dict[float, _Measured] = {}
        for trace in traces:
            at = positions(reasoner, trace, where, kinds=kinds)
            if at:
                states = reasoner.states(trace.ids, [vector.site])[vector.site]
                norm = float(states[list(at)].norm(dim=-1).mean())
                first = trace.prompt_length - 1
                self._chains.append(_Chain(reasoner.prefix(trace.ids), first, at, norm))
        if not self._chains:
            raise EditDidNotFire(
                f"none of {count_of(len(traces), 'chain')} has a position in {where}; widen the phases or the range"
            )

    @property
    def whole(self) -> float:
        """The factor that makes the vector as long as the states it is added to; 1 for a clamp, whose factor is a level."""
        if self._how == "clamp":
            return 1.0
        norm = sum(chain.norm for chain in self._chains) / len(self._chains)
        return norm / self._vector.norm if self._vector.norm else math.inf

    def measure(self, gamma: float) -> tuple[float, float]:
        """Mean and largest KL in nats under a factor.

        Raises:
            Overflow: The states overflow.
        """
        measured = self._measured(gamma)
        return measured.mean, measured.largest

    def _measured(self, gamma: float) -> _Measured:
        if gamma not in self._seen:
            self._seen[gamma] = self._run(gamma)
        return self._seen[gamma]

    def _run(self, gamma: float) -> _Measured:
        by_chain = []
        for chain in self._chains:
            try:
                steered = self._steered(chain, gamma)
            except NotMeasurable:
                raise Overflow(_overflow(gamma)) from None
            clean = chain.prefix.hidden[chain.first : -1]
            by_chain.append(kl(clean, steered[chain.first : -1], chain.prefix.unembed))
        together = torch.cat(by_chain)
        if not bool(torch.isfinite(together).all()):
            raise Overflow(_overflow(gamma))
        means = [float(chain_kl.mean()) for chain_kl in by_chain]
        return _Measured(float(together.mean()), min(means), max(means), float(together.max()))

    def gamma_max(self, nats: float, *, share: float = 1e-2) -> float:
        """The factor by the second-order expansion; infinity when the vector moves no logit, or for a clamp.

        Args:
            nats: The dose.
            share: Half width of the central difference, as a share of the states' norm.
        """
        length = self._vector.norm
        if length == 0 or self._how == "clamp":
            return math.inf
        variances = []
        for chain in self._chains:
            half = share * chain.norm / length
            unembed, first = chain.prefix.unembed, chain.first
            up, down = (
                unembed(self._steered(chain, sign * half)[first:-1]).double()
                for sign in (1.0, -1.0)
            )
            p = unembed(chain.prefix.hidden[first:-1]).double().exp()
            slope = (up - down) / (2 * half)  # log-probabilities differ from logits by a constant
            mean = (p * slope).sum(dim=-1, keepdim=True)
            variances.append((p * (slope - mean) ** 2).sum(dim=-1))
        variance = float(torch.cat(variances).mean())
        return math.sqrt(2 * nats / variance) if variance > 0 else math.inf

    def dose(self, nats: float) -> Dose:
        """Find the factor that gives a dose.

        Raises:
            UserError: A negative dose.
            OutOfReach: No factor reaches it.
        """
        if nats < 0 or not math.isfinite(nats):
            raise UserError(
                f"expected a dose of 0 nats or more, got {nats}; turn the vector round to push the other way"
            )
        if self._how == "clamp" and not self.measure(0.0)[0] < nats:
            raise OutOfReach(
                f"holding the feature at 0 gives more than {nats:g} nats already; take a larger dose, or add the vector"
            )
        if nats == 0:
            return Dose(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
        start = self.gamma_max(nats)
        return self.at(self._root(nats, start), nats=nats, gamma_max=start)

    def nearest(self, nats: float) -> Dose:
        """Find the factor that gives a dose, or where none does the one that comes nearest to it; `kl` says what it gives.

        Raises:
            UserError: A negative dose.
        """
        try:
            return self.dose(nats)
        except OutOfReach:
            doses = self._scan() | {0.0: self.measure(0.0)[0]}
        best = min(doses.values(), key=lambda given: abs(given - nats))
        gamma = min(g for g, given in doses.items() if abs(given - best) <= FLAT * best)
        return self.at(gamma, nats=nats, gamma_max=self.gamma_max(nats))

    def at(self, gamma: float, *, nats: float, gamma_max: float) -> Dose:
        """Return what a given factor comes to, measured.

        Args:
            gamma: Factor on the vector, or the clamp's level.
            nats: The dose that was asked for; only noted.
            gamma_max: The factor by the second-order expansion; only noted.
        """
        result = self._measured(gamma)
        norm = sum(chain.norm for chain in self._chains) / len(self._chains)
        relative = gamma * self._vector.norm / norm
        measured = (result.mean, result.low, result.high, result.largest)
        return Dose(nats, gamma, gamma_max, *measured, relative)

    def _root(self, nats: float, start: float) -> float:
        """The least factor that gives a dose, as far as the factors that are tried tell."""
        low, high = self._bracket(nats, start if math.isfinite(start) else self.whole)
        root = self._bisected(nats, low, high)
        below = [share * root for share in BELOW]
        early = next((g for g in below if self.measure(g)[0] > (1 + OFF) * nats), None)
        return root if early is None else self._bisected(nats, 0.0, early)

    def _bracket(self, nats: float, start: float) -> tuple[float, float]:
        """Two factors that give less and at least a dose: by doubling, then by a scan.

        Raises:
            OutOfReach: None of the factors gives it.
        """
        low, high = 0.0, start
        while 0 < high <= LARGEST * start < math.inf:
            try:
                if self.measure(high)[0] >= nats:
                    return low, high
            except Overflow:
                break
            low, high = high, 2 * high
        doses = self._scan()
        low = 0.0
        for gamma, given in doses.items():
            if given >= nats:
                return low, gamma
            low = gamma
        most = max(doses, key=lambda gamma: doses[gamma], default=0.0)
        most_given = (
            f"{doses[most]:.3g} nats, at {most / self.whole:.3g} times the states' own length"
            if most
            else "0"
        )
        raise OutOfReach(
            f"no factor of the vector at {self._vector.site.name} gives {nats:g} nats on these chains (the most is {most_given}); "
            "choose another site or a smaller dose"
        )

    def _scan(self) -> dict[float, float]:
        """Dose of each factor of `SCAN`, up to the first that makes the states overflow."""
        doses: dict[float, float] = {}
        for share in SCAN if math.isfinite(self.whole) else ():
            gamma = share * self.whole
            try:
                doses[gamma] = self.measure(gamma)[0]
            except Overflow:
                break
        return doses

    def _bisected(self, nats: float, low: float, high: float) -> float:
        """Bisection in log gamma between a factor that gives less than a dose and one that gives as much or more."""
        for _ in range(_STEPS):
            middle = math.sqrt(low * high) if low else high / 2
            given = self.measure(middle)[0]
            if abs(given - nats) <= OFF * nats:
                return middle
            low, high = (middle, high) if given < nats else (low, middle)
        return high

    def _steered(self, chain: _Chain, gamma: float) -> Tensor:
        edit = self._vector.edit(gamma, self._how)
        under = [Intervention(self._vector.site, chain.at, edit)]
        return self._reasoner.prefix(chain.prefix.ids, under=under).hidden


def _overflow(gamma: float) -> str:
    return f"a factor of {gamma:g} on the vector makes the model's states overflow; lower the dose"


def positions(
    reasoner: Reasoner, trace: Trace, where: PositionSelector, *, kinds: KindsOf = lexicon
) -> tuple[int, ...]:
    """The positions of a finished text where a hand acts while it is written.

    Cost: none; with `where.kinds`, one reading of the text a token.

    Returns:
        Absolute positions, rising; each is the one that writes the token after it.
    """
    chain_stop = trace.phase(Phase.CHAIN).stop
    prompt = trace.ids[: trace.prompt_length]
    now = step_now(reasoner, trace.problem, prompt, kinds(trace.problem))
    meant = []
    for position in range(len(trace.ids)):
        writes = position + 1 - trace.prompt_length
        if writes < 0:
            phase = Phase.QUESTION
        else:
            phase = Phase.CHAIN if position < chain_stop else Phase.ANSWER
        if phase not in where.phases:
            continue
        if phase is Phase.QUESTION:
            meant.append(position)
        elif where.since <= writes < (where.until or math.inf):
            written = trace.ids[trace.prompt_length : position + 1]
            if not where.needs_steps or _step_meant(trace, where, position, now, written):
                meant.append(position)
    return tuple(meant)


def _step_meant(
    trace: Trace, where: PositionSelector, position: int, now: StepNow, written: Sequence[int]
) -> bool:
    """Return whether the step that a position writes is meant; in the answer the last step of the chain stays the present one."""
    if where.kinds is not None:
        index, kind = now(written) if written else (0, None)
        inside = kind is not None
    else:
        steps = [s for s in trace.chain_steps if s.tokens]
        index = next((i for i, s in enumerate(steps) if position + 1 < s.tokens.stop), len(steps))
        inside = index < len(steps) and position + 1 > steps[index].tokens.start
        kind = None
    if where.step_starts and inside:
        return False
    return index >= where.from_step and (where.kinds is None or kind in where.kinds)
