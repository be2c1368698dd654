"""The inputs of one item, for every measure: another item's chain, what the task knows, a filler, a seed."""

from collections.abc import Callable, Collection, Sequence
from functools import partial
from itertools import islice
from weakref import WeakKeyDictionary

from mechcot.core.trace import Phase, Trace
from mechcot.measures.inputs import DRAWS, Inputs
from mechcot.model.generation.write_traces import item_seed
from mechcot.model.internals.token_text import spells
from mechcot.model.reasoner import Reasoner
from mechcot.tasks import task_of
from mechcot.text.answer_outcomes import same_for
from mechcot.text.filler import DOTS
from mechcot.text.given_truth import GivenMistakes
from mechcot.traces.continuations import ServedModel

FILLERS = (DOTS, " hmm", " .")
NEAR = 0.25
"""Largest difference of two chains of near length, as a share: inside the spread of two samples of one question."""
PARTNERS = 3
"""Most other items whose chains are offered for an exchange."""
_SIZES: WeakKeyDictionary[Reasoner, dict[str, int]] = WeakKeyDictionary()
"""Tokens of answers behind a reader's cue."""


def inputs_for(
    reader: Reasoner,
    trace: Trace,
    *,
    others: Sequence[Trace],
    seed: int,
    draws: int = DRAWS,
    against: Reasoner | None = None,
    served: ServedModel | None = None,
    asks: Collection[str] | None = None,
) -> Inputs:
    """The inputs of one item.

    Args:
        reader: Who reads the trace.
        trace: The trace as the reader sees it.
        others: All chains of its author, this one among them: the next one with another answer that fits is borrowed.
        seed: Seed of the study.
        draws: Continuations drawn at each place of a chain.
        against: The reference model, for the measures that hold a reader against it.
        served: The reader on a server, which draws its continuations; None: it draws them itself.
        asks: What is asked of the task, as `MeasureCard.asks` names it: changed questions are made for who asks for them; None: for all.
    """
    task, draw = task_of(trace.problem), item_seed(seed, trace.problem.id)
    fitting, changed = _fitting(reader, trace, others), asks is None or "changes" in asks
    return Inputs(
        against=against,
        other=_another(trace, fitting),
        partners=_partners(reader, trace, fitting),
        alike=_alike(trace, fitting),
        maker=task.counterfactuals,
        paraphraser=task.paraphrases,
        mistakes=task.mistakes,
        mistakes_given=isinstance(task.mistakes, GivenMistakes),
        meaning=task.meaning,
        changes=task.changes(trace.problem, seed=draw) if changed and task.changes else (),
        leads_to=task.leads_to,
        filler=filler_for(reader),
        seed=draw,
        draws=draws,
        continuations=None if served is None else partial(served.draw, reader),
    )


def _fitting(reader: Reasoner, trace: Trace, others: Sequence[Trace]) -> list[Trace]:
    """The other chains, from the next one on, cyclically, that leave room for the prompt and the cue."""
    room = reader.max_length - trace.prompt_length - len(reader.cue_ids)
    start = next((i for i, other in enumerate(others) if other.id == trace.id), len(others))
    around = [*others[start + 1 :], *others[:start]]
    return [other for other in around if len(other.phase(Phase.CHAIN)) <= room]


def _another(trace: Trace, fitting: Sequence[Trace]) -> Trace | None:
    """The next chain that has another answer."""
    differing = (t for t in fitting if t.problem.answer != trace.problem.answer and t.chain_steps)
    return next(differing, None)


def _partners(reader: Reasoner, trace: Trace, fitting: Sequence[Trace]) -> tuple[Trace, ...]:
    """Finished chains with another answer of as many tokens, those of near length first and in their order, then by length."""
    size, tokens = _answer_size(reader), len(trace.phase(Phase.CHAIN))
    answer = trace.problem.answer

    def mismatch(other: Trace) -> tuple[int, int]:
        apart = abs(len(other.phase(Phase.CHAIN)) - tokens)
        near = apart <= NEAR * tokens
        return abs(size(other.problem.answer) - size(answer)), 0 if near else apart

    differing = (t for t in fitting if t.finished and t.problem.answer != answer)
    return tuple(
        islice((t for t in sorted(differing, key=mismatch) if not _same_answer(t, trace)), PARTNERS)
    )


def _answer_size(reader: Reasoner) -> Callable[[str], int]:
    """Tokens of an answer, counted once for each text."""
    known = _SIZES.setdefault(reader, {})

    def size(answer: str) -> int:
        if answer not in known:
            known[answer] = len(reader.answer_ids(answer))
        return known[answer]

    return size


def _alike(trace: Trace, fitting: Sequence[Trace]) -> Trace | None:
    """Another sample of the same problem, else the next chain of an item with the same answer; it must state that answer."""
    same = [t for t in fitting if _same_answer(t, trace)]
    samples = [t for t in same if t.problem.id == trace.problem.id]
    return next((t for t in (*samples, *same) if t.finished), None)


def _same_answer(other: Trace, trace: Trace) -> bool:
    """Whether two chains are to lead, and lead, to the same answer."""
    stated = [t.answer.text or t.problem.answer for t in (other, trace)]
    return same_for(trace.problem, *stated)


def filler_for(reader: Reasoner) -> str:
    """The first filler text that the reader's vocabulary has."""
    return next((text for text in FILLERS if spells(reader.tokenizer, text)), FILLERS[0])
