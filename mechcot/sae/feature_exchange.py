"""How many features carry a stated value, of one model or several, as a result."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from mechcot.core.display import Displayed
from mechcot.core.trace import Trace
from mechcot.model.reasoner import Reasoner
from mechcot.sae.dictionary import Dictionary
from mechcot.sae.feature_patching import patch_lines, patched
from mechcot.tasks import task_of

if TYPE_CHECKING:
    import plotly.graph_objects as go


@dataclass(frozen=True, eq=False, repr=False)
class FeatureExchange(Displayed):
    """Movement of the answer when k features of a stated value are exchanged.

    Attributes:
        curves: One entry a model, see `mechcot.sae.feature_patching.patched`.
    """

    curves: tuple[dict[str, Any], ...]

    def __repr__(self) -> str:
        return "\n".join(line for curve in self.curves for line in patch_lines(curve))

    def to_frame(self) -> pd.DataFrame:
        """One row per `model`, number of features `k` and `features`.

        `features` are those that differ most, `random` ones that differ, `all`, or the `whole state`; `mean` movement of the predicted answer's probability with
        its 95 % bootstrap interval `low` and `high`, over `traces`.
        """
        rows = []
        for curve in self.curves:
            head = {"model": curve["model"], "site": curve["site"], "traces": curve["traces"]}
            for features, key in (("differ most", "effect"), ("random", "random")):
                rows += [
                    head | {"features": features, "k": k} | numbers
                    for k, numbers in zip(curve["counts"], curve[key], strict=True)
                ]
            rows.append(head | {"features": "all"} | curve["all_features"])
            rows.append(head | {"features": "whole state"} | curve["whole"])
        return pd.DataFrame(rows)

    def plot(self) -> "go.Figure":
        """Movement of the answer against the number of exchanged features, one panel a model."""
        from mechcot.view.plot import exchanged

        return exchanged(self.curves)


def exchange(
    dictionary: Dictionary,
    readers: Iterable[Reasoner],
    traces: Sequence[Trace],
    *,
    seed: int = 0,
) -> FeatureExchange:
    """Give k features of each stated value their counterfactual's values, and watch the answer.

    Cost: two forwards a trace, and two partial ones of 16 rows per stated value.

    Args:
        dictionary: The dictionary.
        readers: The models that are patched.
        traces: Chains whose task knows counterfactuals; those that cannot be patched are counted and left out.
        seed: Of the counterfactuals, the random features and the intervals.

    Raises:
        UserError: The dictionary does not fit a model, or fewer than two traces can be patched.

    Example:
        >>> import mechcot as mc
        >>> base = mc.load("organism:base")
        >>> traces = base.write(mc.problems("mod10", n=3))
        >>> small = mc.sae.TrainingSettings(width=16, k=4, samples=2_000, batch=256)
        >>> dictionary = mc.sae.train_on([base], traces, at="resid_post.0", settings=small)
        >>> mc.sae.exchange(dictionary, [base], traces).to_frame()["mean"].iloc[0] == 0  # no feature, no movement
        np.True_
    """
    curves = []
    for reader in readers:
        dictionary.check(reader)
        seen = [reader.view(trace) for trace in traces]
        maker = task_of(seen[0].problem).counterfactuals if seen else None
        curves.append(patched(dictionary, reader, seen, maker=maker, seed=seed))
    return FeatureExchange(tuple(curves))
