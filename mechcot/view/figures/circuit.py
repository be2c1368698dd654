"""Which heads and MLPs carry a step to the answer: layer x component, one model, or before, after and difference."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Bool, Float

from mechcot.core.wording import count_of
from mechcot.view.figures.head_map import layer_maps

SWING_SHARE = "share of the swing between two answers"
_WHOLE = {"mlp": "MLP", "attention": "attention", "block": "block"}


def circuit_figure(result: Mapping[str, Any]) -> go.Figure:
    """Draw the effect of every component: patched where it was, else estimated.

    Args:
        result: What `circuit.json` holds.
    """
    parts = result["components"]
    columns = _columns(parts)
    patched = len(result["sides"][0]["exact"])
    note = f"{SWING_SHARE}; mean over n = {count_of(result['traces'], 'chain')}; {patched} of {len(parts)} patched (numbers), the rest estimated"
    return layer_maps(
        [_map(parts, side, columns) for side in result["sides"]],
        models=result["models"],
        printed=_patched(parts, result["sides"][0], columns),
        columns=columns,
        unit=SWING_SHARE,
        title="What carries a step to the answer?",
        note=note,
        signed=True,
    )


def _columns(parts: list[Mapping[str, Any]]) -> list[str]:
    """Heads by number, then what stands whole."""
    heads = max((part["head"] + 1 for part in parts if part["kind"] == "head"), default=0)
    whole = [name for kind, name in _WHOLE.items() if any(part["kind"] == kind for part in parts)]
    return [*(f"head {head}" for head in range(heads)), *whole]


def _place(part: Mapping[str, Any], columns: list[str]) -> tuple[int, int]:
    name = f"head {part['head']}" if part["kind"] == "head" else _WHOLE[part["kind"]]
    return part["layer"], columns.index(name)


def _map(
    parts: list[Mapping[str, Any]], side: Mapping[str, Any], columns: list[str]
) -> Float[np.ndarray, "layer column"]:
    values = np.full((parts[-1]["layer"] + 1, len(columns)), np.nan)
    for part, estimate in zip(parts, side["estimate"], strict=True):
        exact = side["exact"].get(part["name"])
        values[_place(part, columns)] = estimate if exact is None else exact["mean"]
    return values


def _patched(
    parts: list[Mapping[str, Any]], side: Mapping[str, Any], columns: list[str]
) -> Bool[np.ndarray, "layer column"]:
    """Whether each cell was patched."""
    values = np.zeros((parts[-1]["layer"] + 1, len(columns)), dtype=bool)
    for part in parts:
        values[_place(part, columns)] = part["name"] in side["exact"]
    return values
