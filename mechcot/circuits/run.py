"""The circuits of one model, or of two, over many chains: estimates of every component first, then the largest patched one by one.

Both models read the same text, and the same components are patched in both: those whose mean estimate is largest in either. What a chain gives is kept as soon as
it is there. Intervals are bootstrapped over problems; those of the patched components hold together (95 % for all of them, Bonferroni).
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from mechcot.circuits.components import Anatomy, Component
from mechcot.circuits.effects import StepRuns, estimates, exact_effects, run_identity
from mechcot.circuits.paths import path_text, strongest_path
from mechcot.circuits.step_edit import step_edit
from mechcot.core.errors import NotMeasurable, UserError
from mechcot.core.store import digest, nan_to_none, tokens_digest
from mechcot.core.trace import Trace
from mechcot.core.wording import count_of
from mechcot.model.reasoner import Reasoner
from mechcot.runs.executor import SERIAL, Executor
from mechcot.runs.items import Items
from mechcot.runs.reader_keys import precision
from mechcot.stats.bootstrap import LEVEL, bootstrap_mean, cluster_numbers
from mechcot.tasks import task_of

EXACT = 20
"""Components that are patched one by one."""
PATHS = 5
"""Most paths that are told, the most frequent first."""
_QUANTILE = 0.95
_SCHEMA = 1


@dataclass(frozen=True)
class CircuitSettings:
    """Settings of a circuit view.

    Attributes:
        exact: How many components are patched one by one.
        seed: Of the counterfactuals, the null and the intervals.
    """

    exact: int = EXACT
    seed: int = 0


def find_circuits(
    readers: Sequence[Reasoner],
    traces: Sequence[Trace],
    *,
    settings: CircuitSettings,
    items: Items[dict[str, Any]],
    executor: Executor = SERIAL,
) -> dict[str, Any]:
    """Find which components carry a step to the answer in each model.

    Cost: for each chain and model four forwards and two backwards, and two forwards for each patched component.

    Args:
        readers: One model, or two: before and after.
        traces: The chains, as the first model reads them.
        settings: How many are patched, and the seed.
        items: Where finished chains are kept.
        executor: Where chains are read.

    Returns:
        `models`, `traces` (how many were read by all models), `left_out` (reason -> how many), `components` (`name`, `layer`, `kind`, `head`), `sides` (one a
        model, see `_side`), and for two models `change`: by patched component the difference of the exact effects, and `whole`, that of the edited text.

    Raises:
        UserError: The models have other components, or fewer than two chains can be read by all of them.
    """
    work = partial(_made, items, executor, settings.seed)
    asked = [(reader, reader.view(trace)) for reader in readers for trace in traces]
    made = work(_sketch, asked, "chains")
    by_reader = [made[n * len(traces) : (n + 1) * len(traces)] for n in range(len(readers))]
    kept, left_out = _kept(by_reader)
    if len(kept) < 2:
        raise UserError(
            f"{len(kept)} of {count_of(len(traces), 'chain')} can be read, and two are needed; {reasons_told(left_out) or 'more problems (--n) are needed'}"
        )
    sketches = [[rows[n] for n in kept] for rows in by_reader]
    names = sketches[0][0]["components"]
    if any(rows[0]["components"] != names for rows in sketches):
        raise UserError(
            "the two models differ in their components, so that they cannot stand side by side; look at each alone"
        )
    guess = np.stack([[row["estimate"] for row in rows] for rows in sketches])
    chosen = _largest(guess, settings.exact)
    patched = [
        (reader, reader.view(traces[n]), [names[part] for part in chosen])
        for reader in readers
        for n in kept
    ]
    exact = work(_exact, patched, "patched chains")
    effects = np.array([row["exact"] for row in exact]).reshape(len(readers), len(kept), -1)
    clusters = cluster_numbers(
        [traces[n].id for n in kept], {trace.id: trace.problem.id for trace in traces}
    )
    mean = partial(_mean, clusters=clusters, seed=settings.seed, together=len(chosen))
    labels = [names[part]["name"] for part in chosen]
    sides = [
        _side(reader.name, rows, values, chosen, labels, mean=mean)
        for reader, rows, values in zip(readers, sketches, effects, strict=True)
    ]
    result: dict[str, Any] = {
        "models": [reader.name for reader in readers],
        "traces": len(kept),
        "left_out": dict(left_out),
        "components": names,
        "sides": sides,
    }
    if len(readers) == 2:
        moved = effects[1] - effects[0]
        whole = np.array([[row["whole"] for row in rows] for rows in sketches])
        result["change"] = {
            label: mean(moved[:, n], label, alone=False) for n, label in enumerate(labels)
        }
        result["whole_change"] = mean(whole[1] - whole[0], "whole", alone=True)
    return nan_to_none(result)


ModelTrace = tuple[Any, ...]


def _made(
    items: Items[dict[str, Any]],
    executor: Executor,
    seed: int,
    compute: Callable[[int, ModelTrace], dict[str, Any]],
    tasks: Sequence[ModelTrace],
    desc: str,
) -> list[dict[str, Any]]:
    """What each task gives; tasks that are alike are done once."""
    keys = [_key(desc, task, seed) for task in tasks]
    asked = dict(zip(keys, tasks, strict=True))
    made = items.made(asked, partial(compute, seed), executor=executor, desc=desc, unit="chain")
    by_key = dict(zip(asked, made, strict=True))
    return [by_key[key] for key in keys]


def _key(kind: str, task: ModelTrace, seed: int) -> str:
    reader, trace, *rest = task
    about = [part["name"] for part in rest[0]] if rest else []
    model = [reader.weights_hash, reader.logit_scale, *precision(reader)]
    return digest(kind, _SCHEMA, model, tokens_digest(trace.ids), trace.id, seed, about)


def _kept(by_reader: Sequence[Sequence[Mapping[str, Any]]]) -> tuple[list[int], Counter[str]]:
    """Which traces all models could read, and why the others were left out."""
    kept, left_out = [], Counter[str]()
    for number, rows in enumerate(zip(*by_reader, strict=True)):
        reason = next((row["reason"] for row in rows if "reason" in row), None)
        if reason is None:
            kept.append(number)
        else:
            left_out[reason] += 1
    return kept, left_out


def reasons_told(left_out: Mapping[str, int]) -> str:
    """How many chains were left out, and why."""
    return "; ".join(f"{count} left out: {reason}" for reason, count in left_out.items())


def _largest(guess: np.ndarray, count: int) -> list[int]:
    """The components whose mean estimate is largest in any model, in order."""
    size = np.abs(guess.mean(axis=1)).max(axis=0)
    return sorted(np.argsort(-size, kind="stable")[:count].tolist())


def _sketch(seed: int, task: ModelTrace) -> dict[str, Any]:
    """What one gradient says of a chain, or why nothing can be said."""
    reader, trace = task
    try:
        runs, parts = _runs(reader, trace, seed)
    except NotMeasurable as error:
        return {"reason": str(error)}
    guess = estimates(runs, parts, seed=seed)
    path = strongest_path(runs)
    return {
        "components": [_row(part) for part in parts],
        "estimate": guess.values.tolist(),
        "null": float(np.quantile(np.abs(guess.null), _QUANTILE)),
        "whole": runs.whole,
        "swing": runs.swing,
        "predicted": runs.edit.predicted,
        "identity": run_identity(runs, reader, parts),
        "path": path_text(runs.edit, path),
        "shares": [hop.share for hop in path],
        "notes": runs.clean.anatomy.notes(),
    }


def _runs(reader: Reasoner, trace: Trace, seed: int) -> tuple[StepRuns, tuple[Component, ...]]:
    edit = step_edit(reader, trace, task_of(trace.problem).counterfactuals, seed=seed)
    anatomy = Anatomy.of(reader, edit.clean)
    return StepRuns.of(reader, anatomy, edit), anatomy.components


def _row(part: Component) -> dict[str, Any]:
    return {"name": str(part), "layer": part.layer, "kind": part.kind, "head": part.head}


def _exact(seed: int, task: ModelTrace) -> dict[str, Any]:
    """The exact effects of some components on one chain."""
    reader, trace, chosen = task
    runs, _ = _runs(reader, trace, seed)
    parts = [Component(row["layer"], row["kind"], row["head"]) for row in chosen]
    return {"exact": exact_effects(reader, runs, parts).tolist()}


def _mean(
    values: np.ndarray, name: str, *, clusters: Any, seed: int, together: int, alone: bool
) -> dict[str, float]:
    level = LEVEL if alone else 1 - (1 - LEVEL) / together
    interval = bootstrap_mean(
        np.asarray(values, dtype=float), clusters=clusters, level=level, seed=seed, purpose=name
    )
    return {"mean": interval.mean, "low": interval.low, "high": interval.high}


def _side(
    model: str,
    rows: Sequence[Mapping[str, Any]],
    values: np.ndarray,
    chosen: Sequence[int],
    labels: Sequence[str],
    *,
    mean: Any,
) -> dict[str, Any]:
    """One model: the effect of the `whole` edit, `estimate` of every component, `exact` of the patched ones, how well their ranks agree, and the paths."""
    guess = np.array([row["estimate"] for row in rows])
    paths = Counter(row["path"] for row in rows)
    agreements = [_ranks(g[list(chosen)], v) for g, v in zip(guess, values, strict=True)]
    return {
        "model": model,
        "whole": mean(np.array([row["whole"] for row in rows]), "whole", alone=True),
        "swing": float(np.mean([row["swing"] for row in rows])),
        "predicted": float(np.mean([row["predicted"] for row in rows])),
        "null": float(np.mean([row["null"] for row in rows])),
        "identity": max(row["identity"] for row in rows),
        "estimate": guess.mean(axis=0).tolist(),
        "exact": {label: mean(values[:, n], label, alone=False) for n, label in enumerate(labels)},
        "agreement": _ranks(guess.mean(axis=0)[list(chosen)], values.mean(axis=0)),
        "agreement_by_chain": float(np.nanmedian(agreements))
        if np.isfinite(agreements).any()
        else float("nan"),
        "paths": [{"path": path, "traces": count} for path, count in paths.most_common(PATHS)],
        "notes": rows[0]["notes"],
    }


def _ranks(left: np.ndarray, right: np.ndarray) -> float:
    """Spearman's correlation; NaN where a side is constant or too short."""
    if len(left) < 3 or np.ptp(left) == 0 or np.ptp(right) == 0:
        return float("nan")
    return float(spearmanr(left, right).statistic)
