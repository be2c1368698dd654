"""Work that takes more than a moment, as generators: each `yield` says how much is done, the return value is the result.

Whoever runs one may stop at any `yield`, so that a kernel stays usable and a person can cancel.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from mechcot.core.errors import UserError
from mechcot.core.trace import Trace
from mechcot.model.generation.ask_answer import written_trace
from mechcot.model.generation.sampling import Sampling
from mechcot.model.internals.sites import Site
from mechcot.model.interventions import AnyIntervention, AttentionKnockout, Intervention, Replace
from mechcot.model.prefix.layer_rows import layer_rows, run_with_inputs
from mechcot.model.reasoner import Reasoner
from mechcot.tasks import with_kinds
from mechcot.whatif.actions import patched_places
from mechcot.whatif.known_trace import KnownTrace
from mechcot.whatif.readout import Lens, distance, interventions
from mechcot.whatif.variant import Push, Segment, Variant

T = TypeVar("T")
Progress = tuple[int, int]
"""How much is done, of how much."""
Work = Generator[Progress, None, T]
CHUNK = 16
"""Tokens that are written between two stops."""


@dataclass(eq=False)
class Underway:
    """Work that is under way.

    Attributes:
        title: What is done.
        work: The work.
        finish: What is done with its result.
        done: How much is done.
        of: Of how much.
    """

    title: str
    work: Work[Any]
    finish: Callable[[Any], object]
    done: int = 0
    of: int = 1


@dataclass(frozen=True, eq=False)
class PatchMap:
    """How far the answer moves when another text's states are written in, by block and step.

    Attributes:
        source: None: the counterfactual; else the number of another trace.
        reader: Who read it.
        steps: The steps that could be patched.
        values: Total variation of the answer [block, step].
    """

    source: int | None
    reader: str
    steps: tuple[int, ...]
    values: np.ndarray


def patch_map(known: KnownTrace, lens: Lens, source: int | None) -> Work[PatchMap]:
    """Patch every step at the input of every block, one at a time. Cost: about half a forward a block and step.

    Raises:
        UserError: No step can be patched.
    """
    reader, clean = lens.reader, lens.clean
    cue = reader.cue_after(clean.ids)
    run, own = run_with_inputs(reader, (*clean.ids, *cue))
    before = run.unembed(run.hidden[-1]).exp().cpu()
    steps, columns, reason = [], [], "no step can be patched"
    for step in range(len(clean.segments)):
        yield step, len(clean.segments)
        try:
            offsets, ids, rows, _ = patched_places(known, step, source)
        except UserError as error:
            reason = str(error)
            continue
        _, other = run_with_inputs(reader, ids)
        at = tuple(clean.cuts[step] + offset for offset in offsets)
        edits = [
            Intervention(Site("resid_pre", layer), at, Replace(states[list(rows)]))
            for layer, states in enumerate(other)
        ]
        hidden = layer_rows(run, min(at), edits, inputs=own)[:, -1]
        columns.append([distance(before, after) for after in run.unembed(hidden).exp().cpu()])
        steps.append(step)
    if not steps:
        raise UserError(reason)
    return PatchMap(source, reader.name, tuple(steps), np.array(columns).T)


def write_on(
    reader: Reasoner, trace: Trace, variant: Variant, step: int, *, seed: int | None = None
) -> Work[Variant]:
    """Let a model write what follows a step, greedily or as one sample; what acts on the variant acts on what is written.

    Args:
        reader: Who writes.
        trace: The trace as it was written.
        variant: Its text up to the step is kept.
        step: The last step that is kept; -1 keeps none.
        seed: Of a sample at temperature 1; None: greedy.

    Raises:
        UserError: A sample of a variant under hides or edits of states.
    """
    kept = variant.with_rest(step + 1, (), "")
    most = min(max(2 * len(trace), 64), reader.max_length - len(kept))
    if seed is None:
        written = yield from _greedy(reader, kept, most)
        how = f"written on from step {step + 1}"
    else:
        if kept.acts or any(hide.scope == "later" for hide in kept.hides):
            raise UserError(
                "samples are drawn without hides and edits of states; undo those, or write on greedily"
            )
        yield 0, 1
        run, sampling = reader.prefix(kept.ids), Sampling(most)
        written = run.sample(
            len(run),
            sampling=replace(sampling, temperature=1.0),
            seeds=[seed],
            stop=reader.stop_ids,
        )[0]
        how = f"sample {seed + 1} from step {step + 1}"
    return variant.with_rest(step + 1, _segments(reader, trace, kept, written), how)


def write_samples(
    reader: Reasoner, trace: Trace, variant: Variant, step: int, samples: int
) -> Work[list[Variant]]:
    """Let a model write what follows a step, as several samples; see `write_on`."""
    variants = []
    for seed in range(samples):
        yield seed, samples
        variants.append(finished(write_on(reader, trace, variant, step, seed=seed)))
    return variants


def _greedy(reader: Reasoner, kept: Variant, most: int) -> Work[list[int]]:
    """Tokens behind a variant, a few at a time."""
    written: list[int] = []
    while len(written) < most:
        yield len(written), most
        size = min(CHUNK, most - len(written))
        longer = replace(kept, segments=(*kept.segments, Segment(tuple(written), "", "")))
        under = interventions(reader, longer)
        run, last = reader.prefix(longer.ids, under=under), len(longer) - 1
        acts = [
            *_onwards(longer, last, size),
            *(a for a in under if isinstance(a, AttentionKnockout)),
        ]
        hides = [AttentionKnockout(a.keys) for a in acts if isinstance(a, AttentionKnockout)]
        edits = [a for a in acts if isinstance(a, Intervention)]
        new = run.decode(
            last, [longer.ids[-1:]], under=edits, hide=hides, max_new=size, stop=reader.stop_ids
        )[0]
        written += new
        if len(new) < size:
            break
    return written


def _onwards(variant: Variant, start: int, size: int) -> list[AnyIntervention]:
    """The pushes at the positions that write the next tokens."""
    at = tuple(range(start, start + size))
    return [
        Intervention(act.vector.site, at, act.vector.edit(act.factor, act.how))
        for act in variant.acts
        if isinstance(act, Push)
    ]


def _segments(
    reader: Reasoner, trace: Trace, kept: Variant, written: Sequence[int]
) -> list[Segment]:
    """What was written, cut into steps, up to the end of the thought."""
    cut = len(kept)
    whole = with_kinds(written_trace(reader, trace, (*kept.ids, *written)))
    return [
        Segment(
            whole.ids[max(s.tokens.start, cut) : s.tokens.stop], s.text, s.kind.value, own=False
        )
        for s in whole.chain_steps
        if s.tokens.stop > cut
    ]


def finished(work: Work[T]) -> T:
    """Run work to its end."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value
