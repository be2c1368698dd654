"""The card of a measure: what it means, how to read it, and the thresholds fixed before any run."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Literal, NamedTuple

from mechcot.core.display import Displayed
from mechcot.core.errors import UserError

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

Need = Literal["hiding", "attention"]
"""What not every family can give: tokens that can be hidden from others; attention probabilities."""
Act = Literal["", "text", "attention", "state"]
"""How a measure acts on one step: it changes what the step says, hides the step, or changes its state."""


class Forwards(NamedTuple):
    """What a measurement runs, about, in forwards of its trace: `fixed + step n + layer L + layer_step n L` with n steps and L layers.

    Attributes:
        fixed: What does not grow.
        step: For each step of the chain.
        layer: For each layer of the model.
        layer_step: For each layer and step.
    """

    fixed: float = 5.0
    step: float = 0.0
    layer: float = 0.0
    layer_step: float = 0.0

    def of(self, *, steps: int, layers: int) -> float:
        """Return the forwards of a chain of so many steps in a model of so many layers."""
        return (
            self.fixed + self.step * steps + self.layer * layers + self.layer_step * steps * layers
        )


class Calls(NamedTuple):
    """How often a measurement calls its models, about: `fixed + step n + written T` with n steps and T tokens of the trace, and `alone`.

    Attributes:
        fixed: What does not grow.
        step: For each step of the chain.
        written: For each token of the trace: the part of it that is written anew one token after the other.
        alone: Further calls, which chains that are measured side by side do not share.
        together: Such chains share the others.
    """

    fixed: float = 8.0
    step: float = 0.0
    written: float = 0.0
    alone: float = 0.0
    together: bool = True

    def of(self, chains: Sequence[tuple[int, int]]) -> float:
        """Return the calls for chains side by side, each of so many steps and tokens."""
        calls = [self.fixed + self.step * steps + self.written * size for steps, size in chains]
        shared = max(calls, default=0.0) if self.together else sum(calls)
        return shared + self.alone * len(chains)


_USUAL = Forwards()
_USUAL_CALLS = Calls()


@dataclass(frozen=True)
class ArrayCard:
    """One array of a measure: its size, and how the explorer and the report show it. Without a card it is kept and not shown.

    Attributes:
        name: Name of the array in the measurement.
        axes: Its axes, as its class in `mechcot.core.step_arrays` has them.
        picture: Title of its picture in the explorer (step x step, layer x step, layer x head x step); "" for none.
        title: What its value per step is called; "" where it is not shown per step.
        meaning: What the value of one step says.
        carries: A high value says that the answer rests on this step.
        acts: How the step was acted on, where a high value carries.
        settled: Of a line along the chain that the explorer draws: name of the array that is 1 where the answer is the final one.
        figure: Title in the report's figure (a line along the chain, step x step, layer x place); "" for none.
        caption: How to read that figure.
    """

    name: str
    axes: tuple[str, ...] = ("step",)
    picture: str = ""
    title: str = ""
    meaning: str = ""
    carries: bool = False
    acts: Act = ""
    settled: str = ""
    figure: str = ""
    caption: str = ""


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
        direction: +1 when larger means what `larger` says, 0 when it cannot judge.
        source: Where the definition comes from.
        deviations: Where ours differs from the source and why.
        confounds: What else moves the number.
        cost: Cost of one item, in forwards of the trace.
        larger: What a larger value says.
        smallest_effect: Smallest before/after difference worth a verdict, also the equivalence bound.
        min_items: Fewest surviving pairs for a verdict.
        identity_exact: True when the identity edit runs the same kernels and must give exactly 0.
        status: `provisional` until the ruler has scored it, then `passed` or `exploratory`.
        families: On how many further families of the ruler it holds, and what is the matter on the others; "" until it was tried.
        rank: Place in tables; measures without one come last, by name.
        forwards: What it runs, see `Forwards`; with `draws`, for as many as a study draws when it is not told otherwise.
        calls: How often it calls its models, see `Calls`.
        arrays: The arrays, as the explorer, the report and the cost table need them.
        needs: What the model's family must be able to give.
        standard: Taken by a comparison that names no measures.
        own_chains: Also taken on every later model's own chains, by their author and by the first model.
        yardsticks: Scalars that say how large a number can get, with what they are in words.
        borrows: It reads chains of other items beside its own.
        asks: What it asks the task for, out of `mechcot.tasks.LACKS`.
        paired: It holds a reader against the reference model and needs both in memory at once.
        draws: It draws continuations, as many as a study says.
        by_others: Also taken on every later model's own chains by the other later models.

    Example:
        >>> import mechcot as mc
        >>> card = mc.cards()["filler"]
        >>> card.unit, card.smallest_effect
        ('probability', 0.15)
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
    families: str = ""
    rank: int = 1000
    forwards: Forwards = _USUAL
    calls: Calls = _USUAL_CALLS
    arrays: tuple[ArrayCard, ...] = ()
    needs: tuple[Need, ...] = ()
    standard: bool = False
    own_chains: bool = False
    yardsticks: tuple[tuple[str, str], ...] = ()
    borrows: bool = False
    asks: tuple[str, ...] = ()
    paired: bool = False
    draws: bool = False
    by_others: bool = False
    larger: str = "the chain carries more"


def card_facts(card: MeasureCard) -> dict[str, str]:
    """Heading and text of everything on a card but its question, in the order in which a reader wants them."""
    judged = (
        f"{card.smallest_effect:g} {card.unit} on at least {card.min_items} items; larger means {card.larger}"
        if card.direction
        else "not judged"
    )
    return {
        "Formula": card.formula,
        "Unit and range": f"{card.unit}, {card.low:g} to {card.high:g}",
        "Smallest effect": judged,
        "Identity edit": "exactly 0" if card.identity_exact else "within float noise",
        "Status": card.status
        + (f"; holds on {card.families} further families" if card.families else ""),
        "Source": card.source,
        "Deviations": card.deviations,
        "What else moves it": card.confounds,
        "Cost of one item": card.cost,
    }


def card_text(card: MeasureCard) -> str:
    """A card as plain text."""
    facts = {"Question": card.question, **card_facts(card)}
    lines = [f"{card.title} ({card.name})", *(f"  {key:18} {text}" for key, text in facts.items())]
    return "\n".join(lines)


_STEPS, _LAYERS = 20, 28
"""Steps of the chain that a list of cards says the cost of."""


@dataclass(frozen=True, repr=False)
class CardList(Displayed):
    """Cards of measures: `cards["suppression"]` is one of them, `cards.to_frame()` a table of all.

    Attributes:
        cards: The cards, in the order of tables.
    """

    cards: tuple[MeasureCard, ...]

    def __len__(self) -> int:
        return len(self.cards)

    def __iter__(self) -> Iterator[MeasureCard]:
        return iter(self.cards)

    def __getitem__(self, name: str) -> MeasureCard:
        """The card of a measure.

        Raises:
            UserError: There is no such measure.
        """
        by_name = {card.name: card for card in self.cards}
        if name not in by_name:
            raise UserError(f"no measure {name!r}; there are {', '.join(by_name)}")
        return by_name[name]

    def __repr__(self) -> str:
        return "\n".join(f"{card.name:21} {card.status:12} {card.question}" for card in self.cards)

    def to_frame(self) -> "pd.DataFrame":
        """One row a measure: `name`, `title`, `question`, `unit`, `smallest_effect`, `status` and `forwards` (of a trace of 20 steps in a model of 28 layers, about)."""
        import pandas as pd

        names = ("name", "title", "question", "unit", "smallest_effect", "status")
        rows = [
            {name: getattr(card, name) for name in names}
            | {"forwards": card.forwards.of(steps=_STEPS, layers=_LAYERS)}
            for card in self.cards
        ]
        return pd.DataFrame(rows)

    def plot(self) -> "go.Figure":
        """What each measure costs, coloured by its status."""
        figures = import_module("mechcot.view.figures.results")
        return figures.card_costs(self.to_frame(), steps=_STEPS)
