"""Quality of a dictionary as a stand-in for a model's states, on chains it was not trained on.

Explained variance is 1 - sum |x - x'|^2 / sum |x - mean x|^2 over tokens, with x' = decode(encode(x)); L0 is the number of
features above 0 per token; the dead share is that of features which fire on no token. Loss recovered is

    1 - (CE(x' written) - CE) / (CE(baseline written) - CE)

with zeros (as in Bricken et al. 2023, Towards Monosemanticity) and the mean state (stricter) as baselines; CE in
nats over the tokens of chain and answer, written at every token but the first.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from mechcot.core.argument_kinds import checked
from mechcot.core.display import Displayed
from mechcot.core.errors import UserError
from mechcot.core.trace import Trace
from mechcot.model.interventions import Edit, Intervention, Mean, Zero
from mechcot.model.reasoner import Reasoner
from mechcot.sae.dictionary import Dictionary, Reconstruct
from mechcot.sae.token_states import TokenStates, features_of, token_states

if TYPE_CHECKING:
    import plotly.graph_objects as go


@dataclass(frozen=True, repr=False)
class Evaluation(Displayed):
    """The fit on one side.

    Attributes:
        model: Whose states.
        tokens: Tokens read.
        explained_variance: Share of the states' variance; NaN where they do not vary.
        l0: Features per token.
        dead_share: Share of features that never fire.
        loss: Cross-entropy in nats per token of chain and answer, as the model is.
        loss_spliced: The same with the reconstruction written in.
        recovered_zero: Loss recovered against zeros.
        recovered_mean: Loss recovered against the mean state.
    """

    model: str
    tokens: int
    explained_variance: float
    l0: float
    dead_share: float
    loss: float
    loss_spliced: float
    recovered_zero: float
    recovered_mean: float

    def to_json(self) -> dict[str, float | int | str | None]:
        """As data; None for what is not a number."""
        return {k: None if v != v else v for k, v in asdict(self).items()}

    def to_frame(self) -> pd.DataFrame:
        """One row a number: `name` and `value`."""
        numbers = [(name, value) for name, value in asdict(self).items() if name != "model"]
        return pd.DataFrame(numbers, columns=["name", "value"])

    def plot(self) -> "go.Figure":
        """The shares: explained variance, loss recovered, dead features."""
        from mechcot.view.figures.results import named_numbers

        shares = ["explained_variance", "recovered_zero", "recovered_mean", "dead_share"]
        table = self.to_frame().set_index("name").loc[shares].dropna().reset_index()
        note = f"on {self.tokens} tokens of {self.model}; share, no interval"
        return named_numbers(table, measure="fit of a dictionary", note=note)

    def __repr__(self) -> str:
        return (
            f"{self.model}: explained variance {self.explained_variance:.3f} at L0 {self.l0:.1f}, dead {self.dead_share:.0%}; "
            f"loss recovered {self.recovered_zero:.3f} (against the mean state {self.recovered_mean:.3f}), "
            f"{self.loss:.4f} -> {self.loss_spliced:.4f} nats a token; {self.tokens} tokens"
        )


@checked
def evaluate(dictionary: Dictionary, reader: Reasoner, traces: Sequence[Trace]) -> Evaluation:
    """Measure the fit on one model. Cost: five forwards a trace.

    Args:
        dictionary: The dictionary.
        reader: Whose states.
        traces: Chains that it was not trained on; states of all phases are read but the first token's.

    Raises:
        UserError: The dictionary does not fit the model, or no feature ever fires.

    Example:
        >>> import mechcot as mc
        >>> base = mc.load("organism:base")
        >>> traces = base.write(mc.problems("mod10", n=2))
        >>> small = mc.sae.TrainingSettings(width=16, k=4, samples=2_000, batch=256)
        >>> dictionary = mc.sae.train_on([base], traces, at="resid_post.2", settings=small)
        >>> mc.sae.evaluate(dictionary, base, traces).l0 > 0
        True
    """
    dictionary.check(reader)
    if not traces:
        raise UserError("expected traces to measure the fit on, got none")
    tokens = token_states(reader, traces, dictionary.site)
    variance, l0, dead = _reconstruction(dictionary, tokens)
    if dead == 1.0:
        raise UserError(
            f"no feature of {dictionary.name} fires on any of {len(tokens)} tokens of {reader.name}; it is dead or made for another model"
        )
    edits: tuple[Edit | None, ...] = (
        None,
        Reconstruct(dictionary),
        Zero(),
        Mean(tokens.states.mean(dim=0)),
    )
    plain, spliced, zero, mean = (loss(reader, traces, dictionary, edit) for edit in edits)
    return Evaluation(
        model=reader.name,
        tokens=len(tokens),
        explained_variance=variance,
        l0=l0,
        dead_share=dead,
        loss=plain,
        loss_spliced=spliced,
        recovered_zero=_recovered(plain, spliced, zero),
        recovered_mean=_recovered(plain, spliced, mean),
    )


def _recovered(plain: float, spliced: float, baseline: float) -> float:
    """Loss recovered; NaN where the baseline does not change the loss, so that there is nothing to recover."""
    return 1 - (spliced - plain) / (baseline - plain) if baseline != plain else math.nan


def explained_variance(
    states: Float[Tensor, "token d_model"], reconstruction: Float[Tensor, "token d_model"]
) -> float:
    """Share of the states' variance that a reconstruction explains; NaN where they do not vary."""
    spread = states - states.mean(dim=0)
    total, size, left = (
        float(numbers.double().square().sum())
        for numbers in (spread, states, states - reconstruction)
    )
    varies = total > size * (64 * torch.finfo(torch.float32).eps) ** 2  # not by rounding alone
    return 1 - left / total if varies else math.nan


def _reconstruction(dictionary: Dictionary, tokens: TokenStates) -> tuple[float, float, float]:
    """Explained variance, L0 and dead share."""
    features = features_of(dictionary, tokens.states)
    written = dictionary.decode(torch.from_numpy(features))
    fires = features > 0
    return (
        explained_variance(tokens.states, written),
        float(fires.sum(axis=1).mean()),
        float(1 - fires.any(axis=0).mean()),
    )


def loss(
    reader: Reasoner, traces: Sequence[Trace], dictionary: Dictionary, edit: Edit | None
) -> float:
    """Mean cross-entropy over the tokens of chain and answer, in nats, with an edit at every token but the first.

    Args:
        reader: Who scores the texts.
        traces: The texts.
        dictionary: Gives the site.
        edit: What is written there; None: nothing.
    """
    scores = []
    for trace in traces:
        at = tuple(range(1, len(trace)))
        under = [] if edit is None else [Intervention(dictionary.site, at, edit)]
        scores.append(reader.prefix(trace.ids, under=under).logprobs()[trace.prompt_length :])
    return -float(np.mean(torch.cat(scores).double().cpu().numpy()))
