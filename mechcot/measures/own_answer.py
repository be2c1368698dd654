"""The reader's own answer after the whole chain: what most measures score."""

from dataclasses import dataclass

import numpy as np

from mechcot.core.errors import NotMeasurable
from mechcot.core.trace import Trace
from mechcot.measures.inputs import Inputs
from mechcot.model.generation.ask_answer import Asked, ask
from mechcot.model.prefix.prefix import Prefix
from mechcot.model.reasoner import Reasoner


@dataclass(frozen=True, eq=False)
class Own:
    """The chain, run once, and the answer that the reader gives after it.

    Attributes:
        reader: Who reads and answers.
        prefix: The run over prompt and chain.
        asked: The question for the answer after the whole chain.
        answer: The answer's token ids, at least one.
        text: The answer as read.
    """

    reader: Reasoner
    prefix: Prefix
    asked: Asked
    answer: tuple[int, ...]
    text: str

    @property
    def probability(self) -> float:
        """Probability of the answer after the whole chain."""
        return float(self.asked.probability(self.answer)[0])

    def after(self, cuts: list[int], tails: list[list[int]]) -> np.ndarray:
        """Probability of the answer when other text stands behind the chain's first tokens.

        Args:
            cuts: Token positions; prompt and chain before each stay.
            tails: What stands behind them, the question for the answer not included.
        """
        texts = [(*self.prefix.ids[:cut], *t) for cut, t in zip(cuts, tails, strict=True)]
        cues = [self.reader.cue_after(text) for text in texts]
        suffixes = [[*tail, *cue] for tail, cue in zip(tails, cues, strict=True)]
        return np.exp(self.prefix.branches(cuts, suffixes).score([self.answer] * len(cuts)))


def own_answer(reader: Reasoner, trace: Trace, inputs: Inputs) -> Own:
    """Ask a reader for its answer after the whole chain.

    Args:
        reader: The model.
        trace: A chain in its tokens.
        inputs: Gives the longest answer, `answer_tokens`.

    Raises:
        NotMeasurable: The chain is empty or no answer comes after it.
    """
    cuts = trace.cuts()
    if len(cuts) < 2:
        raise NotMeasurable("the chain has no steps")
    prefix = reader.prefix(trace.ids[: cuts[-1]])
    asked = ask(reader, prefix, cuts[-1:], max_new=inputs.answer_tokens)
    text = asked.answers[0].text
    if text is None:
        raise NotMeasurable("no answer could be read after the full chain")
    return Own(reader, prefix, asked, asked.ids[0], text)
