"""Two ways to take steps away from a reader before it answers. They answer different questions.

    repack   the text of the dropped steps goes, positions close up: can the rest stand alone as a text?
    mask     their keys are hidden from every later token, positions stay: are they looked at?

Under `mask` the kept steps are run anew, so no trace of a dropped step is left in their states. Both close the
thought and ask for the answer as every measure does (mechcot.model.generation.ask_answer).
"""

from collections.abc import Callable, Collection, Mapping

import numpy as np
from jaxtyping import Float

from mechcot.core.errors import NotMeasurable
from mechcot.core.trace import Answer, Phase, Span, Trace
from mechcot.measures.inputs import unhideable
from mechcot.model.distances import tv
from mechcot.model.generation.ask_answer import ask, read_continuation
from mechcot.model.interventions import AttentionKnockout
from mechcot.model.prefix.prefix import Prefix
from mechcot.model.reasoner import Reasoner

Removal = Callable[..., Answer]


def kept_ids(trace: Trace, kept: Collection[int]) -> tuple[int, ...]:
    """The prompt and the kept chain steps, in their order."""
    ids = list(trace.ids[: trace.prompt_length])
    for step in trace.chain_steps:
        if step.index in kept:
            ids += trace.ids[step.tokens.start : step.tokens.stop]
    return tuple(ids)


def delete_steps(reader: Reasoner, trace: Trace, kept: Collection[int], *, max_new: int) -> Answer:
    """The answer after the kept steps alone. One forward of them.

    Args:
        reader: The model that answers.
        trace: A trace in this reader's tokens.
        kept: Indices of the chain steps that stay; their order is the chain's.
        max_new: Longest answer in tokens.
    """
    ids = kept_ids(trace, kept)
    return ask(reader, reader.prefix(ids), (len(ids),), max_new=max_new).answers[0]


def deletion_effects(reader: Reasoner, trace: Trace) -> Float[np.ndarray, " step"]:
    """Total variation of the answer's first token when the text of each step goes. One forward of the chain a step, and one more."""
    steps = [step.index for step in trace.chain_steps]

    def answer(without: Collection[int]) -> Prefix:
        ids = kept_ids(trace, [step for step in steps if step not in without])
        return reader.prefix((*ids, *reader.cue_after(ids)))

    whole = answer(())
    last = [answer((step,)).hidden[-1:] for step in steps]
    return np.array([float(tv(whole.hidden[-1:], own, whole.unembed)[0]) for own in last])


def mask_steps(reader: Reasoner, trace: Trace, kept: Collection[int], *, max_new: int) -> Answer:
    """The answer with the other steps hidden from all that follows. One masked forward of the trace.

    Args:
        reader: The model that answers.
        trace: A trace in this reader's tokens.
        kept: Indices of the chain steps that stay visible.
        max_new: Longest answer in tokens.

    Raises:
        NotMeasurable: Nothing can be hidden in this family.
    """
    if reason := unhideable(reader):
        raise NotMeasurable(reason)
    chain = trace.phase(Phase.CHAIN)
    prefix = reader.prefix(trace.ids[: chain.start])
    cue = reader.cue_after(trace.ids[: chain.stop])
    row = [*trace.ids[chain.start : chain.stop], *cue]
    hides = [AttentionKnockout(keys=span) for span in dropped(trace, kept)]
    start = chain.start - 1
    rows = [[trace.ids[start], *row]]
    written = prefix.decode(start, rows, hide=hides, max_new=max_new, stop=reader.stop_ids)
    return read_continuation(reader, written[0])[1]


def dropped(trace: Trace, kept: Collection[int]) -> list[Span]:
    """The dropped steps as spans of tokens; neighbours are joined."""
    spans: list[Span] = []
    for step in trace.chain_steps:
        if step.index in kept or not len(step.tokens):
            continue
        if spans and spans[-1].stop == step.tokens.start:
            spans[-1] = Span(spans[-1].start, step.tokens.stop)
        else:
            spans.append(step.tokens)
    return spans


EXECUTORS: Mapping[str, Removal] = {"repack": delete_steps, "mask": mask_steps}
