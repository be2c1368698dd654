"""The shortest right chain of the shipped models' task, and its cost for the model.

    marked    back from the query to a leaf and forward again, one marker word a step, nothing that can be left out:
              no checks, no summary, no distractor; a conclusion only where two names are queried
    bare      the same without marker words: the shortest chain that the language's writer ever writes

The models choose `bare` with the frequency that they saw (0.15 a step), whatever they wrote before, so no state says it and
no contrast can find it. `BareSteps` forces it instead, at every k-th step.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from mechcot.core.problem import Problem
from mechcot.core.trace import StepKind
from mechcot.organisms.chain_writer import Manner, compose
from mechcot.organisms.grammar import WORDINGS
from mechcot.organisms.problems import read_question
from mechcot.steering.style_contrasts import styled

FORBIDDEN = 50.0
LEFT_OUT = (StepKind.EXPLORATION, StepKind.PROGRESSION)


def shortest(problem: Problem, *, bare: bool) -> int:
    """Tokens of the shortest right chain of a question, with one marker word a step or with none."""
    world = read_question(styled(problem, "brief").question)
    plain = Manner(
        checks="none",
        summary=0.0,
        conclusion=0.0,
        distractor=0.0,
        bare=float(bare),
        wording=1.0,
        borrow_slip=0.0,
        slip=0.0,
    )
    return len(compose(world, rng=Random(0), manner=plain).text.split())


def marker_words() -> list[str]:
    """Words that open an exploration or a progression."""
    return [wording[0] for kind in LEFT_OUT for wording in WORDINGS[kind] if wording]


@dataclass(frozen=True)
class BareSteps:
    """A `LogitRule` that forbids the marker words of every k-th step.

    Attributes:
        every: k.
        end: Token that ends a step.
        markers: Tokens that it may not begin with.
    """

    every: int
    end: int
    markers: tuple[int, ...]

    def __call__(self, written: Sequence[int]) -> Mapping[int, float]:
        """Give what is taken from the next token's logits."""
        begins = not written or written[-1] == self.end
        if not begins or sum(token == self.end for token in written) % self.every:
            return {}
        return dict.fromkeys(self.markers, -FORBIDDEN)
