"""Vectors and thresholds, made from the tuned model's own texts for problems that are not asked.

    v_k        mean difference of the two models' states (tuned less base) over the k-th group of disagreements in the chain, groups by k-means
    site, c    the pair at which c v_k, added at all disagreements of a text at once, most often makes the base choose the tuned model's token
    bias       mean difference over all positions, at the same site, with the factor that gives the tuned model's tokens most often
    threshold  nats by which the tuned model must prefer its token, so that at most the budget's share of the positions pass

No text of a problem that is asked has a part in them, so they are no bits that an item is given.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from typing_extensions import TypedDict

from mechcot.core.trace import Trace
from mechcot.hybrid.disagreement import Disagreement, disagreement, likeliest
from mechcot.hybrid.settings import HybridSettings
from mechcot.model.internals.self_test import backbone_of
from mechcot.model.internals.sites import Site
from mechcot.model.interventions import Intervention, Positions, States
from mechcot.model.reasoner import Reasoner

FACTORS = (0.5, 1.0, 2.0, 4.0, 8.0)
TRIED_BLOCKS = 4


class Fitted(TypedDict):
    """What the fitting texts give, as JSON-able data.

    Keys:
        positions: Positions of the fitting texts.
        disagreements: At how many the models disagree.
        in_chain: At how many of these the answer has not come.
        texts: Fitting texts with a disagreement.
        chains: Fitting texts with one while the answer has not come.
        thresholds: One a budget, nats; None where nothing passes.
        site: Where vectors are added; "" where none could be made.
        factor: On the vectors.
        taken: Share of those in the chain at which the base then chooses the tuned model's token.
        held_out: The same with vectors of the other half of the texts, the nearest one at each, site and factor as they are.
        vectors: One a category, without the factor.
        counts: How many disagreements stand behind each.
        bias: The vector of all positions, without its factor.
        bias_factor: On the bias.
        read: By model (base, tuned) the mean state at disagreements less the mean state, for the 2 x 2.
        tried: Each site and factor with its `taken`.
    """

    positions: int
    disagreements: int
    in_chain: int
    texts: int
    chains: int
    thresholds: list[float | None]
    site: str
    factor: float
    taken: float
    held_out: float
    vectors: list[list[float]]
    counts: list[int]
    bias: list[float]
    bias_factor: float
    read: list[list[float]]
    tried: list[tuple[str, float, float]]


@dataclass(frozen=True, eq=False)
class _AddRows:
    """Add one row a position."""

    rows: Float[Tensor, "at d_model"]

    def __call__(self, states: States, which: Positions) -> States:
        """Give states + rows."""
        return states + self.rows[which.cpu()].to(states)


def fit_help(
    base: Reasoner, tuned: Reasoner, traces: Sequence[Trace], settings: HybridSettings
) -> Fitted:
    """Make vectors and thresholds from the tuned model's texts.

    Cost: two forwards a text, and with vectors one for every site and factor that is tried.

    Args:
        base: The model that will write.
        tuned: The model that wrote the texts.
        traces: The texts.
        settings: Budgets, categories, sites.

    Raises:
        UserError: A site that a model does not have.
    """
    sites = _sites(base, settings) if settings.give == "vectors" else []
    read = [disagreement(base, tuned, trace, sites=sites) for trace in traces]
    preferred = torch.cat([text.preference[text.where] for text in read])
    fitted: Fitted = {
        "positions": sum(len(text.positions) for text in read),
        "disagreements": len(preferred),
        "in_chain": sum(int(text.in_chain.sum()) for text in read),
        "texts": sum(bool(text.where.any()) for text in read),
        "chains": sum(bool(text.in_chain.any()) for text in read),
        "thresholds": [],
        "site": "",
        "factor": 0.0,
        "taken": 0.0,
        "held_out": 0.0,
        "vectors": [],
        "counts": [],
        "bias": [],
        "bias_factor": 0.0,
        "read": [],
        "tried": [],
    }
    fitted["thresholds"] = [
        threshold(preferred, budget, positions=fitted["positions"]) for budget in settings.budgets
    ]
    if not sites or not any(bool(text.in_chain.any()) for text in read):
        return fitted
    return fitted | _vectors(base, read, sites, settings)  # type: ignore[return-value]


def threshold(
    preferred: Float[Tensor, " disagreement"], budget: float, *, positions: int
) -> float | None:
    """The preference in nats that at most `budget` of all positions reach; 0 where all disagreements may, None where none may."""
    allowed = math.floor(budget * positions + 1e-9)
    if len(preferred) <= allowed:
        return 0.0
    if allowed == 0:
        return None if budget == 0 else float(preferred.max())
    return float(preferred.sort(descending=True).values[allowed - 1])


def _sites(base: Reasoner, settings: HybridSettings) -> list[Site]:
    if settings.sites:
        return [Site.parse(name) for name in settings.sites]
    layers = backbone_of(base.model).n_layers
    last = max(layers - 2, 0)
    blocks = {round(last * part / max(TRIED_BLOCKS - 1, 1)) for part in range(TRIED_BLOCKS)}
    return [Site("resid_post", block) for block in sorted(blocks)]


def _vectors(
    base: Reasoner, read: Sequence[Disagreement], sites: Sequence[Site], settings: HybridSettings
) -> dict[str, Any]:
    """The vectors at the site and with the factor that serve best."""
    tried, best = [], (-1.0, sites[0], 1.0)
    groups = {site: _groups(read, site, settings) for site in sites}
    for site, (centres, labels) in groups.items():
        rows = centres[labels]
        for factor in FACTORS:
            taken = _taken(base, read, site, factor * rows)
            tried.append((site.name, factor, taken))
            best = max(best, (taken, site, factor), key=lambda each: each[0])
    taken, site, factor = best
    centres, labels = groups[site]
    bias = torch.cat([text.differences(site) for text in read]).mean(dim=0)
    served = {c: _agreeing(base, read, site, c * bias) for c in FACTORS}
    sides = [torch.cat([text.states[site][side] for text in read]) for side in (0, 1)]
    here = torch.cat([text.in_chain for text in read])
    return {
        "site": site.name,
        "factor": factor,
        "taken": taken,
        "held_out": _held_out(base, read, site, factor, settings),
        "vectors": centres.tolist(),
        "counts": torch.bincount(labels, minlength=len(centres)).tolist(),
        "bias": bias.tolist(),
        "bias_factor": max(served, key=lambda c: served[c]),
        "read": [(states[here].mean(dim=0) - states.mean(dim=0)).tolist() for states in sides],
        "tried": tried,
    }


def _groups(
    read: Sequence[Disagreement], site: Site, settings: HybridSettings
) -> tuple[Float[Tensor, "category d_model"], Int[Tensor, " disagreement"]]:
    """Mean difference of each group of disagreements, and the group of each disagreement."""
    from sklearn.cluster import KMeans

    rows = torch.cat([text.differences(site)[text.in_chain] for text in read])
    count = min(settings.categories, len(rows.unique(dim=0)))
    kwargs: dict[str, Any] = {"n_init": 4, "random_state": settings.seed}
    groups = KMeans(n_clusters=count, **kwargs).fit(rows.numpy())
    labels = torch.from_numpy(groups.labels_).long()
    centres = torch.stack([rows[labels == k].mean(dim=0) for k in range(count)])
    return centres, labels


def _taken(
    base: Reasoner, read: Sequence[Disagreement], site: Site, rows: Float[Tensor, "at d_model"]
) -> float:
    """Share of the disagreements at which the base chooses the tuned model's token with these rows added there."""
    taken, start = 0, 0
    for text in read:
        at = text.positions[text.in_chain]
        if len(at):
            own = _steered(base, text, Intervention(site, tuple(at.tolist()), _AddRows(rows[start : start + len(at)])), at)  # fmt: skip
            taken += int((own == text.wanted[text.in_chain]).sum())
        start += len(at)
    return taken / max(start, 1)


