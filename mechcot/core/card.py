"""The card of a measure: what it means, how to read it, and the thresholds fixed before any run."""

from dataclasses import dataclass
from typing import Literal

Need = Literal["hiding", "attention"]
"""What not every family can give: tokens that can be hidden from others; attention probabilities."""


@dataclass(frozen=True)
class ArrayCard:
    """One array of a measure as the explorer shows it; an array without a card is kept and not shown.

    Attributes:
        name: Name of the array in the measurement.
        picture: Title of its picture (step x step, layer x step, layer x head x step); "" for none.
        title: What its value per step is called; "" where it is not shown per step.
        meaning: What the value of one step says.
        carries: A high value says that the answer rests on this step.
    """

    name: str
    picture: str = ""
    title: str = ""
    meaning: str = ""
    carries: bool = False


@dataclass(frozen=True)
class MeasureCard:
    """Everything a reader needs to trust or distrust a number.

    Attributes:
        name: Snake-case name used on the command line and in files.
        title: Short title for people.
        question: The question the measure answers, in one plain sentence.
        formula: Plain-text formula of the headline value.
        unit: Unit of the headline value (`probability`, `nats`, `share`, ...).
        low: Smallest possible value.
        high: Largest possible value.
        direction: +1 when larger means the chain carries more, 0 when it cannot judge.
        source: Where the definition comes from.
        deviations: Where ours differs from the source and why.
        confounds: What else moves the number.
        cost: Cost of one item, in forwards of the trace.
        smallest_effect: Smallest before/after difference worth a verdict, also the equivalence bound.
        min_items: Fewest surviving pairs for a verdict.
        identity_exact: True when the identity edit runs the same kernels and must give exactly 0.
        status: `provisional` until the ruler has scored it, then `passed` or `exploratory`.
        rank: Place in tables; measures without one come last, by name.
        forwards: Forwards of a whole trace, about: a constant and a part per chain step.
        arrays: The arrays that the explorer shows.
        needs: What the model's family must be able to give.
    """

    name: str
    title: str
    question: str
    formula: str
    unit: str
    low: float
    high: float
    direction: Literal[0, 1]
    source: str
    deviations: str
    confounds: str
    cost: str
    smallest_effect: float = 0.1
    min_items: int = 20
    identity_exact: bool = True
    status: Literal["provisional", "passed", "exploratory"] = "provisional"
    rank: int = 1000
    forwards: tuple[float, float] = (5.0, 0.0)
    arrays: tuple[ArrayCard, ...] = ()
    needs: tuple[Need, ...] = ()
