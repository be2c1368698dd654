"""Features on the tokens of chains, and what they come to by step."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from mechcot.core.trace import Phase, Trace
from mechcot.model.reasoner import Reasoner
from mechcot.sae.dictionary import Dictionary
from mechcot.sae.token_states import features_of, token_states


@dataclass(frozen=True, eq=False)
class FeatureActivations:
    """Features of one reader on the chain tokens of some traces.

    Attributes:
        traces: The traces.
        values: Activation of every feature at every chain token.
        trace: Index of each token's trace.
        step: Index of each token's step in its trace.
        position: Absolute position of each token.
    """

    traces: tuple[Trace, ...]
    values: Float[np.ndarray, "token feature"]
    trace: Int[np.ndarray, " token"]
    step: Int[np.ndarray, " token"]
    position: Int[np.ndarray, " token"]

    @cached_property
    def bounds(self) -> Int[np.ndarray, " step"]:
        """First row of every step."""
        new = np.diff(self.trace) != 0
        new |= np.diff(self.step) != 0
        return np.concatenate([[0], np.flatnonzero(new) + 1])

    @cached_property
    def steps(self) -> Float[np.ndarray, "step feature"]:
        """Mean activation of every feature over every step's tokens."""
        lengths = np.diff(np.append(self.bounds, len(self.values)))
        return np.add.reduceat(self.values, self.bounds, axis=0) / lengths[:, None]

    @cached_property
    def step_trace(self) -> Int[np.ndarray, " step"]:
        """Index of each step's trace."""
        return self.trace[self.bounds]

    @cached_property
    def kinds(self) -> np.ndarray:
        """Kind of each step, as text."""
        return np.array(
            [
                str(self.traces[t].steps[s].kind)
                for t, s in zip(self.trace[self.bounds], self.step[self.bounds], strict=True)
            ]
        )

    @cached_property
    def token_kinds(self) -> np.ndarray:
        """Kind of each token's step, as text."""
        return np.repeat(self.kinds, np.diff(np.append(self.bounds, len(self.values))))

    @cached_property
    def ids(self) -> Int[np.ndarray, " token"]:
        """Token id of each token."""
        return np.array(
            [self.traces[t].ids[p] for t, p in zip(self.trace, self.position, strict=True)],
            dtype=np.int64,
        )

    @cached_property
    def by_trace(self) -> Float[np.ndarray, "trace feature"]:
        """Mean activation of every feature over every trace's chain."""
        return np.stack(
            [self.values[self.trace == number].mean(axis=0) for number in range(len(self.traces))]
        )

    @cached_property
    def by_problem(self) -> Float[np.ndarray, "problem feature"]:
        """Mean activation of every feature over the chains of every problem, in the order of their first chains."""
        names = [trace.problem.id for trace in self.traces]
        return pd.DataFrame(self.by_trace).groupby(names, sort=False).mean().to_numpy()


def read_features(
    dictionary: Dictionary, reader: Reasoner, traces: Sequence[Trace]
) -> FeatureActivations:
    """Read the features of every chain token. Traces without a chain are left out. Cost: one forward a trace."""
    kept = [trace for trace in traces if len(trace.phase(Phase.CHAIN))]
    tokens = token_states(reader, kept, dictionary.site, phases=(Phase.CHAIN,))
    values = features_of(dictionary, tokens.states)
    return FeatureActivations(tuple(kept), values, tokens.trace, tokens.step, tokens.position)


def selectivity(
    steps: Float[np.ndarray, "step feature"], inside: Bool[np.ndarray, " step"]
) -> Float[np.ndarray, " feature"]:
    """Cohen's d of the activation on some steps against all others; 0 where a feature never varies."""
    within, other = steps[inside], steps[~inside]
    if len(within) < 2 or len(other) < 2:
        return np.zeros(steps.shape[1])
    variance = (len(within) - 1) * within.var(axis=0, ddof=1) + (len(other) - 1) * other.var(
        axis=0, ddof=1
    )
    spread = np.sqrt(variance / (len(steps) - 2))
    gap = within.mean(axis=0) - other.mean(axis=0)
    return np.divide(gap, spread, out=np.zeros(len(gap)), where=spread > 0)
