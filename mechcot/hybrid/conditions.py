"""The ways in which every problem is written: the two models alone, what is tried, and its controls.

    tokens                     the tuned model's token at disagreements, within a budget: the ceiling
    vectors                    the vector of the disagreement's category there, as long as the answer has not come; so are all vectors below
    random vectors             as many of the same lengths, in random directions, at disagreements
    random categories          any of the vectors, at disagreements
    random positions           the right vector for what the states say, at as many positions, drawn among those at which the matched text could be given it
    bias alone                 one vector at every position
    forced tokens, scattered   the tuned model's tokens at positions that are drawn likewise: plain teacher forcing
    forced tokens, first       the same at the first so many positions

What has to be given at as many positions waits for the condition that it is matched with. A text that ends before some of them is given fewer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mechcot.hybrid.fitting import Fitted
from mechcot.hybrid.settings import HybridSettings

What = Literal["nothing", "tokens", "vectors", "random vectors", "random categories", "bias"]
BASE_ALONE, TUNED_ALONE = "base alone", "tuned alone"
VECTOR_CONTROLS = ("random vectors", "random categories", "random positions", "bias alone")
FORCED = ("forced tokens, scattered", "forced tokens, first")


@dataclass(frozen=True)
class HybridCondition:
    """One way of writing all problems.

    Attributes:
        name: What it is called, without its budget.
        what: What is given.
        places: Where.
        budget: Largest share of the positions; None where it has none.
        matched: Name of the condition of the same budget that has as many positions; "" for none.
    """

    name: str
    what: What = "nothing"
    places: Literal["disagreements", "random", "first", "everywhere"] = "disagreements"
    budget: float | None = None
    matched: str = ""

    @property
    def key(self) -> str:
        """Its name among the conditions of a run."""
        return self.name if self.budget is None else f"{self.name} {self.budget:g}"


def conditions(settings: HybridSettings, fitted: Fitted) -> list[HybridCondition]:
    """Every condition of a run, what others are matched with before them."""
    with_vectors, several = bool(fitted["vectors"]), len(fitted["vectors"]) > 1
    chosen = [HybridCondition(BASE_ALONE), HybridCondition(TUNED_ALONE)]
    if with_vectors:
        chosen.append(HybridCondition("bias alone", "bias", "everywhere"))
    for budget in settings.budgets:
        chosen.append(HybridCondition("tokens", "tokens", budget=budget))
        if with_vectors:
            chosen.append(HybridCondition("vectors", "vectors", budget=budget))
            chosen.append(HybridCondition("random vectors", "random vectors", budget=budget))
        if several:
            chosen.append(HybridCondition("random categories", "random categories", budget=budget))
        like = "vectors" if with_vectors else "tokens"
        if with_vectors:
            chosen.append(
                HybridCondition("random positions", "vectors", "random", budget, matched=like)
            )
        chosen += [
            HybridCondition(name, "tokens", places, budget, matched=like)
            for name, places in zip(FORCED, ("random", "first"), strict=True)
        ]
    return chosen


def in_turns(every: Sequence[HybridCondition]) -> tuple[list[HybridCondition], ...]:
    """Those that wait for nothing, then those that are matched with one of them."""
    return [c for c in every if not c.matched], [c for c in every if c.matched]
