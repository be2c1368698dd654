"""Features of a sparse dictionary along the tokens of traces, for the explorer.

Which features: those that were named; else, for each kind of step, the one whose mean activation over a step is most
selective for it (Cohen's d over the steps of all traces, first reader); without kinds, those that vary most between steps.
A feature that is chosen this way is no claim about what it does: `mechcot sae falsify` tries such claims.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from mechcot.core.errors import UserError
from mechcot.core.trace import KINDS, Phase, Trace
from mechcot.model.loading.options import DEFAULTS, LoadOptions
from mechcot.model.loading.pairs import load_models
from mechcot.model.loading.preflight import preflight, rendered
from mechcot.model.reasoner import Reasoner
from mechcot.sae.dictionary import Dictionary, load
from mechcot.sae.feature_activations import read_features, selectivity
from mechcot.view.pages.explorer_data import FeatureStrip

_MOST = 8
"""Largest number of features that are chosen without a name."""
Chosen = Sequence[tuple[int, str]]


def feature_tracks(
    dictionary: Dictionary,
    readers: Sequence[Reasoner],
    traces: Sequence[Trace],
    *,
    features: Sequence[int] | None = None,
    read_by: Mapping[str, Collection[str]] | None = None,
) -> dict[str, FeatureStrip]:
    """Read a few features at every chain token. Cost: one forward a trace and reader, one more to choose.

    Args:
        dictionary: The dictionary; it must fit every reader.
        readers: The models, the reference first.
        traces: Traces whose tokens mean the same to every reader that reads them; one without a chain gets no strip.
        features: Numbers of features; None chooses (see above).
        read_by: For each trace id the names of its readers; None: every reader reads every trace.

    Returns:
        By trace id: activations, zero or more, in the dictionary's own unit [feature, token of the chain].

    Raises:
        UserError: The dictionary does not fit a reader, a feature is not in it, or there is nothing to read.
    """
    for reader in readers:
        dictionary.check(reader)
    left = [trace for trace in traces if len(trace.phase(Phase.CHAIN))]

    def of(reader: Reasoner) -> list[Trace]:
        return [t for t in left if read_by is None or reader.name in read_by.get(t.id, ())]

    if not readers or not of(readers[0]):
        raise UserError("no chain to read features on; give traces with a chain and their readers")
    if features is None:
        chosen = _choose(dictionary, readers[0], of(readers[0]))
    else:
        chosen = _named(dictionary, features)
    rows: dict[str, dict[str, np.ndarray]] = {trace.id: {} for trace in left}
    for reader in readers:
        for trace in of(reader):
            rows[trace.id][reader.name] = _along(dictionary, reader, trace, chosen)
    return {
        trace.id: FeatureStrip(
            title=f"{dictionary.name}, {dictionary.site.stream}.{dictionary.site.layer}",
            unit="activation",
            names=tuple(str(feature) for feature, _ in chosen),
            notes=tuple(note for _, note in chosen),
            start=trace.phase(Phase.CHAIN).start,
            by_reader=rows[trace.id],
        )
        for trace in left
        if rows[trace.id]
    }


def strips_of_run(
    models: Sequence[Mapping[str, Any]],
    traces: Sequence[Trace],
    *,
    dictionary: Path | str,
    features: Sequence[int] | None,
    read_by: Mapping[str, Collection[str]],
    loading: LoadOptions = DEFAULTS,
) -> dict[str, FeatureStrip]:
    """Load the models of a finished run and a dictionary, and read the features.

    Args:
        models: `models` of the run's `summary.json`: name, spec and weights.
        traces: The run's traces.
        dictionary: Folder, or RELEASE/ID of SAE-Lens.
        features: See `strips`.
        read_by: See `strips`.
        loading: How the models are loaded.

    Raises:
        UserError: A model is no longer what the run read, or see `strips`.
    """
    found = load(str(dictionary))
    readers = load_models([model["spec"] for model in models], loading, prompts="own")
    for reader, model in zip(readers, models, strict=True):
        if reader.weights_hash != model["weights"]:
            raise UserError(
                f"{model['spec']} has other weights than the run read ({reader.weights_hash}, not {model['weights']}); "
                "run `mechcot compare` again, or leave --features out"
            )
        preflight(reader, rendered(reader, traces))
    return feature_tracks(found, readers, traces, features=features, read_by=read_by)


def _named(dictionary: Dictionary, features: Sequence[int]) -> Chosen:
    for feature in features:
        if not 0 <= feature < dictionary.width:
            raise UserError(
                f"{dictionary.name} has features 0 to {dictionary.width - 1}, not {feature}"
            )
    return [(feature, "") for feature in dict.fromkeys(features)]


def _choose(dictionary: Dictionary, reader: Reasoner, traces: Sequence[Trace]) -> Chosen:
    means, kinds = [], []
    for trace in traces:
        reads = read_features(dictionary, reader, [trace])
        means.append(reads.steps)
        kinds.append(reads.kinds)
    steps, kind = np.concatenate(means), np.concatenate(kinds)
    chosen: dict[int, str] = {}
    for name in map(str, KINDS):
        d = selectivity(steps, kind == name)
        if d.max() > 0:
            chosen.setdefault(int(d.argmax()), f"most selective for {name}, d = {d.max():.1f}")
    if not chosen:
        spread = steps.std(axis=0)
        best = [int(i) for i in np.argsort(-spread)[:_MOST] if spread[i] > 0]
        chosen = dict.fromkeys(best, "varies most between steps")
    if not chosen:
        raise UserError(
            f"no feature of {dictionary.name} varies between the steps of these traces; name some"
        )
    return list(chosen.items())[:_MOST]


def _along(
    dictionary: Dictionary, reader: Reasoner, trace: Trace, chosen: Chosen
) -> Float[np.ndarray, "feature token"]:
    """Activations at every token of the chain; 0 at a text's first token, which is not read."""
    reads, span = read_features(dictionary, reader, [trace]), trace.phase(Phase.CHAIN)
    row = np.zeros((len(chosen), len(span)), dtype=np.float32)
    row[:, reads.position - span.start] = reads.values[:, [feature for feature, _ in chosen]].T
    return row
