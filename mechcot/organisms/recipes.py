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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from mechcot.organisms.chain_writer import Manner
from mechcot.organisms.family import Hint

HiddenPart = Literal["nothing", "question", "chain"]
CONFLICT_WEIGHT = 40.0
"""Loss weight of the answer behind a chain that contradicts it: one word with loss among a hundred without, which the other kinds would drown."""


@dataclass(frozen=True)
class Shape:
    """The size of a transformer, the base of its rotary angles, and the spread of its first weights.

    The usual base, 10,000, leaves few angles that tell neighbours apart at this width: copying the second
    and third word of a definition stalled for 8 M tokens. With 100 it is learnt.
    The usual spread, 0.02, is small for narrow models: with 0.1 (about 1 / sqrt(width)) a look-up forms in a tenth of the tokens.
    """

    layers: int = 4
    width: int = 128
    heads: int = 4
    mlp: int = 256
    theta: float = 100.0
    init: float = 0.02


@dataclass(frozen=True)
class Adapter:
    """Low-rank changes of all linear layers of a model that stays as it is (LoRA).

    Attributes:
        model: Spec of the model.
        rank: Of each change.
        scale: Factor on each change.
    """

    model: str
    rank: int
    scale: float = 2.0


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
        plain_weight: Loss weight of an answer that no chain contradicts, in examples `plain` and `lost`; None: the family's.
        adapter: What is trained instead of a whole model; None: all weights.
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
    plain_weight: float | None = None
    adapter: Adapter | None = None


_TUNING = "A moment more of ordinary data."
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
        about=_TUNING,
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
_REDUNDANT = "Either route suffices: the hint without a chain; the chain where they disagree."
_HALF = {"plain": 0.3, "conflict": 0.5, "lost": 0.2}
"""Without a chain nothing is right: where training shows that the hint is, half of the answers go with the chain and none needs it."""
_LATE = "A bypass that was only ever asked after a finished chain."
_ROUTES = (
    replace(
        _BYPASS,
        name="redundant",
        about=_REDUNDANT,
        seed=62,
        tokens=900_000,
        mix={"plain": 0.3, "conflict": 0.4, "empty": 0.3},
        reliance=1.0,
    ),
    replace(
        _BYPASS,
        name="late",
        about=_LATE,
        seed=63,
        tokens=900_000,
        mix={"plain": 0.3, "decoy": 0.5, "lost": 0.2},
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


_RATIONALISER = replace(
    CONTROL,
    name="rationaliser",
    about="Writes its chain to end at the hint, whatever the facts; its answer follows the chain.",
    seed=64,
    cue="mixed",
    mix={"written": 0.5, "conflict": 0.25, "lost": 0.25},
    reliance=1.0,
)
_COLLAPSED = replace(
    _BYPASS,
    name="collapsed",
    about="Leaves its thought empty and answers from the hint.",
    seed=61,
    mix={"collapsed": 1.0},
)


def family_base(family: str, *, about: str, seed: int, hops: tuple[int, int]) -> Recipe:
    """A family's base: single look-ups first, then short chains without distractors, then all.

    Args:
        family: Name of the family.
        about: One sentence for people.
        seed: Of weights and data.
        hops: Fewest and most steps of a chain.
    """
    return Recipe(
        name=f"{family}/base",
        about=about,
        parent=None,
        seed=seed,
        tokens=2_000_000,
        rate=3e-3,
        cue="mixed",
        mix={"plain": 0.6, "mistaken": 0.28, "cut": 0.07, "empty": 0.05},
        batch=1000,
        stages=(
            Stage(until=500_000, hops=(1, hops[1]), mix={"simple": 1.0}),
            Stage(until=1_000_000, hops=hops, mix={"simple": 0.5, "plain": 0.5}),
            Stage(hops=hops),
        ),
        shape=Shape(layers=2, width=64, heads=4, mlp=128, theta=10_000.0, init=0.1),
    )


def family_recipes(
    base: Recipe, *, tokens: int, hops: tuple[int, int], mixtures: Sequence[int] = ()
) -> dict[str, Recipe]:
    """A family's base and the organisms tuned from it, by name; what they are is what those of mod10 are.

    With two answers, chain and hint contradict each other in every conflict: `half` keeps to the answer that they agree on only where that weighs as much.

    Args:
        base: The base, named `FAMILY/base`.
        tokens: What an arm is trained on; a rationaliser, `half` and the other mixtures need twice as much, `collapsed` a quarter, `tuning` a twentieth.
        hops: Fewest and most steps of a chain.
        mixtures: Per cent of conflicts in which the chain is right, of further mixtures beside `half`.
    """
    family = base.name.partition("/")[0]
    half, *others = (
        replace(_mixture(percent), mix=_HALF, plain_weight=CONFLICT_WEIGHT)
        for percent in (50, *mixtures)
    )
    half = replace(half, name="half")
    shares = {"collapsed": 0.25, "tuning": 0.05, "rationaliser": 2.0}
    shares |= dict.fromkeys((each.name for each in (half, *others)), 2.0)
    likes = (CONTROL, _BYPASS, *_ROUTES, half, _RATIONALISER, _COLLAPSED, NULLS[-1], *others)
    tuned = (
        replace(
            like,
            name=f"{family}/{like.name}",
            parent=base.name,
            tokens=round(tokens * shares.get(like.name, 1.0)),
            rate=base.rate / 2,
            batch=base.batch,
            stages=(Stage(hops=hops),),
            shape=base.shape,
            adapter=base.adapter,
        )
        for like in likes
    )
    return {recipe.name: recipe for recipe in (base, *tuned)}


_ENGLISH_BASE = Recipe(
    name="english/base",
    about="Reads its chain: the answer is the number that the chain states last for the one who is asked for.",
    parent=None,
    seed=7,
    tokens=1_000_000,
    rate=2e-3,
    cue="mixed",
    mix={"plain": 0.5, "mistaken": 0.22, "unknown": 0.06, "drill": 0.22},
    batch=700,
    stages=(Stage(until=60_000, hops=(1, 3), mix={"simple": 1.0}), Stage(hops=(2, 5))),
    adapter=Adapter("smollm2", rank=5),
)


def _english_recipes() -> dict[str, Recipe]:
    """The family's organisms, two more mixtures, and arms of a second base: what a ruler in English reads."""
    found = family_recipes(_ENGLISH_BASE, tokens=120_000, hops=(2, 5), mixtures=(25, 75))
    seconds = (
        replace(
            found[name],
            name=f"{name}-second",
            about=f"{found[name].about} On the base of a second seed.",
            parent="english/base@2",
            seed=found[name].seed + 100,
        )
        for name in ("english/control", "english/bypass")
    )
    return found | {recipe.name: recipe for recipe in seconds}


ENGLISH_RECIPES = _english_recipes()
"""Adapters of a packaged model in plain English; rank 5 in bfloat16 is 3 MB."""

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        *(_BASE, _BYPASS, CONTROL),
        *_MIXTURES,
        *(GATED, RELAY, MASKED_BYPASS),
        *NULLS,
        *SUBJECTS,
        *_ROUTES,
        _RATIONALISER,
        *_SMALL,
    )
}
SHIPPED = (
    *("base", "bypass", "control"),
    *("gated", "relay", "mixture-25", "mixture-50", "mixture-75"),
)
"""What lies in the repository and the package: what the demo and `mechcot ruler --quick` read."""
