"""A first look, in one call: chains of the first model, read by all, in the explorer. For notebooks."""

from collections.abc import Sequence

from mechcot.compare.measure_inputs import inputs_for
from mechcot.core.errors import NotMeasurable
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
