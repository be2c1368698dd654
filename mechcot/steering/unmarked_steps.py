"""What a chain without the words that open its steps costs the model.

Of the shipped models' task it is known how short a right chain can be (`mechcot.core.task.ShortestChain`):

    marked    back from the query to a leaf and forward again, one marker word a step, nothing that can be left out:
              no checks, no summary, no distractor; a conclusion only where two names are queried
    unmarked  the same without marker words: the shortest chain that the language's writer ever writes

The models leave marker words out with the frequency that they saw (0.15 a step), whatever they wrote before, so no state says it and
no contrast can find it. `UnmarkedSteps` forces it instead, at every k-th step. Conditions of experiments call these steps `bare`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

FORBIDDEN = 50.0


@dataclass(frozen=True)
class UnmarkedSteps:
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
