"""What is changed in a text: the value that one step states, all other text kept, and the two answers between which the model is asked to choose.

    margin M = log p(other answer) - log p(own answer)          first tokens, behind the question for the answer
    swing    = -2 M(clean)                                      the two answers exchange their places

Effects are shares of the swing: a factor on a model's logits changes no share, so two models can be compared.
The other answer is the one that the counterfactual predicts; where nobody predicts one, the next most probable of the clean run.
"""

from dataclasses import dataclass

from mechcot.core.counterfactual import EVALUATED_ANEW, Counterfactual, CounterfactualMaker
from mechcot.core.errors import NotMeasurable
from mechcot.core.trace import Phase, Trace
from mechcot.model.reasoner import Reasoner


@dataclass(frozen=True)
class StepEdit:
    """Two texts of one layout that differ in what is stated at some tokens.

    Attributes:
        trace: The chain.
        clean: Token ids up to the question for the answer, which is included.
        edited: The same with other values stated.
        at: Positions at which they are stated, in order.
        step: Index of the step that states the first of them.
        own: First token of the reader's own answer.
        other: First token of the other answer.
        predicted: Whether the counterfactual predicts it.
    """

    trace: Trace
    clean: tuple[int, ...]
    edited: tuple[int, ...]
    at: tuple[int, ...]
    step: int
    own: int
    other: int
    predicted: bool

    def role(self, position: int) -> str:
        """Where in the text a position stands, seen from the step that is edited."""
        if position == len(self.clean) - 1:
            return "the answer"
        if position >= self.trace.phase(Phase.CHAIN).stop:
            return "the question for the answer"
        return "the step" if position in self.trace.steps[self.step].tokens.positions() else "a later step"  # fmt: skip


def step_edit(
    reader: Reasoner, trace: Trace, maker: CounterfactualMaker | None, *, seed: int
) -> StepEdit:
    """The last stated value that feeds the answer, changed; all stated values at once where nobody knows which feeds it.

    Cost: one forward.

    Args:
        reader: The model.
        trace: A chain in its tokens.
        maker: Makes the counterfactual.
        seed: Of the counterfactual.

    Raises:
        NotMeasurable: There is none, no value that changes feeds the answer, or the answer that it predicts is given already.
    """
    if maker is None:
        raise NotMeasurable("these problems have no maker of counterfactuals")
    counterfactual = maker(trace, retoken=reader.retoken, seed=seed)
    stop = trace.phase(Phase.CHAIN).stop
    cue = reader.cue_after(trace.ids[:stop])
    clean = (*trace.ids[:stop], *cue)
    at, changed, answer = _change(counterfactual)
    edited = list(clean)
    for position, token in zip(at, changed, strict=True):
        edited[position] = token
    run = reader.prefix(clean)
    likely = run.unembed(run.hidden[-1]).topk(2).indices.tolist()
    other = likely[1] if answer is None else reader.answer_ids(answer)[0]
    if other == likely[0]:
        raise NotMeasurable("the reader's own answer is already the one that the change predicts")
    step = next(step.index for step in trace.steps if at[0] in step.tokens.positions())
    return StepEdit(trace, clean, tuple(edited), at, step, likely[0], other, answer is not None)


def _change(
    counterfactual: Counterfactual,
) -> tuple[tuple[int, ...], tuple[int, ...], str | None]:
    """Positions, their new tokens, and the answer that is predicted."""
    feeders = [stated for stated in counterfactual.stated if stated.answer_kept is not None]
    if feeders:
        last = feeders[-1]
        return tuple(last.tokens.positions()), last.ids, last.answer_kept
    if counterfactual.source == EVALUATED_ANEW:
        raise NotMeasurable("no stated value that changes feeds the answer directly")
    pairs = [
        (position, token)
        for stated in counterfactual.stated
        for position, token in zip(stated.tokens.positions(), stated.ids, strict=True)
    ]
    if not pairs:
        raise NotMeasurable("the counterfactual changes nothing that the chain states")
    at, changed = zip(*sorted(set(pairs)), strict=True)
    return at, changed, counterfactual.answer
