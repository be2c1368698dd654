"""What the page shows item by item, and its sentences about steps and layers."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mechcot.compare.report_figures import WHOLE, ArrayReader
from mechcot.core.card import Act, ArrayCard, MeasureCard
from mechcot.core.measurement import Measurement
from mechcot.core.trace import Trace
from mechcot.core.wording import count_of
from mechcot.stats.gates import GATE_MEASURE
from mechcot.text.number_format import number
from mechcot.view.pages.report_data import ItemShown, Sentence, StepShown

_SHOWN = 3
SEEN = 0.005
"""A change that is smaller reads 0.00 and is no loss or gain to show."""
_DOING: dict[Act, str] = {
    "": "acting on",
    "text": "misstating",
    "attention": "hiding",
    "state": "changing the state of",
}
_ORDER: tuple[Act, ...] = ("attention", "text", "state", "")
"""What is read on every step first."""


def leading_array(cards: Sequence[MeasureCard]) -> tuple[MeasureCard, ArrayCard] | None:
    """The array that says how much each step carries: of an act on every step where there is one."""
    carrying = [(c, a) for c in cards for a in c.arrays if a.carries and a.axes == ("step",)]
    return min(carrying, key=lambda pair: _ORDER.index(pair[1].acts), default=None)


def shown_items(
    reader: ArrayReader, cards: Sequence[MeasureCard]
) -> tuple[tuple[ItemShown, ...], tuple[ItemShown, ...]]:
    """The items with the largest loss and gain of the first measure that can tell; none where no chain is shared.

    Args:
        reader: Gives the two models, their measurements and the chains.
        cards: The measures that are compared, in the order of preference.

    Returns:
        At most three losses, the largest first, and as many gains.
    """
    lead = next((card for card in sorted(cards, key=_preference) if card.direction), None)
    if not reader.finding.same or lead is None:
        return (), ()
    items = [_item(reader, trace, lead, leading_array(cards)) for trace in reader.traces]
    ordered = sorted(filter(None, items), key=lambda item: (item.delta, item.item))
    losses = tuple(item for item in ordered[:_SHOWN] if item.delta < -SEEN)
    gains = tuple(item for item in ordered[::-1][:_SHOWN] if item.delta > SEEN)
    return losses, gains


def _preference(card: MeasureCard) -> tuple[bool, int]:
    return card.status == "exploratory", card.rank


def _item(
    reader: ArrayReader,
    trace: Trace,
    lead: MeasureCard,
    carrying: tuple[MeasureCard, ArrayCard] | None,
) -> ItemShown | None:
    def get(measure: str) -> list[Measurement | None]:
        author = reader.finding.author
        return [
            reader.measurements.get((measure, author(n), n, trace.id))
            for n in reader.finding.readers
        ]

    before, after = get(lead.name)
    if before is None or after is None or not np.isfinite(before.value - after.value):
        return None
    importance, meaning = [np.full(len(trace.chain_steps), np.nan)] * 2, ""
    if carrying is not None:
        card, array = carrying
        meaning = f"{array.meaning} ({card.unit})"
        importance = [
            r.results[array.name].values if r is not None and array.name in r.results else empty
            for r, empty in zip(get(card.name), importance, strict=True)
        ]
    answers = [
        gate.notes.get("answer", "") if gate is not None else "" for gate in get(GATE_MEASURE)
    ]
    return ItemShown(
        item=trace.problem.id,
        question=trace.problem.question,
        reference=trace.problem.answer,
        steps=tuple(
            StepShown(text=step.text, kind=step.kind.value, before=float(b), after=float(a))
            for step, b, a in zip(trace.chain_steps, *importance, strict=True)
        ),
        importance=meaning,
        answer_before=answers[0] or "none read",
        answer_after=answers[1] or "none read",
        measure=lead.title,
        unit=lead.unit,
        before=before.value,
        after=after.value,
        delta=after.value - before.value,
    )


def step_sentences(
    reader: ArrayReader, card: MeasureCard, array: ArrayCard
) -> tuple[Sentence, ...]:
    """Which steps carry the answer: the place of the step that moves it most, one sentence per model with measurements.

    Args:
        reader: Gives the two models, their measurements and the chains.
        card: The measure.
        array: Its array of one value per step, where a high value carries.
    """
    table, sentences = reader.finding.headline.table, []
    judged = "not judged" not in set(table.loc[table["measure"] == card.name, "verdict"])
    for name in reader.finding.readers:
        places, sizes, counts = [], [], set()
        for trace in reader.traces:
            row = reader.array(card.name, array.name, name, trace)
            if row is None or not np.isfinite(row.values).any():
                continue
            places.append((int(np.nanargmax(row.values)) + 1) / len(row.values))
            sizes.append(float(np.nanmax(row.values)))
            counts.add(len(row.values))
        if not sizes:
            continue
        if len(sizes) < card.min_items:
            few = f"{card.title} has values of {count_of(len(sizes), 'item')}; {card.min_items} are needed to say which steps carry the answer."
            return (Sentence(few),)
        mean, act = float(np.mean(sizes)), _DOING[array.acts]
        if mean < card.smallest_effect:
            so = "no step carries the answer alone" if judged else "not judged, as a gate is closed"
            text = (
                f"For {name}, {act} any single step moves the answer by less than {card.smallest_effect:g} "
                f"({card.unit}; the largest of a chain is {number(mean)} on average, {len(sizes)} items): {so}."
            )
        else:
            text = (
                f"For {name}, {act} the single most important step moves the answer by {mean:.2f} "
                f"({card.unit}; mean over {len(sizes)} items); {_place(places, one=counts == {1})}"
            )
        sentences.append(Sentence(text))
    return tuple(sentences)


def _place(places: Sequence[float], *, one: bool) -> str:
    """Where the most important step stands."""
    if one:
        return "every chain is one step, so this is the whole chain."
    return f"that step stands at {100 * np.median(places):.0f} % of the chain (median)."


def layer_sentences(
    reader: ArrayReader, card: MeasureCard, frame: pd.DataFrame
) -> tuple[Sentence, ...]:
    """Where in the network it is read, in words: the last layer with half of the largest effect.

    Args:
        reader: Gives the two models.
        card: The measure.
        frame: Its place maps, as `place_frames` gives them.
    """
    whole = frame[frame["place"] == WHOLE]
    return tuple(
        Sentence(
            _layers(str(readout), name, rows[side].to_numpy(float), card, int(rows["items"].max()))
        )
        for readout, rows in whole.groupby("readout", sort=False)
        for name, side in zip(reader.finding.readers, ("before", "after"), strict=True)
        if rows[side].notna().any()
    )


def _layers(readout: str, name: str, by_layer: np.ndarray, card: MeasureCard, n: int) -> str:
    top, last_layer = float(np.nanmax(by_layer)), len(by_layer) - 1
    about = f"{card.title}, readout {readout}: in {name}"
    if top < card.smallest_effect:
        return f"{about} no layer moves what follows by {card.smallest_effect:g} or more (largest mean {top:.2f})."
    last = int(np.max(np.nonzero(by_layer >= top / 2)))
    text = (
        f"{about} the stated value moves what follows by {top:.2f} (mean over {n} items, at the strongest layer), "
        f"and by at least half of that up to the input of block {last}"
    )
    if last < last_layer:
        return f"{text}: later blocks have already read it."
    flat = np.nanmin(by_layer) >= 0.9 * top
    say = " The effect is nearly the same at every layer, so the layer axis says little here."
    return f"{text}, the last.{say * bool(flat)}"
