"""The circuits of one model or two as a value: sentences, a table, a figure."""

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from mechcot.circuits.run import EXACT, PATHS, CircuitSettings, find_circuits, reasons_told
from mechcot.core.argument_kinds import checked
from mechcot.core.display import DisplayedRun
from mechcot.core.errors import UserError
from mechcot.core.trace import Trace
from mechcot.core.wording import count_of
from mechcot.model.reasoner import Reasoner
from mechcot.runs.items import Items


def circuit_lines(result: Mapping[str, Any]) -> list[str]:
    """The circuits in sentences."""
    lines = [
        f"{count_of(result['traces'], 'chain')}; effects are shares of the swing between two answers"
    ]
    if result["left_out"]:
        lines.append(reasons_told(result["left_out"]))
    for side in result["sides"]:
        lines += _side_lines(side, result["traces"])
    if "change" in result:
        before, after = result["models"]
        lines.append(
            f"{after} less {before}: the changed value {_interval(result['whole_change'])}"
        )
        moved = [
            (label, change)
            for label, change in result["change"].items()
            if change["low"] is not None and not change["low"] <= 0 <= change["high"]
        ]
        moved.sort(key=lambda pair: -abs(pair[1]["mean"]))
        lines += [f"  {label} {_interval(change)}" for label, change in moved] or [
            "  no patched component differs"
        ]
    return lines


def _side_lines(side: Mapping[str, Any], traces: int) -> list[str]:
    exact = sorted(side["exact"].items(), key=lambda pair: -abs(pair[1]["mean"]))
    agreement, by_chain = (
        "unknown" if value is None else f"{value:.2f}"
        for value in (side["agreement"], side["agreement_by_chain"])
    )
    lines = [
        f"{side['model']}: what the step states, changed: {_interval(side['whole'])} of the swing",
        f"  estimates rank the {len(exact)} patched components as patching does: {agreement} (means), {by_chain} (median chain); "
        f"random directions reach {side['null']:.3f}, own values {side['identity']:g}",
    ]
    lines += [f"  {label} {_interval(effect)}" for label, effect in exact[:PATHS]]
    lines += [f"  {row['traces']} of {traces}: {row['path']}" for row in side["paths"][:3]]
    return lines + [f"  {note}" for note in side["notes"]]


def _interval(effect: Mapping[str, float | None]) -> str:
    if effect["low"] is None:
        return f"{effect['mean']:+.3f}"
    return f"{effect['mean']:+.3f} [{effect['low']:+.3f}, {effect['high']:+.3f}]"


class Circuits(DisplayedRun):
    """Which heads and MLPs carry a step to the answer, in one model or before and after.

    Attributes:
        result: See `mechcot.circuits.run.find_circuits`.
    """

    lines = staticmethod(circuit_lines)
    figure = ("circuit", "circuit_figure")

    def to_frame(self) -> pd.DataFrame:
        """One row a `model` and `component`: `layer`, `kind`, `head`, `estimate`, and where it was patched `exact` with `low` and `high`; shares of the swing."""
        rows = []
        for side in self.result["sides"]:
            for part, estimate in zip(self.result["components"], side["estimate"], strict=True):
                exact = side["exact"].get(part["name"], {})
                rows.append(
                    {
                        "model": side["model"],
                        "component": part["name"],
                        "layer": part["layer"],
                        "kind": part["kind"],
                        "head": part["head"],
                        "estimate": estimate,
                        "exact": exact.get("mean"),
                        "low": exact.get("low"),
                        "high": exact.get("high"),
                    }
                )
        return pd.DataFrame(rows)


@checked
def circuit(
    readers: Reasoner | Iterable[Reasoner],
    traces: Sequence[Trace],
    *,
    patched: int = EXACT,
    seed: int = 0,
) -> Circuits:
    """Find which heads and MLPs carry what a step states to the answer; nothing is kept on disk.

    Cost: for each chain and model four forwards and two backwards, and two forwards for each patched component.

    Args:
        readers: One model, or two: before and after.
        traces: Chains whose problems know counterfactuals.
        patched: How many components are patched one by one, to check the estimates.
        seed: Of the counterfactuals, the null and the intervals.

    Raises:
        UserError: Fewer than two chains can be read, or two models differ in their components.

    Example:
        >>> import mechcot as mc
        >>> pair = mc.load_pair("organism:base", "organism:bypass")
        >>> both = mc.circuit(pair, pair.before.write(mc.problems("mod10", n=4)), patched=3)
        >>> both.result["sides"][0]["identity"]
        0.0
    """
    models = [readers] if isinstance(readers, Reasoner) else list(readers)
    if not 1 <= len(models) <= 2 or not traces:
        raise UserError(
            f"expected one model or two and chains, got {count_of(len(models), 'model')} and {count_of(len(traces), 'chain')}"
        )
    with tempfile.TemporaryDirectory() as folder:
        settings = CircuitSettings(exact=patched, seed=seed)
        return Circuits(find_circuits(models, traces, settings=settings, items=Items(Path(folder))))
