"""The two vectors that `hybrid.json` holds, checked: people copy, edit and truncate files."""

from collections.abc import Mapping
from typing import Annotated, Any

import torch
from annotated_types import Len
from pydantic import FiniteFloat, TypeAdapter, ValidationError
from torch import Tensor
from typing_extensions import TypedDict

from mechcot.core.errors import UserError
from mechcot.core.faults import fault_of
from mechcot.core.pair import Pair
from mechcot.model.internals.self_test import backbone_of
from mechcot.model.internals.sites import Site
from mechcot.model.reasoner import Reasoner

RUN_AGAIN = "run `mechcot hybrid BASE TUNED --give vectors` to its end"


class _Fit(TypedDict):
    site: str


class _HybridRun(TypedDict):
    """What is read of `hybrid.json`."""

    models: Annotated[list[str], Len(2, 2)]
    weights: Annotated[list[str], Len(2, 2)]
    fitted_on: list[str]
    read: list[list[FiniteFloat]]
    fit: _Fit


_RUN = TypeAdapter(_HybridRun)


def vectors_of_run(
    run: Mapping[str, Any], models: Pair[Reasoner], *, where: str
) -> tuple[tuple[str, ...], str, Pair[Tensor]]:
    """Take the vectors out of a run of `mechcot hybrid`.

    Args:
        run: What `hybrid.json` holds.
        models: Those that the vectors will be added to.
        where: Named in messages.

    Returns:
        Questions that they were fitted on, the site, and the vectors, each of the width of its model.

    Raises:
        UserError: It is damaged, of other models, or has no vectors.
    """
    known = {name: run[name] for name in _HybridRun.__annotations__ if name in run}
    try:
        _RUN.validate_python(known, strict=True)
    except ValidationError as error:
        raise UserError(
            f"{where}: the run of `mechcot hybrid` does not say which models and questions its vectors come from, or what they are ({fault_of(error)}); {RUN_AGAIN}"
        ) from None
    if run["weights"] != [model.weights_hash for model in models]:
        own, asked = " and ".join(run["models"]), " and ".join(model.name for model in models)
        raise UserError(
            f"{where} is a run of `mechcot hybrid` on {own}, whose weights are not those of {asked}; give the same two models in the same order"
        )
    if not run["read"]:
        raise UserError(
            f"{where}: the run made no vectors (--give tokens, or no disagreement before the answer); {RUN_AGAIN}"
        )
    widths = [model.model.config.get_text_config().hidden_size for model in models]
    if (found := [len(row) for row in run["read"]]) != widths:
        raise UserError(
            f"{where}: expected two vectors of width {' and '.join(map(str, widths))}, got {', '.join(map(str, found))} (read); {RUN_AGAIN}"
        )
    site = run["fit"]["site"]
    try:
        layer = Site.parse(site).layer
    except UserError as error:
        raise UserError(f"{where}: {error} (fit.site); {RUN_AGAIN}") from None
    if layer >= (blocks := backbone_of(models.before.model).n_layers):
        raise UserError(f"{where}: {site} (fit.site) is no block of {blocks}; {RUN_AGAIN}")
    rows = Pair(*(torch.tensor(row, dtype=torch.float32) for row in run["read"]))
    return tuple(run["fitted_on"]), site, rows
