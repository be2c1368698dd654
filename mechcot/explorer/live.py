"""A first look, in one call: chains of the first model, read by all, in the explorer. For notebooks."""

from collections.abc import Sequence

import pandas as pd

from mechcot.compare.findings import all_cards
from mechcot.compare.measure_inputs import inputs_for
from mechcot.compare.report_figures import WHOLE, Patched, place_frame
from mechcot.core.card import MeasureCard
from mechcot.core.errors import NotMeasurable, UserError
from mechcot.core.problem import Problem
from mechcot.core.trace import Trace
from mechcot.explorer.build import explorer
from mechcot.explorer.feature_tracks import feature_tracks
from mechcot.measures.registry import MEASURES, STANDARD
from mechcot.model.reasoner import Reasoner
from mechcot.sae.dictionary import Dictionary
from mechcot.tasks import with_kinds
from mechcot.view.pages.explorer import Explorer


def look(
    readers: Sequence[Reasoner],
    problems: Sequence[Problem],
    *,
    measures: Sequence[str] = STANDARD,
    max_tokens: int = 512,
    seed: int = 0,
    dictionary: Dictionary | None = None,
    features: Sequence[int] | None = None,
) -> Explorer:
    """Let the first model write, let all read, and open what they read.

    Nothing is kept on disk and nothing is judged: for that, run `mechcot compare`.

    Args:
        readers: The models, the author first; their tokenizers must agree.
        problems: The questions; one that cannot be written is left out.
        measures: Names of measures; what cannot be measured on a trace is left out there.
        max_tokens: Longest completion.
        seed: Seed of writing and of the measures' choices.
        dictionary: Shows some of its features along the tokens; None: no features.
        features: Numbers of its features; None: chosen, see `mechcot.explorer.feature_tracks`.

    Raises:
        UserError: No trace could be read, or the dictionary does not fit the models.
    """
    written = readers[0].write(problems, max_tokens=max_tokens, seed=seed, skip=lambda *_: None)
    return look_at(
        readers, written, measures=measures, seed=seed, dictionary=dictionary, features=features
    )


def look_at(
    readers: Sequence[Reasoner],
    traces: Sequence[Trace],
    *,
    measures: Sequence[str] = STANDARD,
    seed: int = 0,
    dictionary: Dictionary | None = None,
    features: Sequence[int] | None = None,
) -> Explorer:
    """Let all models read traces that are already written, and open what they read.

    Args:
        readers: The models, the reference first; their tokenizers must agree.
        traces: The traces, as `Reasoner.write` or `Reasoner.read` gives them.
        measures: See `look`.
        seed: Seed of the measures' choices.
        dictionary: See `look`.
        features: See `look`.

    Raises:
        UserError: No trace could be read, or the dictionary does not fit the models.
    """
    traces = [with_kinds(trace) for trace in traces]
    made = []
    for reader in readers:
        for trace in traces:
            seen = reader.view(trace)
            inputs = inputs_for(reader, seen, others=traces, seed=seed, against=readers[0])
            for name in measures:
                try:
                    made.append(MEASURES[name].run(reader, seen, inputs))
                except NotMeasurable:
                    continue
    names = [reader.name for reader in readers]
    return explorer(
        traces,
        made,
        readers=names,
        title=" → ".join(names),
        source="read in this session",
        strips=None
        if dictionary is None
        else feature_tracks(dictionary, readers, traces, features=features),
    )


def place_maps(found: Explorer) -> tuple[pd.DataFrame, MeasureCard]:
    """A measure over layers and steps in two models: means by layer and place in the chain over the traces that both read, and its card.

    Draw it with `mechcot.view.figures.place_map`.

    Args:
        found: What `look` gave for two models, a measure with such arrays (`step_patching`) among the measures.

    Raises:
        UserError: Not two models, of different depth, or no trace was patched in both.
    """
    readers = found.data.readers
    if len(readers) != 2:
        raise UserError(
            f"expected two models, before and after, got {len(readers)}; give `look` both"
        )
    for card in all_cards():
        frames = [
            place_frame(array.figure, *zip(*pairs, strict=True))
            for array in card.arrays
            if array.figure and (pairs := _patched(found, f"{card.name}/{array.name}"))
        ]
        if frames:
            frame = pd.concat(frames, ignore_index=True)
            return frame[frame["place"] != WHOLE], card
    raise UserError(
        "no trace was patched in both models; give `look` problems with counterfactuals and the measure step_patching"
    )


def _patched(found: Explorer, key: str) -> list[tuple[Patched, ...]]:
    """An array over layers and steps of every trace that both models have it of, before and after."""
    pairs = [
        tuple(Patched(grid.by_reader[r], grid.columns, item.n_chain) for r in found.data.readers)
        for item in found.data.items
        for grid in item.grids
        if grid.key == key
        and grid.kind == "layers"
        and set(found.data.readers) <= grid.by_reader.keys()
    ]
    if len({side.values.shape[0] for pair in pairs for side in pair}) > 1:
        raise UserError("the two models differ in depth, so their layers cannot stand side by side")
    return pairs