def _held_out(
    base: Reasoner,
    read: Sequence[Disagreement],
    site: Site,
    factor: float,
    settings: HybridSettings,
) -> float:
    """`_taken` of each half of the texts with the vectors of the other half; 0 with fewer than two texts."""
    texts = [text for text in read if bool(text.in_chain.any())]
    taken, total = 0.0, 0
    for own, other in ((texts[::2], texts[1::2]), (texts[1::2], texts[::2])) if texts[1:] else ():
        centres, _ = _groups(own, site, settings)
        rows = torch.cat([text.differences(site)[text.in_chain] for text in other])
        nearest = torch.cdist(rows, centres).argmin(dim=-1)
        taken += len(rows) * _taken(base, other, site, factor * centres[nearest])
        total += len(rows)
    return taken / max(total, 1)


def _agreeing(
    base: Reasoner, read: Sequence[Disagreement], site: Site, vector: Float[Tensor, " d_model"]
) -> float:
    """Share of all positions at which the base chooses the tuned model's token with one vector added at each."""
    agreeing, total = 0, 0
    for text in read:
        rows = vector.expand(len(text.positions), -1)
        edit = Intervention(site, tuple(text.positions.tolist()), _AddRows(rows))
        agreeing += int((_steered(base, text, edit, text.positions) == text.wanted).sum())
        total += len(text.positions)
    return agreeing / max(total, 1)


def _steered(
    base: Reasoner, text: Disagreement, edit: Intervention, at: Int[Tensor, " position"]
) -> Int[Tensor, " position"]:
    """The base's likeliest next tokens under an edit."""
    prefix = base.prefix(text.ids, under=[edit])
    return likeliest(prefix, at, width=base.n_vocabulary)[0]
