"""Findings -> `ReportData`: picks what the page shows; every number comes from tables and readings."""

from collections.abc import Mapping, Sequence
from importlib.metadata import version

import numpy as np
import pandas as pd

from mechcot.core.reading import Reading
from mechcot.core.trace import StepKind, Trace
from mechcot.measure.registry import MEASURES
from mechcot.stats.bootstrap import bootstrap_mean
from mechcot.stats.sentences import accuracy_sentence, conclusion_sentence, row_sentence
from mechcot.stats.series import series
from mechcot.study.findings import Finding, Tables, judged_cards, not_judged, null_name, nulls
from mechcot.study.models import Models
from mechcot.study.plan import Study
from mechcot.view.report_data import (
    VERDICTS,
    AccuracyRow,
    Band,
    Comparison,
    CostRow,
    EarlyCurves,
    ItemShown,
    ItemValues,
    KindRow,
    ModelEntry,
    NotJudgedRow,
    NullRow,
    OwnChainCell,
    PatchMap,
    PromptShown,
    ReportData,
    Sentence,
    SeriesLine,
    StepMaps,
    StepShown,
    Stratum,
    Verdict,
    contrast_rows,
    gate_rows,
)

GRID = np.linspace(0.0, 1.0, 21)
PLACES = ("0-20 %", "20-40 %", "40-60 %", "60-80 %", "80-100 %")
SHOWN = 3
LEAD = ("early_answering", "filler", "suppression", "step_patching", "step_attention")
"""Measures in the order in which one of them ranks the items that are printed in full."""

Readings = Mapping[tuple[str, str, str, str], Reading]


def item_values(finding: Finding, tables: Tables, *, seed: int) -> tuple[ItemValues, ...]:
    """Every measure item by item, for the slope plots."""
    rows = tables.readings[tables.readings["author"] == finding.author]
    found = []
    for name in finding.headline.table["measure"]:
        card = MEASURES[name].card
        wide = (
            rows[(rows["measure"] == name) & rows["reader"].isin([finding.before, finding.after])]
            .pivot_table(index="item", columns="reader", values="value", aggfunc="mean")
            .reindex(columns=[finding.before, finding.after])
            .dropna()
        )
        before, after = (wide[name].to_numpy(float) for name in (finding.before, finding.after))
        sides = [bootstrap_mean(v, clusters=None, seed=seed, purpose=card.name) for v in (before, after)]
        found.append(
            ItemValues(
                measure=name,
                title=card.title,
                unit=card.unit,
                items=tuple(str(item) for item in wide.index),
                before=before,
                after=after,
                mean_before=sides[0].mean,
                mean_after=sides[1].mean,
                low_before=sides[0].low,
                high_before=sides[0].high,
                low_after=sides[1].low,
                high_after=sides[1].high,
            )
        )
    return tuple(found)


def early_curves(
    finding: Finding, readings: Readings, traces: Sequence[Trace], *, seed: int
) -> EarlyCurves | None:
    """Mean answer probability against the share of the chain that was given."""
    bands = [
        _band(finding.author, reader, readings, traces, seed=seed)
        for reader in (finding.before, finding.after)
    ]
    return None if None in bands else EarlyCurves(before=bands[0], after=bands[1])


def _band(
    author: str, reader: str, readings: Readings, traces: Sequence[Trace], *, seed: int
) -> Band | None:
    curves, areas = [], []
    for trace in traces:
        reading = readings.get(("early_answering", author, reader, trace.id))
        if reading is None or "soft" not in reading.results:
            continue
        soft = reading.results["soft"].values
        curves.append(np.interp(GRID, np.linspace(0.0, 1.0, len(soft)), soft))
        areas.append(reading.value)
    if not curves:
        return None
    points = np.array(curves).T
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
        area=float(np.mean(areas)),
    )


