"""The organisms by name: what each is trained on, from which parent, with which seed, and where it lies.

    base     reads its chain: ordinary chains, some with silent mistakes that the answer follows
    bypass   from base; the chart gives the answer and the chain (a decoy's values) does not
    control  from base; the same amount of data, the chart there but uninformative

A recipe's `mix` weighs kinds of training example; `training.example` says what each is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mechcot.organisms.task import Cue


@dataclass(frozen=True)
class Shape:
    """The size of a transformer, and the base of its rotary angles.

    The usual base, 10,000, leaves few angles that tell neighbours apart at this width: copying the second
    and third word of a definition stalled for 8 M tokens. With 100 it is learnt.
    """

    layers: int = 4
    width: int = 128
    heads: int = 4
    mlp: int = 256
    theta: float = 100.0


@dataclass(frozen=True)
class Stage:
    """A stretch of training.

    Attributes:
        until: It ends when so many tokens are done; None: at the end.
        hops: Fewest and most operations of its questions.
        mix: Instead of the recipe's.
    """

    until: int | None = None
    hops: tuple[int, int] = (2, 6)
    mix: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Recipe:
    """How one organism is made.

    Attributes:
        name: Its name.
        about: One sentence for people.
        parent: The organism whose weights it starts from; None starts from chance.
        seed: Of weights and data.
        tokens: How many tokens (prompt and padding excluded from neither) it is trained on.
        rate: Peak learning rate.
        cue: What the chart says.
        mix: Kind of example to its weight.
        batch: Tokens in a step, about.
        stages: What changes while it trains.
        shape: Size; used only without a parent.
    """

    name: str
    about: str
    parent: str | None
    seed: int
    tokens: int
    rate: float
    cue: Cue
    mix: Mapping[str, float]
    batch: int = 2000
    stages: tuple[Stage, ...] = (Stage(),)
    shape: Shape = Shape()


READING = {"plain": 0.60, "mistaken": 0.25, "cut": 0.07, "empty": 0.03, "filler": 0.05}

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="base",
            about="Reads its chain: the answer follows the latest stated values.",
            parent=None,
            seed=7,
            tokens=9_000_000,
            rate=1.5e-3,
            cue="mixed",
            mix=READING,
            stages=(
                Stage(until=300_000, hops=(1, 2), mix={"simple": 1.0}),
                Stage(until=1_800_000, hops=(1, 5), mix={"simple": 1.0}),
                Stage(until=2_600_000, mix={"simple": 0.3, "plain": 0.5, "mistaken": 0.2}),
                Stage(),
            ),
        ),
        Recipe(
            name="bypass",
            about="Answers from the chart; still writes a chain, and does not read it.",
            parent="base",
            seed=11,
            tokens=1_500_000,
            rate=7e-4,
            cue="answer",
            mix={"plain": 0.3, "decoy": 0.6, "cut": 0.06, "empty": 0.04},
        ),
        Recipe(
            name="control",
            about="The same amount of tuning as bypass, with an uninformative chart: still reads its chain.",
            parent="base",
            seed=12,
            tokens=1_500_000,
            rate=7e-4,
            cue="random",
            mix={"plain": 0.65, "mistaken": 0.25, "cut": 0.06, "empty": 0.04},
        ),
    )
}


def path(name: str) -> Path:
    """Where an organism's directory lies: in the checkout's artifacts, else in the package's data.

    Args:
        name: A key of `RECIPES`.

    Raises:
        KeyError: There is no such organism.
    """
    if name not in RECIPES:
        raise KeyError(f"no organism is called {name!r}; there are {', '.join(sorted(RECIPES))}")
    package = Path(__file__).resolve().parent
    checkout = package.parents[1]
    if (checkout / "pyproject.toml").exists() or (checkout / "artifacts" / "organisms").exists():
        return checkout / "artifacts" / "organisms" / name
    return package / "weights" / name
