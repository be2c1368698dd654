"""Items of the page, one by one, and its sentences about steps and layers."""

from collections.abc import Sequence

import numpy as np

from mechcot.compare.findings import Measurements, PairFinding
from mechcot.core.measurement import Measurement
from mechcot.core.trace import Trace
from mechcot.measures.registry import MEASURES
from mechcot.text.number_format import number
from mechcot.view.pages.report_data import ItemShown, PatchMap, Sentence, StepShown

_SHOWN = 3
SEEN = 0.005
"""A change that is smaller reads 0.00 and is no loss or gain to show."""
LEAD = ("early_answering", "filler", "suppression", "step_patching", "step_attention")
"""Measures in the order in which one of them ranks the items that are printed in full."""


def shown_items(
    finding: PairFinding, measurements: Measurements, traces: Sequence[Trace]
) -> tuple[tuple[ItemShown, ...], tuple[ItemShown, ...]]:
    """The items with the largest loss and gain of the leading measure; none where no chain is shared.

    Args:
        finding: Gives the two models and the measures.
        measurements: Every measurement by (measure, author, reader, trace id).
        traces: The chains that are judged.

    Returns:
        At most three losses, the largest first, and as many gains.
    """
    if not finding.same:
        return (), ()
    lead = next((name for name in LEAD if name in set(finding.headline.table["measure"])), None)
    if lead is None:
        return (), ()
    found = [
        item
        for trace in traces
        if (item := _shown(finding, measurements, trace, lead=lead)) is not None
    ]
    ordered = sorted(found, key=lambda item: (item.delta, item.item))
    losses = tuple(item for item in ordered[:_SHOWN] if item.delta < -SEEN)
    gains = tuple(item for item in ordered[::-1][:_SHOWN] if item.delta > SEEN)
    return losses, gains


def _shown(
    finding: PairFinding, measurements: Measurements, trace: Trace, *, lead: str
) -> ItemShown | None:
    def get(measure: str, reader: str) -> Measurement | None:
        return measurements.get((measure, finding.author(reader), reader, trace.id))

    before, after = get(lead, finding.before), get(lead, finding.after)
    if before is None or after is None or not np.isfinite(before.value - after.value):
        return None
    importance = [
        measurement.results["answer"].values
        if (measurement := get("suppression", reader)) is not None
        and "answer" in measurement.results
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


def step_sentences(
    finding: PairFinding, measurements: Measurements, traces: Sequence[Trace]
) -> tuple[Sentence, ...]:
    """Return which steps carry the answer, in words: the place of the step whose hiding moves the answer most.

    Args:
        finding: Gives the two models and whose chains they read.
        measurements: Every measurement by (measure, author, reader, trace id).
        traces: The chains that are judged.

    Returns:
        One sentence per model that has measurements.
    """
    found, smallest = [], MEASURES["suppression"].card.smallest_effect
    table = finding.headline.table
    judged = "not judged" not in set(table.loc[table["measure"] == "suppression", "verdict"])
    for reader in (finding.before, finding.after):
        places, sizes, counts = [], [], set()
        for trace in traces:
            measurement = measurements.get(
                ("suppression", finding.author(reader), reader, trace.id)
            )
            if measurement is None or "answer" not in measurement.results:
                continue
            values = measurement.results["answer"].values
            places.append((int(np.argmax(values)) + 1) / len(values))
            sizes.append(float(values.max()))
            counts.add(len(values))
        if sizes and np.mean(sizes) < smallest:
            so = "no step carries the answer alone" if judged else "not judged, as a gate is closed"
            found.append(
                Sentence(
                    f"For {reader}, hiding any single step moves the answer's distribution by less than {smallest:g} "
                    f"(total variation, 0 to 1; the largest of a chain is {number(float(np.mean(sizes)))} on average, "
                    f"{len(sizes)} items): {so}."
                )
            )
        elif sizes:
            found.append(
                Sentence(
                    f"For {reader}, hiding the single most important step moves the answer's distribution by "
                    f"{np.mean(sizes):.2f} on average (total variation, 0 to 1, {len(sizes)} items); "
                    + _place(places, one=counts == {1})
                )
            )
    return tuple(found)


def _place(places: Sequence[float], *, one: bool) -> str:
    """Return where the most important step stands."""
    if one:
        return "every chain is one step, so this is the whole chain."
    return f"that step stands at {100 * np.median(places):.0f} % of the chain (median)."


def layer_sentences(finding: PairFinding, maps: Sequence[PatchMap]) -> tuple[Sentence, ...]:
    """Return where in the network a stated value is read, in words: the last layer with half of the largest effect."""
    found = []
    for readout in maps:
        sides = ((finding.before, readout.whole_before), (finding.after, readout.whole_after))
        for name, by_layer in sides:
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
                    f"Readout {readout.readout}: in {name} the stated value moves what follows by {top:.2f} (mean over {readout.n} items, at the strongest layer), "
                    f"and by at least half of that up to the input of block {last}"
                    + (
                        ": later blocks have already read it."
                        if last < len(by_layer) - 1
                        else ", the last."
                    )
                )
                if last == len(by_layer) - 1 and np.nanmin(by_layer) >= 0.9 * top:
                    text += " The effect is nearly the same at every layer, so the layer axis says little here."
            found.append(Sentence(text))
    return tuple(found)
