"""The inputs of one item, for every measure: another item's chain, what the task knows, a filler, a seed."""

from collections.abc import Sequence

from mechcot.core.trace import Phase, Trace
from mechcot.measures.inputs import DRAWS, Inputs
from mechcot.model.generation.write_traces import item_seed
from mechcot.model.prompts import spells
from mechcot.model.reasoner import Reasoner
from mechcot.tasks import task_of
from mechcot.text.filler import DOTS

FILLERS = (DOTS, " hmm", " .")


def inputs_for(
    reader: Reasoner,
    trace: Trace,
    *,
    others: Sequence[Trace],
    seed: int,
    draws: int = DRAWS,
    against: Reasoner | None = None,
) -> Inputs:
    """The inputs of one item.

    Args:
        reader: Who reads the trace.
        trace: The trace as the reader sees it.
        others: All chains of its author, this one among them: the next one with another answer that fits is borrowed.
        seed: Seed of the study.
        draws: Continuations drawn at each place of a chain.
        against: The reference model, for the measures that hold a reader against it.
    """
    task = task_of(trace.problem)
    return Inputs(
        against=against,
        other=_another(reader, trace, others),
        maker=task.counterfactuals,
        paraphraser=task.paraphrases,
        mistakes=task.mistakes,
        meaning=task.meaning,
        filler=filler_for(reader),
        seed=item_seed(seed, trace.problem.id),
        draws=draws,
    )


def _another(reader: Reasoner, trace: Trace, others: Sequence[Trace]) -> Trace | None:
    """The next chain, cyclically, that has another answer and leaves room for the prompt and the cue."""
    room = reader.max_length - trace.prompt_length - len(reader.cue_ids)
    start = next((i for i, other in enumerate(others) if other.id == trace.id), len(others))
    around = [*others[start + 1 :], *others[:start]]
    differing = (t for t in around if t.problem.answer != trace.problem.answer and t.chain_steps)
    return next((t for t in differing if len(t.phase(Phase.CHAIN)) <= room), None)


def filler_for(reader: Reasoner) -> str:
    """The first filler text that the reader's vocabulary has."""
    return next((text for text in FILLERS if spells(reader.tokenizer, text)), FILLERS[0])
