"""Wrong steps of a right chain: by the task's own mistakes, else by the values that its counterfactual changes."""

from mechcot.core.errors import NotMeasurable
from mechcot.core.trace import Trace
from mechcot.model.reasoner import Reasoner
from mechcot.tasks import task_of
from mechcot.text.given_truth import dressed


def faults(reader: Reasoner, trace: Trace, seed: int) -> dict[int, str]:
    """Index of a chain step -> its text with a wrong value in it, for every step that takes one.

    Args:
        reader: Whose tokens the chain has.
        trace: A right chain.
        seed: Chooses the values.

    Raises:
        NotMeasurable: The task knows neither mistakes nor a counterfactual of this chain.
    """
    task, texts = task_of(trace.problem), [step.text for step in trace.chain_steps]
    if task.mistakes is None:
        return _changed(reader, trace, seed)
    wrong = {
        place: task.mistakes(trace.problem.question, texts[: place + 1], seed=seed + place)
        for place in range(len(texts))
    }
    return {place: text for place, text in wrong.items() if text and text != texts[place]}


def _changed(reader: Reasoner, trace: Trace, seed: int) -> dict[int, str]:
    """Steps whose stated value is that of the counterfactual."""
    trace = reader.view(trace)
    twin = task_of(trace.problem).counterfactuals(trace, retoken=reader.retoken, seed=seed)
    ids, wrong = list(trace.ids), {}
    for stated in twin.stated:
        span = trace.chain_steps[stated.step].tokens
        if len(stated.ids) != len(stated.tokens):
            raise NotMeasurable("a changed value has another number of tokens")
        changed = list(ids)
        changed[stated.tokens.start : stated.tokens.stop] = stated.ids
        text = reader.continuation(changed[: span.start], changed[span.start : span.stop])
        wrong[stated.step] = dressed(text, trace.chain_steps[stated.step].text)
    return wrong
