"""Weight of each step on each later one and on the answer: by attention, and by suppression."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from einops import reduce
from jaxtyping import Float, Int

from mechcot.core.errors import NotMeasurable
from mechcot.core.trace import Span, Trace
from mechcot.influence.critical_set import StepInfluence
from mechcot.influence.expected_mass import ExpectedAttention, buckets, corrected
from mechcot.measures import suppression
from mechcot.measures.inputs import Inputs
from mechcot.model.attention import group_attention
from mechcot.model.reasoner import Reasoner


@dataclass(frozen=True, eq=False)
class Mass:
    """Attention mass between chain steps and to them from the token that predicts the answer.

    Attributes:
        mass: Steps are sources; steps and, last, the answer are targets. The question and the first token (sink) are no sources.
        code: Bucket of every pair, see `mechcot.influence.expected_mass`.
        even: What the source would receive if the target attended to all that it sees evenly: its tokens over the tokens that are seen.
    """

    mass: Float[np.ndarray, "layer head source target"]
    code: Int[np.ndarray, "source target"]
    even: Float[np.ndarray, "source target"]

    @property
    def relative(self) -> Float[np.ndarray, "layer head source target"]:
        """Mass over even mass: later targets see more text and leave less for each step, which is no lack of interest."""
        return self.mass / self.even.astype(self.mass.dtype)

    @property
    def null(self) -> ExpectedAttention:
        """This item's part of the null of relative mass."""
        return ExpectedAttention.of(self.relative, self.code)

    def corrected(self, every: ExpectedAttention) -> Float[np.ndarray, "layer head source target"]:
        """Relative mass over the one expected from the other items of `every`."""
        return corrected(self.relative, self.code, others=every.plus(self.null, sign=-1))


def attention_mass(reader: Reasoner, trace: Trace) -> Mass:
    """Read the attention mass of one trace. Cost: about three forwards.

    Raises:
        NotMeasurable: The chain is empty.
    """
    spans = [step.tokens for step in trace.chain_steps]
    if not spans:
        raise NotMeasurable("the chain has no steps")
    chain = trace.ids[: trace.cuts()[-1]]
    ids = (*chain, *reader.cue_after(chain))
    groups = [*spans, Span(len(ids) - 1, len(ids))]
    mass = group_attention(reader, ids, groups).mass[:, :, :-1, :]
    return Mass(mass, buckets(groups)[:-1], even_mass(groups)[:-1])


def even_mass(groups: Sequence[Span]) -> Float[np.ndarray, "source target"]:
    """Share of what each target sees, mean over its tokens, that each source makes up; 1 for empty ones."""
    sizes = np.array([max(len(group), 1) for group in groups], dtype=float)
    inverse = np.array(
        [
            np.mean(1.0 / (np.arange(group.start, max(group.stop, group.start + 1)) + 1.0))
            for group in groups
        ]
    )
    return sizes[:, None] * inverse[None, :]


def attention_weights(mass: Mass, every: ExpectedAttention) -> StepInfluence:
    """Corrected relative mass, mean over layers and heads; NaN where the source does not lie before the target."""
    return reduce(mass.corrected(every), "layer head source target -> source target", "mean")


def suppression_weights(reader: Reasoner, trace: Trace, *, seed: int) -> StepInfluence:
    """KL (nats) of every later step, and total variation of the answer in the last column.

    Cost: one forward of the trace and about half a forward per step.

    Args:
        reader: The model.
        trace: A trace in this reader's tokens.
        seed: Seed of the measure's null; the weights do not depend on it.

    Returns:
        `[step, step + 1]`, sources in rows.

    Raises:
        NotMeasurable: The chain is empty, or nothing can be hidden in this family.
    """
    measurement = suppression.measure(reader, trace, Inputs(seed=seed))
    if measurement.reason:
        raise NotMeasurable(measurement.reason)
    rows = measurement.results["kl"].values
    return np.concatenate([rows, measurement.results["answer"].values[:, None]], axis=1)
