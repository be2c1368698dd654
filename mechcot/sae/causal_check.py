"""Which latents of a crosscoder carry the change, as a value: sentences, a table, a figure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from mechcot.core.argument_kinds import checked
from mechcot.core.display import Displayed
from mechcot.core.errors import UserError
from mechcot.core.pair import Pair
from mechcot.core.store import nan_to_none
from mechcot.core.trace import Trace
from mechcot.model.reasoner import Reasoner
from mechcot.sae.crosscoder import Crosscoder, paired_states, same_tokens
from mechcot.sae.latent_changes import changes_on
from mechcot.sae.latent_replacement import replacement, replacement_lines
from mechcot.sae.latent_sides import latent_sets

if TYPE_CHECKING:
    import plotly.graph_objects as go


@dataclass(frozen=True, eq=False, repr=False)
class CausalCheck(Displayed):
    """How near the base's states come to the tuned model's output with the change of some latents.

    Attributes:
        models: Names of the models.
        rows: One a set of latents, see `mechcot.sae.latent_replacement.replacement`.
    """

    models: Pair[str]
    rows: tuple[dict[str, Any], ...]

    def __repr__(self) -> str:
        return "\n".join(replacement_lines(self.rows))

    def to_frame(self) -> pd.DataFrame:
        """One row a set: `set`, `latents`, `kl` (nats a token) with `low` and `high`, share `closed`, and the KL of `random_latents` and `random_directions`."""
        return pd.DataFrame(self.rows)

    def plot(self) -> "go.Figure":
        """KL to the tuned model's output, one line a set."""
        from mechcot.view.figures.crosscoder import replacement_figure

        return replacement_figure({"models": [*self.models], "replacement": [*self.rows]})


@checked
def causal_check(
    crosscoder: Crosscoder, readers: Pair[Reasoner], traces: Sequence[Trace], *, seed: int = 0
) -> CausalCheck:
    """Try which latents carry the change: base states with what they have changed go into the tuned model.

    Cost: a forward a trace and model, and one of the tuned model a trace, set of latents and null.

    Args:
        crosscoder: The crosscoder.
        readers: Its two models.
        traces: Chains that it was not trained on.
        seed: Of random latents, directions and intervals.

    Raises:
        UserError: The models do not fit it, read different tokens, or no latent fires.

    Example:
        >>> import mechcot as mc
        >>> pair = mc.load_pair("organism:base", "organism:bypass")
        >>> traces = pair.before.write(mc.problems("mod10", n=2))
        >>> small = mc.sae.TrainingSettings(width=16, k=4, samples=2_000, batch=256)
        >>> crosscoder = mc.sae.crosscode(pair, traces, at="resid_post.2", settings=small)
        >>> mc.sae.causal_check(crosscoder, pair, traces).rows[-1]["kl"]
        0.0
    """
    crosscoder.check(readers)
    if not traces:
        raise UserError("expected traces to try the latents on, got none")
    seen = same_tokens(readers, traces)
    states = paired_states(readers, seen, crosscoder.site)
    sets = latent_sets(changes_on(crosscoder, states, seen).latents)
    rows = replacement(crosscoder, readers.after, states, seen, sets, seed=seed)
    return CausalCheck(crosscoder.models, tuple(nan_to_none(rows)))
