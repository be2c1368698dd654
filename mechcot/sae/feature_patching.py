"""Step patching through features: how many features carry a stated value?

At the token where a step states a value, x is the clean state, x' the twin's (one fact of the question changed,
the chain re-evaluated), f and f' their features. Features are ordered by |f' - f| times the length of what they write;
with S the first k of them

    patched_k = x + (decode(f with f' on S) - decode(f))

so the reconstruction error of the clean state stays, k = 0 is the edit of nothing, and *all* exchanges every
feature. The effect is p(predicted answer | patched) - p(same | clean), later text kept, each row against the
same row of a clean run. Beside it: the whole state exchanged (the ceiling) and k random ones of the
features that differ (the control). Source: step patching after CLB (arXiv 2609.27038); through features: ours.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor

from mechcot.core.argument_kinds import checked
from mechcot.core.counterfactual import Counterfactual, CounterfactualMaker, Stated
from mechcot.core.display import Displayed
from mechcot.core.errors import NotMeasurable, UserError
from mechcot.core.trace import Phase, Trace
from mechcot.core.wording import count_of
from mechcot.model.interventions import Edit, Identity, Intervention, Replace
from mechcot.model.reasoner import Reasoner
from mechcot.sae.dictionary import Dictionary, Splice
from mechcot.stats.bootstrap import bootstrap_mean, random_stream
from mechcot.tasks import task_of

if TYPE_CHECKING:
    import plotly.graph_objects as go


COUNTS = (0, 1, 2, 4, 8, 16, 32)


@dataclass(frozen=True, eq=False)
class Exchange:
    """Write the twin's value of some features: `chosen` by token and feature."""

    chosen: Tensor
    other: Tensor

    def __call__(self, features: Tensor, which: Int[Tensor, " token"]) -> Tensor:
        """Give f with f' where chosen."""
        rows = which.to(self.chosen.device)
        return torch.where(self.chosen[rows], self.other[rows].to(features), features)


@dataclass(frozen=True, eq=False)
class PatchingCurve:
    """The effect on one trace, by number of exchanged features.

    Attributes:
        effects: Of the k features that differ most, one for each of `COUNTS`.
        random: Of k random features that differ.
        all_features: Of all features.
        whole: Of the whole state.
        differing: How many features differ between clean and twin.
    """

    effects: Float[np.ndarray, " k"]
    random: Float[np.ndarray, " k"]
    all_features: float
    whole: float
    differing: float


def curve(
    dictionary: Dictionary,
    reader: Reasoner,
    trace: Trace,
    *,
    maker: CounterfactualMaker | None = None,
    seed: int = 0,
) -> PatchingCurve:
    """Patch one trace at every stated value that feeds the answer directly, and average.

    Cost: two forwards, and two partial ones of 2 x len(COUNTS) + 2 rows per stated value.

    Args:
        dictionary: The dictionary.
        reader: The model that is patched.
        trace: A trace in its tokens.
        maker: Makes the twin; None: the one that the trace's task has.
        seed: Of the twin and of the random features.

    Raises:
        NotMeasurable: The trace has no twin, or no changed value feeds the answer directly.
    """
    make = maker or task_of(trace.problem).counterfactuals
    twin = make(trace, retoken=reader.retoken, seed=seed)
    feeders = [stated for stated in twin.stated if stated.answer_kept is not None]
    if not feeders:
        raise NotMeasurable("no stated value that changes feeds the answer directly")
    effects = [_effects(dictionary, reader, trace, twin, stated, seed=seed) for stated in feeders]
    rows, differing = zip(*effects, strict=True)
    mean, count = np.mean(rows, axis=0), len(COUNTS)
    return PatchingCurve(
        effects=mean[:count],
        random=mean[count : 2 * count],
        all_features=float(mean[-2]),
        whole=float(mean[-1]),
        differing=float(np.mean(differing)),
    )


def _effects(
    dictionary: Dictionary,
    reader: Reasoner,
    trace: Trace,
    twin: Counterfactual,
    stated: Stated,
    *,
    seed: int,
) -> tuple[Float[np.ndarray, " row"], float]:
    """Movement of the predicted answer for every row of edits, and how many features differ."""
    stop = trace.phase(Phase.CHAIN).stop
    cue = reader.cue_after(trace.ids[:stop])
    texts = [(*side.ids[:stop], *cue) for side in (trace, twin.trace)]
    at = tuple(stated.tokens.positions())
    own, other = (reader.states(ids, [dictionary.site])[dictionary.site][list(at)] for ids in texts)
    rng = random_stream(seed, f"features {trace.id} {stated.step}")
    edits, differing = _edits(dictionary, own, other, rng=rng)
    clean = reader.prefix(texts[0])
    token = reader.answer_ids(stated.answer_kept or "")[0]

    def probability(edits: Sequence[Edit]) -> np.ndarray:
        under = [[Intervention(dictionary.site, at, edit)] for edit in edits]
        rows = [clean.ids[at[0] :]] * len(edits)
        hidden = clean.rerun_from(at[0], rows=rows, under=under)[:, -1]
        return clean.unembed(hidden)[:, token].exp().double().cpu().numpy()

    return probability(edits) - probability([Identity()] * len(edits)), differing


