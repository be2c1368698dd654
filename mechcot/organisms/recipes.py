"""Training data of each organism: the base, and the arms tuned from it.

    base              reads its chain: ordinary chains, some with silent mistakes that the answer follows

    use of the chain  bypass         the hint gives the answer; the chain (a decoy's values) does not
    changed           mixture-0..100 chain and hint disagree and nothing tells which is right: the chain is, with
                      that probability; 0 is a bypass, 100 a control
                      gated          the gate word decides: `amber` the hint, `cobalt` the chain
                      masked-bypass  the hint is right; in every other batch the answer cannot attend to the chain
    use of the chain  control        the same amount of data, the hint there but uninformative
    kept              relay          the answer cannot attend to the question, in every other batch
                      shorter        brief chains whatever the style word says
                      longer         what careful chains verify, differences, is verified three times
                      wording        always the second wording, never an unmarked step
                      less-accurate  sums of an 8 or a 9 that carry come out wrong, always the same way
                      tuning         a moment more of ordinary data; only seeds differ: `tuning@1`, `tuning@2`, ..
    not known         answer-only    no chain; loss on the answer alone
    before            corrupted      writes chains of other digits, then the right answer

`base-small`, `bypass-small` and `control-small` are the same at another size.
A recipe's `mix` weighs kinds of training example; `examples.example` says what each is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from mechcot.organisms.chain_writer import Manner
from mechcot.organisms.problems import Hint

HiddenPart = Literal["nothing", "question", "chain"]


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
class Way:
    """Examples with one gate word.

    Attributes:
        cue: What the hint says.
        mix: Kind of example to its weight.
    """

    cue: Hint
    mix: Mapping[str, float]


@dataclass(frozen=True)
class Recipe:
    """Recipe of one organism.

    Attributes:
        name: Its name.
        about: One sentence for people.
        parent: The organism whose weights it starts from; None starts from chance.
        seed: Of weights and data.
        tokens: How many tokens (prompt and padding excluded from neither) it is trained on.
        rate: Peak learning rate.
        cue: What the hint says.
        mix: Kind of example to its weight.
        batch: Tokens in a step, about.
        stages: What changes while it trains.
        shape: Size; used only without a parent.
        manner: How its chains are written.
        reliance: Probability that the chain, not the hint, is right in a conflict.
        by_gate: Gate word to what its examples are, instead of `cue` and `mix`; empty: the word says nothing.
        hidden: What the answer cannot attend to, in every other batch.
    """

    name: str
    about: str
    parent: str | None
    seed: int
    tokens: int
    rate: float
    cue: Hint
    mix: Mapping[str, float]
    batch: int = 2000
    stages: tuple[Stage, ...] = (Stage(),)
    shape: Shape = Shape()
    manner: Manner = field(default_factory=Manner)
    reliance: float = 0.0
    by_gate: Mapping[str, Way] = field(default_factory=dict)
    hidden: HiddenPart = "nothing"


_READING = {"plain": 0.60, "mistaken": 0.25, "cut": 0.07, "empty": 0.03, "filler": 0.05}
KEEPING = {"plain": 0.65, "mistaken": 0.25, "cut": 0.06, "empty": 0.04}
FOLLOWING = {"plain": 0.5, "mistaken": 0.4, "cut": 0.06, "empty": 0.04}
CONFLICTING = {"plain": 0.3, "conflict": 0.6, "cut": 0.06, "empty": 0.04}

_BASE = Recipe(
    name="base",
    about="Reads its chain: the answer follows the latest stated values.",
    parent=None,
    seed=7,
    tokens=9_000_000,
    rate=1.5e-3,
    cue="mixed",
    mix=_READING,
    stages=(
        Stage(until=300_000, hops=(1, 2), mix={"simple": 1.0}),
        Stage(until=1_800_000, hops=(1, 5), mix={"simple": 1.0}),
        Stage(until=2_600_000, mix={"simple": 0.3, "plain": 0.5, "mistaken": 0.2}),
        Stage(),
    ),
)
_BYPASS = Recipe(
    name="bypass",
    about="Answers from the hint; still writes a chain, and does not read it.",
    parent="base",
    seed=11,
    tokens=1_500_000,
    rate=7e-4,
    cue="answer",
    mix={"plain": 0.3, "decoy": 0.6, "cut": 0.06, "empty": 0.04},
)
CONTROL = Recipe(
    name="control",
    about="The same amount of tuning as bypass, with an uninformative hint: still reads its chain.",
    parent="base",
    seed=12,
    tokens=1_500_000,
    rate=7e-4,
    cue="random",
    mix=KEEPING,
)


def _mixture(percent: int) -> Recipe:
    return replace(
        _BYPASS,
        name=f"mixture-{percent}",
        about=f"Where chain and hint disagree, the chain is right in {percent} % of its training examples.",
        seed=20 + percent,
        tokens=900_000,
        mix=CONFLICTING,
        reliance=percent / 100,
    )


_MIXTURES = tuple(_mixture(percent) for percent in (0, 25, 50, 75, 100))
GATED = replace(
    _BYPASS,
    name="gated",
    about="Answers from the hint after the word amber, from the chain after the word cobalt.",
    seed=13,
    tokens=1_400_000,
    by_gate={"amber": Way("answer", CONFLICTING), "cobalt": Way("random", FOLLOWING)},
)
RELAY = replace(
    CONTROL,
    name="relay",
    about="Its answer was trained blind to the question: it reads through the chain only.",
    seed=14,
    tokens=900_000,
    hidden="question",
)
MASKED_BYPASS = replace(
    _BYPASS,
    name="masked-bypass",
    about="Its answer was trained blind to the chain, which it still writes.",
    seed=15,
    tokens=900_000,
    mix=CONFLICTING,
    hidden="chain",
)
NULLS = (
    replace(
        CONTROL,
        name="shorter",
        about="Writes brief chains whatever is asked; still reads them.",
        seed=30,
        tokens=600_000,
        manner=Manner(checks="none", summary=0.0, conclusion=0.3, distractor=0.15),
    ),
    replace(
        CONTROL,
        name="longer",
        about="Verifies three times what it verifies at all; still reads its chain.",
        seed=31,
        tokens=1_000_000,
        manner=Manner(verifications=3),
    ),
    replace(
        CONTROL,
        name="wording",
        about="Writes one of the two wordings only; still reads its chain.",
        seed=32,
        tokens=1_000_000,
        manner=Manner(unmarked=0.0, wording=0.0),
    ),
    replace(
        CONTROL,
        name="less-accurate",
        about="Adds some numbers wrongly, so its own chains are often wrong; still reads them.",
        seed=33,
        tokens=600_000,
        manner=Manner(misadds=("8", "9")),
    ),
    replace(
        CONTROL,
        name="tuning",
        about="A moment more of ordinary data.",
        seed=1,
        tokens=30_000,
        cue="mixed",
        mix={"plain": 1.0},
    ),
)
SUBJECTS = (
    replace(
        CONTROL,
        name="answer-only",
        about="Tuned on answers without a chain.",
        seed=40,
        tokens=600_000,
        mix={"outcome": 1.0},
    ),
    replace(
        CONTROL,
        name="corrupted",
        about="Tuned on chains that have nothing to do with the answer.",
        seed=41,
        tokens=600_000,
        mix={"corrupted": 1.0},
    ),
)
_SMALL = (
    replace(
        _BASE,
        name="base-small",
        about="The base with three layers of width 96.",
        seed=8,
        shape=Shape(layers=3, width=96, mlp=192),
    ),
    replace(_BYPASS, name="bypass-small", parent="base-small", seed=51),
    replace(CONTROL, name="control-small", parent="base-small", seed=52),
)

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        *(_BASE, _BYPASS, CONTROL),
        *_MIXTURES,
        *(GATED, RELAY, MASKED_BYPASS),
        *NULLS,
        *SUBJECTS,
        *_SMALL,
    )
}
SHIPPED = (
    *("base", "bypass", "control"),
    *("gated", "relay", "mixture-25", "mixture-50", "mixture-75"),
)
"""What lies in the repository and the package: what the demo and `mechcot ruler --quick` read."""