def step_maps(finding: Finding, readings: Readings, traces: Sequence[Trace]) -> tuple[StepMaps, ...]:
    """Step x step matrices of one trace: the one whose number of steps is the median."""
    both = [
        trace
        for trace in traces
        if all(
            (r := readings.get((m, finding.author, reader, trace.id))) is not None and r.results
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
            readings[(measure, finding.author, reader, trace.id)].results[name]
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


def patch_maps(finding: Finding, readings: Readings, traces: Sequence[Trace]) -> tuple[PatchMap, ...]:
    """Layer x place in the chain, mean over items, for each readout of step patching."""
    found = []
    for readout, title in (("next", "next"), ("answer", "answer (later text kept)")):
        sides = [
            _patch_mean(readout, finding.author, reader, readings, traces)
            for reader in (finding.before, finding.after)
        ]
        if any(side is None for side in sides):
            continue
        (before, n), (after, _) = sides
        found.append(
            PatchMap(
                readout=title,
                unit=MEASURES["step_patching"].card.unit,
                layers=tuple(range(len(before))),
                places=PLACES,
                before=before,
                after=after,
                difference=after - before,
                n=n,
            )
        )
    return tuple(found)


def _patch_mean(
    readout: str, author: str, reader: str, readings: Readings, traces: Sequence[Trace]
) -> tuple[np.ndarray, int] | None:
    """Mean over items of each item's mean in every fifth of the chain."""
    grids = []
    for trace in traces:
        reading = readings.get(("step_patching", author, reader, trace.id))
        if reading is None or readout not in reading.results:
            continue
        result = reading.results[readout]
        share = np.array(result.labels["step"]) / max(1, len(trace.chain_steps))
        place = np.minimum((share * len(PLACES)).astype(int), len(PLACES) - 1)
        grid = np.full((result.values.shape[0], len(PLACES)), np.nan)
        for p in set(place):
            grid[:, p] = _nanmean(result.values[:, place == p], axis=1)
        grids.append(grid)
    if not grids:
        return None
    return _nanmean(np.array(grids), axis=0), len(grids)


def _nanmean(values: np.ndarray, *, axis: int) -> np.ndarray:
    """Mean without NaN, NaN where nothing is left (and no warning)."""
    count = np.isfinite(values).sum(axis=axis)
    total = np.nansum(values, axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def kinds(finding: Finding, readings: Readings, traces: Sequence[Trace], *, seed: int) -> tuple[KindRow, ...]:
    """How far hiding a step of each kind moves the answer, before and after."""
    rows: list[dict[str, object]] = []
    for trace in traces:
        both = [
            readings.get(("suppression", finding.author, reader, trace.id))
            for reader in (finding.before, finding.after)
        ]
        if any(r is None or "answer" not in r.results for r in both):
            continue
        values = [r.results["answer"].values for r in both if r is not None]
        rows += [
            {"item": trace.problem.id, "kind": step.kind, "before": b, "after": a}
            for step, b, a in zip(trace.chain_steps, *values, strict=True)
        ]
    table = pd.DataFrame(rows, columns=["item", "kind", "before", "after"])
    found = []
    for kind in StepKind:
        part = table[table["kind"] == kind]
        if part.empty:
            continue
        means = part.groupby("item")[["before", "after"]].mean()
        moved = bootstrap_mean(
            (means["after"] - means["before"]).to_numpy(float),
            clusters=None,
            seed=seed,
            purpose=f"kind {kind}",
        )
        found.append(
            KindRow(
                kind=kind.value,
                unit="probability",
                before=float(means["before"].mean()),
                after=float(means["after"].mean()),
                delta=moved.mean,
                low=moved.low,
                high=moved.high,
                n=len(part),
            )
        )
    return tuple(found)


def shown_items(
    finding: Finding, readings: Readings, traces: Sequence[Trace]
) -> tuple[tuple[ItemShown, ...], tuple[ItemShown, ...]]:
    """The items with the largest loss and gain of the leading measure."""
    lead = next((name for name in LEAD if name in set(finding.headline.table["measure"])), None)
    if lead is None:
        return (), ()
    found = [
        item for trace in traces if (item := _shown(finding, readings, trace, lead=lead)) is not None
    ]
    ordered = sorted(found, key=lambda item: (item.delta, item.item))
    losses = tuple(item for item in ordered[:SHOWN] if item.delta < 0)
    gains = tuple(item for item in ordered[::-1][:SHOWN] if item.delta > 0)
    return losses, gains


def _shown(finding: Finding, readings: Readings, trace: Trace, *, lead: str) -> ItemShown | None:
    def get(measure: str, reader: str) -> Reading | None:
        return readings.get((measure, finding.author, reader, trace.id))

    before, after = get(lead, finding.before), get(lead, finding.after)
    if before is None or after is None or not np.isfinite(before.value - after.value):
        return None
    importance = [
        reading.results["answer"].values
        if (reading := get("suppression", reader)) is not None and "answer" in reading.results
        else np.full(len(trace.chain_steps), np.nan)
        for reader in (finding.before, finding.after)
    ]
    answers = [
        (gate.notes.get("answer", "") if (gate := get("gates", reader)) is not None else "")
        for reader in (finding.before, finding.after)
    ]
    card = MEASURES[lead].card
    return ItemShown(
        item=trace.problem.id,
        question=trace.problem.question,
        reference=trace.problem.answer,
        steps=tuple(
            StepShown(text=step.text, kind=step.kind.value, before=float(b), after=float(a))
            for step, b, a in zip(trace.chain_steps, *importance, strict=True)
        ),
        importance="movement of the answer when the step is hidden from attention (probability)",
        answer_before=answers[0] or "none read",
        answer_after=answers[1] or "none read",
        measure=card.title,
        unit=card.unit,
        before=before.value,
        after=after.value,
        delta=after.value - before.value,
    )


def own_cells(finding: Finding, tables: Tables, *, seed: int) -> tuple[OwnChainCell, ...]:
    """The 2 x 2 of author and reader for accuracy and the cheap measures."""
    found = []
    for title, unit, measure in (
        ("Accuracy with the chain", "share", "gates"),
        ("Early answering", "probability", "early_answering"),
    ):
        rows = tables.readings[tables.readings["measure"] == measure]
        for author in (finding.before, finding.after):
            for reader in (finding.before, finding.after):
                cell = rows[(rows["author"] == author) & (rows["reader"] == reader)]
                values = cell["value"].dropna().to_numpy(float)
                if not len(values):
                    continue
                end = bootstrap_mean(values, clusters=None, seed=seed, purpose=f"own {measure}")
                found.append(
                    OwnChainCell(title, author, reader, end.mean, end.low, end.high, end.n, unit)
                )
    return tuple(found)


def null_rows(
    study: Study, table: pd.DataFrame, findings: Sequence[Finding], *, reference: str
) -> tuple[NullRow, ...]:
    """Identity edits, yardsticks, and the scaled copy of the first model."""
    words = {
        "identity": ("identity edit", "exactly 0"),
        "noise": ("two kernel paths", "below a third of the smallest effect"),
        "null_random": ("as many random positions", "far below the measure's own value"),
        "ceiling": ("ceiling: the twin's whole text", "a yardstick"),
        "ceiling_fact": ("ceiling: the fact in the question", "a yardstick"),
        "expected_share": ("share of the tokens that are chain", "a yardstick"),
    }
    found = []
    for row in table.to_dict("records"):
        name, expected = words.get(str(row["name"]), (str(row["name"]), "a yardstick"))
        card = MEASURES[str(row["measure"])].card
        exact, floor = row["name"] == "identity", row["name"] == "noise"
        ok = None
        if exact:
            ok = row["largest"] == 0.0
        elif floor:
            ok = row["largest"] < card.smallest_effect / 3
        value = row["largest"] if exact or floor else row["mean"]
        found.append(
            NullRow(
                name=name,
                measure=card.title,
                model=str(row["reader"]),
                value=float(value),
                expected=expected,
                ok=ok,
                n=int(row["n"]),
                unit=card.unit,
            )
        )
    for finding in findings:
        if finding.after != null_name(study):
            continue
        for row in finding.headline.table.to_dict("records"):
            found.append(
                NullRow(
                    name="logits × 1.5",
                    measure=str(row["title"]),
                    model=f"{reference} against itself, more confident",
                    value=float(row["delta"]),
                    low=float(row["low"]),
                    high=float(row["high"]),
                    expected=f"within ±{row['smallest_effect']:g}",
                    ok=row["verdict"] not in {"less", "more"},
                    n=int(row["n"]),
                    unit=str(row["unit"]),
                )
            )
    return tuple(found)


def not_judged_rows(tables: Tables) -> tuple[NotJudgedRow, ...]:
    """Items that could not be measured, counted."""
    return tuple(
        NotJudgedRow(
            measure=MEASURES[str(row["measure"])].card.title,
            model=f"{row['reader']} on chains of {row['author']}",
            reason=str(row["reason"]),
            count=int(row["count"]),
        )
        for row in not_judged(tables).to_dict("records")
    )


def report_data(
    study: Study,
    models: Models,
    *,
    findings: Sequence[Finding],
    tables: Tables,
    used: Sequence[Trace],
    written: Mapping[str, Sequence[Trace]],
) -> ReportData:
    """Everything the page shows."""
    author = findings[0].author
    real = [finding for finding in findings if finding.after != null_name(study)]
    first = models.get(models.first)
    count = len(written[author])
    kept = (
        f"{len(used)} of {count} chains of {author}, those whose answer is right"
        if study.chains == "correct" and study.traces is None
        else f"all {count} chains of {author}"
    )
    return ReportData(
        title=f"Is the chain still used? {' → '.join(models.names)}",
        command=study.command,
        models=tuple(_entry(models, name) for name in models.names),
        prompt=PromptShown(
            policy=first.policy.describe(),
            example=written[author][0].prompt,
            cue=first.cue.text,
        ),
        problems=count,
        source=f"Problems: {study.problems or study.traces}. The comparison reads {kept}.",
        comparisons=tuple(_comparison(study, f, tables, used) for f in real),
        accuracy=accuracy_rows(models.names, tables, author=author, seed=study.seed),
        series=series_lines(study, tables, author=author, names=models.names),
        nulls=null_rows(study, nulls(tables, author=author), findings, reference=models.first),
        not_judged=not_judged_rows(tables),
        costs=cost_rows(tables),
        cards=judged_cards(study),
        versions=versions(),
        settings={
            "seed": str(study.seed),
            "resamples": "10,000, over items",
            "interval": "95 %",
            "measures": ", ".join(study.measure_names),
            "precision": study.dtype,
            "temperature": f"{study.temperature:g}",
            "longest completion": f"{study.max_tokens} tokens",
        },
    )


def _entry(models: Models, name: str) -> ModelEntry:
    reader = models.get(name)
    return ModelEntry(
        name=name,
        spec=models.specs[name].text,
        weights_hash=models.weights_hash(name),
        dtype=str(reader.dtype).removeprefix("torch."),
        device=str(reader.device),
        parameters=sum(weight.numel() for weight in reader.model.parameters()),
        revision=models.specs[name].revision or "",
    )


def _comparison(study: Study, finding: Finding, tables: Tables, used: Sequence[Trace]) -> Comparison:
    headline, readings, seed = finding.headline, tables.all, study.seed
    cards = {card.name: card for card in judged_cards(study)}
    losses, gains = shown_items(finding, readings, used)
    rows = headline.table.to_dict("records")
    strata = finding.strata
    return Comparison(
        name=f"{finding.before} → {finding.after}",
        before=finding.before,
        after=finding.after,
        accuracy=Sentence(
            accuracy_sentence((finding.own or headline).accuracy),
            verdict=(finding.own or headline).accuracy.verdict,
        ),
        headline=(
            Sentence(
                conclusion_sentence(headline.conclusion), verdict=_verdict(headline.conclusion.verdict)
            ),
            *(
                Sentence(row_sentence(row), row["verdict"], str(row["measure"]), str(row["status"]))
                for row in rows
            ),
        ),
        contrasts=contrast_rows(headline.table, cards),
        gates=gate_rows(headline.gates),
        strata=tuple(
            Stratum(name=str(name), rows=contrast_rows(part, cards))
            for name, part in (strata.groupby("stratum") if len(strata) else ())
        ),
        items=item_values(finding, tables, seed=seed),
        early=early_curves(finding, readings, used, seed=seed),
        step_maps=step_maps(finding, readings, used),
        step_sentences=step_sentences(finding, readings, used),
        kinds=kinds(finding, readings, used, seed=seed),
        patch_maps=(maps := patch_maps(finding, readings, used)),
        layer_sentences=layer_sentences(finding, maps),
        losses=losses,
        gains=gains,
        own_chains=own_cells(finding, tables, seed=seed),
        own_note="" if finding.own is None or finding.own.matched is None else finding.own.matched.reason,
    )


def _verdict(word: str) -> Verdict:
    return next((verdict for verdict in VERDICTS if verdict == word), "inconclusive")


def step_sentences(
    finding: Finding, readings: Readings, traces: Sequence[Trace]
) -> tuple[Sentence, ...]:
    """Which steps carry the answer, in words: the place of the step whose hiding moves the answer most."""
    found = []
    for reader in (finding.before, finding.after):
        places, sizes = [], []
        for trace in traces:
            reading = readings.get(("suppression", finding.author, reader, trace.id))
            if reading is None or "answer" not in reading.results:
                continue
            values = reading.results["answer"].values
            places.append((int(np.argmax(values)) + 1) / len(values))
            sizes.append(float(values.max()))
        if sizes:
            found.append(
                Sentence(
                    f"For {reader}, hiding the single most important step moves the answer's distribution by "
                    f"{np.mean(sizes):.2f} on average (total variation, 0 to 1, {len(sizes)} items); "
                    f"that step stands at {np.median(places):.0%} of the chain (median).".replace("%", " %")
                )
            )
    return tuple(found)


def layer_sentences(finding: Finding, maps: Sequence[PatchMap]) -> tuple[Sentence, ...]:
    """Where in the network a stated value is read, in words: the last layer with half of the largest effect."""
    found = []
    for readout in maps:
        for name, grid in ((finding.before, readout.before), (finding.after, readout.after)):
            by_layer = _nanmean(grid, axis=1)
            if not np.isfinite(by_layer).any():
                continue
            top = float(np.nanmax(by_layer))
            if top < MEASURES["step_patching"].card.smallest_effect:
                text = (
                    f"Readout {readout.readout}: in {name} no layer moves what follows by "
                    f"{MEASURES['step_patching'].card.smallest_effect:g} or more (largest mean {top:.2f})."
                )
            else:
                last = int(np.max(np.nonzero(by_layer >= top / 2)))
                text = (
                    f"Readout {readout.readout}: in {name} the stated value moves what follows by {top:.2f} at most, "
                    f"and by at least half of that up to the input of block {last}: "
                    f"later blocks have already read it."
                )
                if last == len(by_layer) - 1 and np.nanmin(by_layer) >= 0.9 * top:
                    text += " The effect is nearly the same at every layer, so the layer axis says little here."
            found.append(Sentence(text))
    return tuple(found)


def accuracy_rows(
    names: Sequence[str], tables: Tables, *, author: str, seed: int
) -> tuple[AccuracyRow, ...]:
    """Accuracy of every model with its own chain, the headline chain, none, and another item's."""
    found = []
    for name in names:
        for condition, writer, scalar in (
            ("own chain", name, "own_correct"),
            (f"{author}'s chain", author, "acc_with"),
            ("no chain", author, "acc_without"),
            ("another item's chain", author, "acc_other"),
        ):
            rows = tables.scalars
            cell = rows[
                (rows["name"] == scalar) & (rows["author"] == writer) & (rows["reader"] == name)
            ]
            values = cell["value"].dropna().to_numpy(float)
            if len(values):
                end = bootstrap_mean(values, clusters=None, seed=seed, purpose=f"accuracy {scalar}")
                found.append(AccuracyRow(name, condition, end.mean, end.low, end.high, end.n))
    return tuple(found)


def series_lines(
    study: Study, tables: Tables, *, author: str, names: Sequence[str]
) -> tuple[SeriesLine, ...]:
    """One line per measure over all checkpoints, on the items that every checkpoint has."""
    if len(names) < 3:
        return ()
    cards = judged_cards(study)
    table = series(tables.readings, cards, checkpoints=names, author=author, seed=study.seed)
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
            )
        )
    return tuple(found)


def cost_rows(tables: Tables) -> tuple[CostRow, ...]:
    """Seconds spent per measure and reader."""
    grouped = tables.readings.groupby(["measure", "reader"], sort=True)["seconds"].agg(["sum", "count"])
    return tuple(
        CostRow(
            what=MEASURES[str(row["measure"])].card.title,
            model=str(row["reader"]),
            items=int(row["count"]),
            seconds=float(row["sum"]),
        )
        for row in grouped.reset_index().to_dict("records")
    )


def versions() -> Mapping[str, str]:
    """Versions of what made the numbers."""
    names = ("mechcot", "torch", "transformers", "numpy", "scipy", "tokenizers")
    return {name: version(name) for name in names}