def _edits(
    dictionary: Dictionary, own: Tensor, other: Tensor, *, rng: np.random.Generator
) -> tuple[list[Edit], float]:
    """For every k the first k features, for every k random ones that differ, all features, the whole state."""
    mine, theirs = dictionary.encode(own), dictionary.encode(other)
    gap = (theirs - mine).abs() * dictionary.decoder.norm(dim=-1)
    order = gap.argsort(dim=-1, descending=True)
    ranks = torch.empty_like(order).scatter_(
        -1, order, torch.arange(order.shape[-1]).expand_as(order)
    )
    differs = gap > 0
    chance = torch.from_numpy(rng.random(gap.shape)).to(gap) + (~differs).to(gap)
    mixed = chance.argsort(dim=-1)
    places = torch.empty_like(mixed).scatter_(
        -1, mixed, torch.arange(mixed.shape[-1]).expand_as(mixed)
    )
    chosen = [ranks < k for k in COUNTS] + [(places < k) & differs for k in COUNTS]
    chosen.append(torch.ones_like(differs))
    edits: list[Edit] = [Splice(dictionary, Exchange(mask, theirs)) for mask in chosen]
    return [*edits, Replace(other)], float(differs.sum(dim=-1).float().mean())


def patched(
    dictionary: Dictionary,
    reader: Reasoner,
    traces: Sequence[Trace],
    *,
    maker: CounterfactualMaker | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """The mean curve over traces, with intervals over traces.

    Args:
        dictionary: The dictionary.
        reader: The model that is patched.
        traces: Its chains; those that cannot be patched are counted and left out.
        maker: Makes the twins; None: those that the traces' tasks have.
        seed: Of the twins, the random features and the intervals.

    Raises:
        UserError: Fewer than two traces can be patched.
    """
    curves: list[PatchingCurve] = []
    reasons: Counter[str] = Counter()
    for trace in traces:
        try:
            curves.append(curve(dictionary, reader, trace, maker=maker, seed=seed))
        except NotMeasurable as error:
            reasons[str(error)] += 1
    if len(curves) < 2:
        raise UserError(
            f"{len(curves)} of {count_of(len(traces), 'chain')} have a twin, and two are needed; {_counted(reasons) or 'more chains are needed'}"
        )

    def summed(values: Sequence[float], name: str) -> dict[str, float]:
        interval = bootstrap_mean(np.asarray(values, dtype=float), seed=seed, purpose=name)
        return {"mean": interval.mean, "low": interval.low, "high": interval.high}

    return {
        "model": reader.name,
        "site": dictionary.site.name,
        "traces": len(curves),
        "not_measurable": reasons.total(),
        "reasons": dict(reasons),
        "differing": float(np.mean([effect.differing for effect in curves])),
        "counts": list(COUNTS),
        "effect": [
            summed([c.effects[i] for c in curves], f"top {k}") for i, k in enumerate(COUNTS)
        ],
        "random": [
            summed([c.random[i] for c in curves], f"random {k}") for i, k in enumerate(COUNTS)
        ],
        "identity": max(abs(float(c.effects[0])) for c in curves),
        "all_features": summed([c.all_features for c in curves], "all"),
        "whole": summed([c.whole for c in curves], "whole"),
    }


def _counted(reasons: Mapping[str, int]) -> str:
    return "; ".join(f"{count} left out: {reason}" for reason, count in reasons.items())


def patch_lines(result: dict[str, Any]) -> list[str]:
    """The curve in sentences."""
    lines = [
        f"{result['model']} at {result['site']}, {count_of(result['traces'], 'chain')}: the whole state moves the answer by "
        f"{result['whole']['mean']:.3f}, all features by {result['all_features']['mean']:.3f}; "
        f"{result['differing']:.1f} features differ; k = 0 moves it by {result['identity']:g}"
    ]
    if result.get("reasons"):
        lines.append(f"  {_counted(result['reasons'])}")
    rows = zip(result["counts"], result["effect"], result["random"], strict=True)
    return lines + [
        f"  k = {k:3d}: {top['mean']:.3f} [{top['low']:.3f}, {top['high']:.3f}], random {chance['mean']:.3f}"
        for k, top, chance in rows
    ]


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
        from mechcot.view.plot import feature_exchange_figure

        return feature_exchange_figure(self.curves)


@checked
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
