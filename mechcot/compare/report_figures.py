"""The values behind the page's figures, picked from tables and measurements: curves, maps, slopes, series."""

from collections.abc import Mapping, Sequence

import numpy as np

from mechcot.compare.findings import Measurements, PairFinding, Tables, judged_cards
from mechcot.compare.study import Study
from mechcot.core.trace import Trace
from mechcot.stats.bootstrap import bootstrap_mean
from mechcot.stats.series import series
from mechcot.stats.tables import pair_values
from mechcot.view.pages.report_data import Band, EarlyCurves, ItemValues, SeriesLine, StepMaps

GRID = np.linspace(0.0, 1.0, 21)


def item_values(finding: PairFinding, tables: Tables) -> tuple[ItemValues, ...]:
    """Every measure item by item, for the slope plots: the pairs and the means of the contrast table.

    Args:
        finding: Gives the two models, the measures and whose chains they read.
        tables: Measurements of the whole study; several chains of an item are paired and averaged.

    Returns:
        One entry per measure, on the items with a value on both sides.
    """
    claim = finding.headline
    found = []
    for row in claim.table.to_dict("records"):
        pairs = pair_values(
            tables.measurements[tables.measurements["measure"] == row["measure"]],
            before=claim.before,
            after=claim.after,
            author=claim.author,
            items=None if claim.matched is None else claim.matched.items,
        )
        found.append(
            ItemValues(
                measure=str(row["measure"]),
                title=str(row["title"]),
                unit=str(row["unit"]),
                items=pairs.items,
                before=pairs.before,
                after=pairs.after,
                mean_before=row["before"],
                mean_after=row["after"],
                low_before=row["before_low"],
                high_before=row["before_high"],
                low_after=row["after_low"],
                high_after=row["after_high"],
            )
        )
    return tuple(found)


def early_curves(
    finding: PairFinding, measurements: Measurements, traces: Sequence[Trace], *, seed: int
) -> EarlyCurves | None:
    """Mean answer probability against the share of the chain that was given.

    Args:
        finding: Gives the two models and whose chains they read.
        measurements: Every measurement by (measure, author, reader, trace id).
        traces: The chains that are judged.
        seed: Seed of the study, for the bands.

    Returns:
        None when one of the models has no such curve.
    """
    before, after = (
        _band(finding.author(reader), reader, measurements, traces, seed=seed)
        for reader in (finding.before, finding.after)
    )
    return None if before is None or after is None else EarlyCurves(before=before, after=after)


def _band(
    author: str, reader: str, measurements: Measurements, traces: Sequence[Trace], *, seed: int
) -> Band | None:
    curves: dict[str, list[np.ndarray]] = {}
    areas: dict[str, list[float]] = {}
    for trace in traces:
        measurement = measurements.get(("early_answering", author, reader, trace.id))
        if measurement is None or "soft" not in measurement.results:
            continue
        soft = measurement.results["soft"].values
        curve = np.interp(GRID, np.linspace(0.0, 1.0, len(soft)), soft)
        curves.setdefault(trace.problem.id, []).append(curve)
        areas.setdefault(trace.problem.id, []).append(measurement.value)
    if not curves:
        return None
    points = np.array([np.mean(of_item, axis=0) for of_item in curves.values()]).T
    ends = [
        bootstrap_mean(point, clusters=None, seed=seed, purpose="early curve", resamples=2000)
        for point in points
    ]
    return Band(
        model=reader,
        x=GRID,
        mean=points.mean(axis=1),
        low=np.array([e.low for e in ends]),
        high=np.array([e.high for e in ends]),
        n=len(curves),
        area=float(np.mean([np.mean(of_item) for of_item in areas.values()])),
    )


def step_maps(
    finding: PairFinding, measurements: Measurements, traces: Sequence[Trace]
) -> tuple[StepMaps, ...]:
    """Step x step matrices of one trace that both read: the one whose number of steps is the median.

    Args:
        finding: Gives the two models; nothing is shown when each read its own chains.
        measurements: Every measurement by (measure, author, reader, trace id).
        traces: The chains to choose from.

    Returns:
        Suppression (nats) and attention mass, both of that trace; empty when no trace of several steps has both from both.
    """
    if not finding.same:
        return ()
    both = [
        trace
        for trace in traces
        if len(trace.chain_steps) > 1
        and all(
            (r := measurements.get((m, trace.author, reader, trace.id))) is not None and r.results
            for m in ("suppression", "step_attention")
            for reader in (finding.before, finding.after)
        )
    ]
    if not both:
        return ()
    order = sorted(both, key=lambda trace: (len(trace.chain_steps), trace.id))
    trace = order[len(order) // 2]
    labels = tuple(f"{s.index + 1} {' '.join(s.text.split())}" for s in trace.chain_steps)
    found = []
    for measure, name, title in (
        ("suppression", "kl", "Attention suppression: KL of each later step when a step is hidden"),
        ("step_attention", "mass", "Attention mass of each step on earlier steps, all heads"),
    ):
        before, after = (
            measurements[(measure, trace.author, reader, trace.id)].results[name]
            for reader in (finding.before, finding.after)
        )
        found.append(
            StepMaps(
                measure=measure,
                title=title,
                unit=before.unit,
                item=trace.problem.id,
                sources=labels,
                targets=labels,
                before=before.values,
                after=after.values,
                difference=(after - before).values,
                why=f"the chain with the median number of steps ({len(labels)}) among {len(both)}",
            )
        )
    return tuple(found)


def series_lines(
    study: Study,
    tables: Tables,
    *,
    author: str | None,
    names: Sequence[str],
    answers: Mapping[str, str],
) -> tuple[SeriesLine, ...]:
    """One line per measure over all checkpoints, on the items that every checkpoint has, from the same chains.

    Args:
        study: The settings.
        tables: Measurements and scalars of the whole study.
        author: Who wrote the chains; None (each its own): no lines.
        names: Checkpoints in training order; fewer than three: no lines.
        answers: Reference answer of each item, for the chance level.
    """
    if len(names) < 3 or author is None:
        return ()
    cards = judged_cards(study)
    table = series(
        tables.measurements,
        tables.scalars,
        cards,
        checkpoints=names,
        author=author,
        answers=answers,
        seed=study.seed,
    )
    found = []
    for card in cards:
        rows = table[table["measure"] == card.name].sort_values("position")
        found.append(
            SeriesLine(
                measure=card.name,
                title=card.title,
                unit=card.unit,
                checkpoints=tuple(rows["checkpoint"]),
                mean=rows["value"].to_numpy(float),
                low=rows["value_low"].to_numpy(float),
                high=rows["value_high"].to_numpy(float),
                n=int(rows["n"].max()),
                verdicts=("reference", *rows["verdict"].iloc[1:]),
            )
        )
    return tuple(found)
