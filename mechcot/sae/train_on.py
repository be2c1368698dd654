"""Train a dictionary on the states of traces, in one call. `mechcot sae train` writes the chains, keeps and resumes."""

from collections.abc import Iterable, Sequence

import torch

from mechcot.core.errors import UserError
from mechcot.core.trace import Trace
from mechcot.model.internals.sites import Site, sites_of
from mechcot.model.reasoner import Reasoner
from mechcot.sae.dictionary import Dictionary
from mechcot.sae.token_states import token_states
from mechcot.sae.training import TrainingSettings, train


def train_on(
    readers: Iterable[Reasoner],
    traces: Sequence[Trace],
    *,
    at: Site | str,
    settings: TrainingSettings | None = None,
) -> Dictionary:
    """Train one sparse dictionary on what all readers' states at one site are, token by token.

    Cost: one forward a trace and reader, then the training (`settings.samples` states).

    Args:
        readers: The models; a pair gives one dictionary for both.
        traces: The texts, by whomever they were written.
        at: Where, such as `resid_post.2`.
        settings: `mc.sae.TrainingSettings(width=, k=, samples=, ...)`; None: the defaults.

    Raises:
        UserError: No reader, several sites, a site that a model does not have, or too few tokens for the width.

    Example:
        >>> import mechcot as mc
        >>> base = mc.load("organism:base")
        >>> small = mc.sae.TrainingSettings(width=16, k=4, samples=2_000, batch=256)
        >>> mc.sae.train_on([base], base.write(mc.problems("mod10", n=2)), at="resid_post.2", settings=small).width
        16
    """
    models, sites = list(readers), sites_of(at)
    if not models or len(sites) != 1:
        raise UserError(
            f"expected models and one site, got {len(models)} models and {len(sites)} sites"
        )
    states = [
        token_states(reader, [reader.view(trace) for trace in traces], sites[0]).states
        for reader in models
    ]
    return train(
        torch.cat(states),
        site=sites[0],
        model=models[0].name,
        settings=settings or TrainingSettings(),
    )
