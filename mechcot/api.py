"""The front door: what `import mechcot as mc` offers, as functions over the packages below.

    mc.load, mc.load_pair       models
    mc.problems, mc.read_traces, Reasoner.write   texts
    mc.measure, mc.contrast     numbers: one trace by one model; before against after over many
    mc.series, mc.patch_map     the same over several checkpoints; where in the network a stated value acts
    mc.explore                  the explorer, in a cell

Nothing here is kept on disk and no run is resumed: for that there is `mechcot compare`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from mechcot.compare.measure_inputs import inputs_for
from mechcot.compare.place_maps import PlaceMaps, place_maps
from mechcot.core.argument_kinds import checked
from mechcot.core.card import CardList, MeasureCard
from mechcot.core.errors import NotMeasurable, UserError
from mechcot.core.measurement import Measurement
from mechcot.core.pair import Pair
from mechcot.core.progress import progress_bar
from mechcot.core.trace import Trace
from mechcot.explorer.build import explore_run
from mechcot.explorer.live import look_at
from mechcot.measures.inputs import DRAWS
from mechcot.measures.registry import MEASURES, PAIRED, STANDARD, chosen_measures
from mechcot.model.prefix.lockstep import companies, together
from mechcot.model.prefix.memory import Limit
from mechcot.model.reasoner import Reasoner
from mechcot.stats.checkpoint_series import Series, series as judged_series
from mechcot.stats.measurement_tables import measurements_table, scalars_table
from mechcot.stats.pair_comparison import PairComparison, compare_pair
from mechcot.traces.load import load_traces
from mechcot.traces.validity import CHAIN_CARDS, chain_measure
from mechcot.view.pages.explorer import Explorer

load = Reasoner.load
read_traces = load_traces


def cards() -> CardList:
    """List every measure with its question, unit, smallest effect, cost and status; `mc.cards()["filler"]` is one card.

    Example:
        >>> import mechcot as mc
        >>> mc.cards()["suppression"].unit
        'probability'
    """
    measures = (measure.card for measure in MEASURES.values())
    return CardList((*measures, *CHAIN_CARDS.values()))


@checked
def measure(
    name: str,
    reader: Reasoner,
    trace: Trace,
    *,
    others: Sequence[Trace] = (),
    against: Reasoner | None = None,
    seed: int = 0,
    draws: int = DRAWS,
) -> Measurement:
    """Take one measure of one trace by one model.

    Args:
        name: One of `mc.cards()`; what it means is printed by `mechcot cards`.
        reader: The model that reads the trace.
        trace: The trace, by whomever it was written; its token ids are kept.
        others: Further traces of the same author: the gates borrow another item's chain.
        against: The reference model, for measures that hold a reader against it.
        seed: Of nulls and random choices.
        draws: Continuations drawn at each place, by the measures that draw.

    Returns:
        The headline `value` in `unit`, `scalars` (nulls, identity), and arrays by name: `one["kl"].plot()`. A trace that does not
        allow the measure gives the value NaN with its `reason`.

    Raises:
        UserError: No such measure, or the reader's tokenizer gives the trace's tokens another meaning.

    Example:
        >>> import mechcot as mc
        >>> base = mc.load("organism:base")
        >>> trace = base.write(mc.problems("mod10", n=1))[0]
        >>> mc.measure("suppression", base, trace).scalars["identity"]
        0.0
    """
    if name not in (known := (*MEASURES, *CHAIN_CARDS)):
        raise UserError(f"unknown measure {name!r}; choose one of {', '.join(known)}")
    if name in CHAIN_CARDS:
        return replace(chain_measure(name, trace), reader=reader.name)
    try:
        seen = reader.view(trace)
        inputs = inputs_for(
            reader, seen, others=others, seed=seed, draws=draws, against=against or reader
        )
        return MEASURES[name].run(reader, seen, inputs)
    except NotMeasurable as reason:
        return Measurement.without_value(name, trace, reader=reader.name, reason=str(reason))


@checked
def contrast(
    names: str | Iterable[str],
    pair: Pair[Reasoner],
    traces: Sequence[Trace],
    *,
    seed: int = 0,
) -> PairComparison:
    """Compare two models on the same traces, token for token: intervals, gates, verdicts, sentences.

    Args:
        names: One measure or several; the gates are always taken besides.
        pair: The models, before and after.
        traces: Traces of one author; each is read by both models. A verdict wants at least 20 items.
        seed: Of nulls, random choices and resampling.

    Returns:
        What is claimed: `print` gives the sentences, `to_frame()` the contrast table, `plot()` the forest, `gates` what was checked.

    Raises:
        UserError: No such measure, no traces, several authors, or tokenizers that differ.

    Example:
        >>> import mechcot as mc
        >>> pair = mc.load_pair("organism:base", "organism:bypass")
        >>> traces = pair.before.write(mc.problems("mod10", n=2))
        >>> mc.contrast("filler", pair, traces).to_frame()["verdict"].item()
        'not judged'
    """
    before, after = pair
    if after.name == before.name:
        after = replace(after, name=f"{after.name} (after)")
    author = _author(traces)
    wanted = _chosen(names)
    measurements = _measured(wanted, (before, after), traces, seed=seed)
    return compare_pair(
        measurements_table(measurements),
        scalars_table(measurements),
        _judged(wanted),
        before=before.name,
        after=after.name,
        author=author,
        seed=seed,
        answers={trace.problem.id: trace.problem.answer for trace in traces},
    )


@checked
def series(
    names: str | Iterable[str],
    readers: Sequence[Reasoner],
    traces: Sequence[Trace],
    *,
    seed: int = 0,
) -> Series:
    """Follow measures over the checkpoints of a training run, each judged against the first on the same traces.

    Args:
        names: One measure or several; the gates are always taken besides.
        readers: The checkpoints in training order, two or more with names of their own.
        traces: Traces of one author. A verdict wants at least 20 items.
        seed: Of nulls, random choices and resampling.

    Raises:
        UserError: No such measure, no traces, several authors, tokenizers that differ, or checkpoints of one name.

    Example:
        >>> import mechcot as mc
        >>> base, bypass = mc.load_pair("organism:base", "organism:bypass")
        >>> run = mc.series("filler", [base, base.scaled(1.5), bypass], base.write(mc.problems("mod10", n=2)))
        >>> run.checkpoints
        ('base', 'base@logits=1.5', 'bypass')
    """
    readers = tuple(readers)
    checkpoints = tuple(reader.name for reader in readers)
    if len(set(checkpoints)) < max(len(checkpoints), 2):
        raise UserError(
            f"expected two checkpoints or more with names of their own, got {', '.join(checkpoints) or 'none'}; "
            "dataclasses.replace(reader, name=...) names one"
        )
    author = _author(traces)
    wanted = _chosen(names)
    measurements = _measured(wanted, readers, traces, seed=seed)
    table = judged_series(
        measurements_table(measurements),
        scalars_table(measurements),
        _judged(wanted),
        checkpoints=checkpoints,
        author=author,
        answers={trace.problem.id: trace.problem.answer for trace in traces},
        seed=seed,
    )
    return Series(checkpoints, author, table)


@checked
def patch_map(pair: Pair[Reasoner], traces: Sequence[Trace], *, seed: int = 0) -> PlaceMaps:
    """Average step patching: where in two networks a stated value acts, by layer and place in the chain.

    The counterfactual's state is written where the chain states a value, one layer at a time; the map says how far the answer moves as
    predicted (probability).

    Args:
        pair: The models, before and after, of one depth.
        traces: Traces whose task knows counterfactuals; those that cannot be patched in both models are left out.
        seed: Of the counterfactuals.

    Raises:
        UserError: No trace can be patched in both models (the reasons are said), or the models differ in depth.

    Example:
        >>> import mechcot as mc
        >>> pair = mc.load_pair("organism:base", "organism:bypass")
        >>> mc.patch_map(pair, pair.before.write(mc.problems("mod10", n=1))).to_frame()["layer"].nunique()
        4
    """
    name = "step_patching"
    sides = pair.map(lambda reader: [measure(name, reader, trace, seed=seed) for trace in traces])
    steps = [len(trace.chain_steps) for trace in traces]
    return place_maps(pair.map(lambda reader: reader.name), MEASURES[name].card, sides, steps)


def _chosen(names: str | Iterable[str]) -> tuple[str, ...]:
    """The measures of some names, gates first.

    Raises:
        UserError: There is no name, or one is no measure's.
    """
    wanted = [names] if isinstance(names, str) else list(names)
    if not wanted:
        raise UserError(f"expected a measure, got none; name one of {', '.join(MEASURES)}")
    return chosen_measures(wanted)


def _author(traces: Sequence[Trace]) -> str:
    """Who wrote all traces.

    Raises:
        UserError: There are none, or several wrote them.
    """
    authors = sorted({trace.author for trace in traces})
    if len(authors) != 1:
        raise UserError(
            f"expected traces of one author, got {', '.join(authors) or 'no traces'}; all models must read the same chains"
        )
    return authors[0]


def _measured(
    wanted: Sequence[str], readers: Sequence[Reasoner], traces: Sequence[Trace], *, seed: int
) -> list[Measurement]:
    """Every measure of every trace by every reader, the first reader being the reference; many traces side by side."""
    return [
        measurement
        for reader in readers
        for measurement in _measured_by(reader, wanted, traces, against=readers[0], seed=seed)
    ]


def _measured_by(
    reader: Reasoner,
    wanted: Sequence[str],
    traces: Sequence[Trace],
    *,
    against: Reasoner,
    seed: int,
) -> list[Measurement]:
    bar = progress_bar(total=len(traces), desc=f"{reader.name} reads", unit="trace", delay=2)
    others, sizes, limit = list(traces), [len(trace) for trace in traces], Limit()

    def read(trace: Trace) -> list[Measurement]:
        kwargs: dict[str, Any] = {"others": others, "against": against, "seed": seed}
        taken = [measure(name, reader, trace, **kwargs) for name in wanted]
        bar.update()
        return taken

    with bar:
        parts = [
            together(
                [partial(read, trace) for trace in others[part]], sizes=sizes[part], limit=limit
            )
            for part in companies(sizes)
        ]
    return [measurement for part in parts for taken in part for measurement in taken]


def _judged(wanted: Sequence[str]) -> list[MeasureCard]:
    """The cards of what is judged: the gates are not."""
    return [MEASURES[name].card for name in wanted if name != "gates"]


@checked
def explore(
    what: Pair[Reasoner] | Reasoner | Sequence[Reasoner] | Path | str,
    traces: Sequence[Trace] = (),
    *,
    measures: Sequence[str] = STANDARD,
    seed: int = 0,
) -> Explorer:
    """Open the explorer in a cell: models that read traces now, or the folder of a finished `mechcot compare`.

    Args:
        what: One model, a pair, several, or the folder of a run.
        traces: What the models read; not used with a folder.
        measures: Names of measures; those that hold two models against each other need two.
        seed: Of the measures' choices.

    Returns:
        The page; `write(path)` keeps it as one HTML file.

    Raises:
        UserError: No trace, no such measure, or the folder is not a finished run.

    Example:
        >>> import mechcot as mc
        >>> base = mc.load("organism:base")
        >>> page = mc.explore(base, base.write(mc.problems("mod10", n=1)), measures=["early_answering"])
        >>> len(page.data.items)
        1
    """
    if isinstance(what, Path | str):
        return explore_run(what)
    readers = [what] if isinstance(what, Reasoner) else list(what)
    wanted = [name for name in chosen_measures(measures) if len(readers) > 1 or name not in PAIRED]
    return look_at(readers, traces, measures=wanted, seed=seed)
