"""Whose are the latents of a crosscoder: the base's, the tuned model's, or both's; and on which steps do they work?

By the share of a latent's length that lies in the tuned model (`RELATIVE_NORM`): base only, shared, tuned only, or between. A latent of one model is
*believed* to be that model's own when latent scaling finds hardly anything of it in the other (`mechcot.sae.latent_scaling`); one that fires
on too few tokens is not tried.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float

from mechcot.core.argument_kinds import checked
from mechcot.core.display import Displayed
from mechcot.core.errors import UserError
from mechcot.core.pair import Pair
from mechcot.core.store import nan_to_none
from mechcot.core.trace import Trace
from mechcot.model.reasoner import Reasoner
from mechcot.sae.crosscoder import Crosscoder, paired_states, same_tokens
from mechcot.sae.evaluation import explained_variance
from mechcot.sae.latent_scaling import NU_ERROR, NU_RECONSTRUCTION, Nu, latent_scaling
from mechcot.sae.token_states import TokenStates

if TYPE_CHECKING:
    import plotly.graph_objects as go
from mechcot.sae.change_sentences import change_lines
from mechcot.sae.latent_sides import FAR_APART, FEWEST_TOKENS, Whose, whose
from mechcot.sae.token_kinds import NEEDED, token_kinds


@dataclass(frozen=True)
class SideFit:
    """How well a crosscoder fits one of its models.

    Attributes:
        model: Whose states.
        explained_variance: Share of the states' variance; NaN where they do not vary.
    """

    model: str
    explained_variance: float


@dataclass(frozen=True, eq=False, repr=False)
class LatentChanges(Displayed):
    """The latents of a crosscoder that fire on some chains, whose they are, and where they work.

    Attributes:
        models: Names of the models.
        site: Where both are read.
        traces: How many chains were read.
        tokens: How many tokens they have.
        l0: Latents that fire per token.
        dead: How many latents never fire.
        fits: The fit on each side.
        latents: One row a latent that fires, see `to_frame`.
        work: One row a kind of token: `kind` (of its step, `question`, `answer`; `needed` and `not needed` steps where the task knows them),
            `tokens`, and the share of all activation there of latents that are believed the `base`'s and the `tuned` model's own.
    """

    models: Pair[str]
    site: str
    traces: int
    tokens: int
    l0: float
    dead: int
    fits: Pair[SideFit]
    latents: tuple[dict[str, Any], ...]
    work: tuple[dict[str, Any], ...]

    def __repr__(self) -> str:
        return "\n".join(change_lines(self.to_json()))

    def to_frame(self) -> pd.DataFrame:
        """One row a latent that fires, the most tuned first.

        `latent` (its number), `whose`, `relative_norm` (share of its length in the tuned model), `difference` (how far its two directions lie
        apart: 0 alike, 1 in one model only), `nu_error` and `nu_reconstruction` (latent
        scaling, of those of one model), `believed` (None where it was not tried), `often` (whether it fires on enough tokens), `frequency` (share of tokens at which it fires), `kind` (of
        token where most of its activation lies) and `share` (how much of it).
        """
        return pd.DataFrame(self.latents)

    def plot(self) -> "go.Figure":
        """Latents by the share of their length that lies in the tuned model."""
        from mechcot.view.figures.crosscoder import relative_norm_figure

        return relative_norm_figure(self.to_json())

    def to_json(self) -> dict[str, Any]:
        """As data; None for what is not a number."""
        return nan_to_none(
            {
                "models": [*self.models],
                "site": self.site,
                "traces": self.traces,
                "tokens": self.tokens,
                "l0": self.l0,
                "dead": self.dead,
                "believed_below": [NU_ERROR, NU_RECONSTRUCTION],
                "changed_above": FAR_APART,
                "fewest_tokens": FEWEST_TOKENS,
                "fit": [asdict(fit) for fit in self.fits],
                "latents": [*self.latents],
                "work": [*self.work],
            }
        )


@checked
def compare_latents(
    crosscoder: Crosscoder, readers: Pair[Reasoner], traces: Sequence[Trace]
) -> LatentChanges:
    """Tell whose each latent is, and believe it only after latent scaling. Cost: one forward a trace and model.

    Args:
        crosscoder: The crosscoder.
        readers: Its two models.
        traces: Chains that it was not trained on.

    Raises:
        UserError: The models do not fit it, read different tokens, or no latent fires.

    Example:
        >>> import mechcot as mc
        >>> pair = mc.load_pair("organism:base", "organism:bypass")
        >>> traces = pair.before.write(mc.problems("mod10", n=2))
        >>> small = mc.sae.TrainingSettings(width=16, k=4, samples=2_000, batch=256)
        >>> crosscoder = mc.sae.crosscode(pair, traces, at="resid_post.2", settings=small)
        >>> mc.sae.compare_latents(crosscoder, pair, traces).models
        Pair(before='base', after='bypass')
    """
    crosscoder.check(readers)
    if not traces:
        raise UserError("expected traces to read the latents on, got none")
    seen = same_tokens(readers, traces)
    return changes_on(crosscoder, paired_states(readers, seen, crosscoder.site), seen)


def changes_on(
    crosscoder: Crosscoder, states: Pair[TokenStates], traces: Sequence[Trace]
) -> LatentChanges:
    """See `compare_latents`, of states that were read.

    Raises:
        UserError: No latent fires.
    """
    values = crosscoder.latents_of(states)
    plain = states.map(lambda side: side.states)
    written = crosscoder.decode(torch.from_numpy(values))
    fits = [
        SideFit(model, explained_variance(states, reconstruction))
        for model, states, reconstruction in zip(crosscoder.models, plain, written, strict=True)
    ]
    kinds = token_kinds(states.before, traces)
    rows = _rows(crosscoder, values, kinds, latent_scaling(crosscoder, plain))
    return LatentChanges(
        models=crosscoder.models,
        site=crosscoder.site.name,
        traces=len(traces),
        tokens=len(values),
        l0=float((values > 0).sum(axis=1).mean()),
        dead=crosscoder.width - len(rows),
        fits=Pair(*fits),
        latents=tuple(sorted(rows, key=lambda row: -row["relative_norm"])),
        work=tuple(_work(rows, values, kinds)),
    )


def _rows(
    crosscoder: Crosscoder,
    values: Float[np.ndarray, "token latent"],
    kinds: Mapping[str, Bool[np.ndarray, " token"]],
    nu: Pair[Nu],
) -> list[dict[str, Any]]:
    """The row of every latent that fires."""
    shares, fires = crosscoder.relative_norms, (values > 0).sum(axis=0)
    apart = crosscoder.difference_shares
    steps = {kind: here for kind, here in kinds.items() if kind not in NEEDED}
    mass = np.stack([values[here].sum(axis=0) for here in steps.values()])
    rows = []
    for latent in np.flatnonzero(fires):
        name = whose(float(shares[latent]))
        side = {Whose.BASE: nu.before, Whose.TUNED: nu.after}.get(name)
        often = bool(fires[latent] >= FEWEST_TOKENS)
        most = int(mass[:, latent].argmax())
        rows.append(
            {
                "latent": int(latent),
                "whose": str(name),
                "relative_norm": float(shares[latent]),
                "difference": float(apart[latent]),
                "nu_error": math.nan if side is None else float(side.error[latent]),
                "nu_reconstruction": math.nan
                if side is None
                else float(side.reconstruction[latent]),
                "believed": bool(side.small[latent]) if side is not None and often else None,
                "often": often,
                "frequency": float(fires[latent] / len(values)),
                "kind": [*steps][most],
                "share": float(mass[most, latent] / mass[:, latent].sum()),
            }
        )
    return rows


def _work(
    rows: Sequence[Mapping[str, Any]],
    values: Float[np.ndarray, "token latent"],
    kinds: Mapping[str, Bool[np.ndarray, " token"]],
) -> Iterator[dict[str, Any]]:
    """The row of every kind of token."""
    own = {
        side: [row["latent"] for row in rows if row["believed"] and row["whose"] == name]
        for side, name in (("base", Whose.BASE), ("tuned", Whose.TUNED))
    }
    for kind, here in kinds.items():
        total = float(values[here].sum())
        shares = {
            side: float(values[here][:, some].sum()) / total if total else math.nan
            for side, some in own.items()
        }
        yield {"kind": kind, "tokens": int(here.sum())} | shares
