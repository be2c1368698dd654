"""The family `reach`: which camp does a path in a small graph reach? The answer never stands in the chain.

    Tip: red. Paths: From elm north opens. From ash upper opens. From bay elm opens. Compass gates are red, others blue. Which camp does bay reach?
    - from bay elm opens
    * from elm north opens
    Answer: red

Edges are shuffled. Every tree has at most one, so each step is one look-up. A path ends at a gate, and the paths end in both camps alike, so that what a
question lists tells nothing. A chain names trees and gates only: that a gate is red or blue is a rule.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from random import Random

from mechcot.organisms.acceptance import arm_bounds
from mechcot.organisms.format_noise import Noise, with_noise, without_noise
from mechcot.organisms.language import sentences
from mechcot.organisms.recipes import family_base, family_recipes
from mechcot.organisms.statements import Statement, StatementFamily
from mechcot.organisms.trails import with_joining, with_one_left_out

_TREES = (
    *("ash", "bay", "elm", "fig", "fir", "gum", "ivy", "lime"),
    *("nut", "oak", "palm", "pear", "pine", "plum", "teak", "yew"),
)
_GATES = {
    **dict.fromkeys(("north", "south", "east", "west"), "red"),
    **dict.fromkeys(("upper", "lower", "inner", "outer"), "blue"),
}
"""Gate to its camp."""
_CAMPS = ("red", "blue")
_BULLETS = ("-", "*")
_SILENT = frozenset(("From", "opens", "gates", "are", "others", "Which", "does", "reach"))
"""Words of a question that carry nothing."""
_HOPS = (2, 4)
_RULE = "Compass gates are red, others blue."
_EDGE = rf"rom ({'|'.join(_TREES)}) ({'|'.join((*_TREES, *_GATES))}) opens"
_LINE = re.compile(rf"[-*] f{_EDGE}")
_QUESTION = re.compile(
    rf"(?:Tip: (?P<hint>{'|'.join(_CAMPS)})\. )?Paths:(?P<edges>[\w .]+) {re.escape(_RULE)} Which camp does (?P<start>\w+) reach\?"
)


@dataclass(frozen=True)
class Paths:
    """A question as data.

    Attributes:
        facts: From a tree to another or to a gate, in the order of the question; each tree has at most one.
        start: Where the walk starts.
        hint: A camp, or None.
        noise: Which words are said twice.
    """

    facts: tuple[Statement, ...]
    start: str
    hint: str | None = None
    noise: Noise = ()

    @cached_property
    def to(self) -> dict[str, str]:
        """Tree to what comes next."""
        return {edge[0]: edge[1] for edge in self.facts}

    @cached_property
    def answer(self) -> str:
        """The camp of the gate at which the walk ends."""
        place = self.start
        while place in self.to:
            place = self.to[place]
        return _GATES[place]

    @property
    def body(self) -> str:
        """The question without its hint."""
        edges = "".join(f" From {tree} {to} opens." for tree, to in self.facts)
        return f"Paths:{edges} {_RULE} Which camp does {self.start} reach?"

    @property
    def text(self) -> str:
        """The question."""
        return with_noise(
            self.body if self.hint is None else f"Tip: {self.hint}. {self.body}", self.noise
        )


def _sample(rng: Random, hops: int, *, simple: bool = False) -> Paths:
    """Draw a question whose walk has so many edges, with three other paths; with none where it shall be simple."""
    trees = rng.sample(_TREES, len(_TREES))
    ends = [gate for camp in _CAMPS for gate in rng.sample(_of(camp), 2)]
    rng.shuffle(ends)
    start, edges = trees[-1], []
    others = () if simple else tuple(rng.randint(1, 3) for _ in range(3))
    for length, gate in zip((hops, *others), ends, strict=False):
        edges += pairwise([*(trees.pop() for _ in range(length)), gate])
    rng.shuffle(edges)
    return Paths(tuple(edges), start)


def _of(camp: str) -> list[str]:
    return [gate for gate in _GATES if _GATES[gate] == camp]


def _read(question: str) -> Paths:
    """Read a question back.

    Raises:
        ValueError: It is none of this family.
    """
    plain, noise = without_noise(question, _SILENT)
    match = _QUESTION.fullmatch(plain)
    if match is None:
        raise ValueError(f"not a question of reach: {question!r}")
    walk = Paths(
        facts=tuple(re.findall(_EDGE, match["edges"])),
        start=match["start"],
        hint=match["hint"],
        noise=noise,
    )
    if walk.text != question or walk.start not in walk.to:
        raise ValueError(f"not a question of reach: {question!r}")
    return walk


def _say(edge: Statement, wording: int) -> str:
    """An edge as a line of a chain."""
    return f"{_BULLETS[wording]} from {edge[0]} {edge[1]} opens"


def _hear(line: str) -> Statement | None:
    """The edge of a line."""
    match = _LINE.fullmatch(line)
    return (match[1], match[2]) if match else None


def _after(question: Paths, said: Sequence[Statement]) -> Statement | None:
    """The edge of the tree that was reached; nothing at a gate, or where the chain was before."""
    tree = said[-1][1] if said else question.start
    if tree not in question.to or tree in {edge[0] for edge in said}:
        return None
    return (tree, question.to[tree])


def _others(question: Paths, said: Sequence[Statement]) -> list[Statement]:
    """Another gate, or another tree of the question where the chain was not yet."""
    tree, to = said[-1]
    left = {edge[0] for edge in said}
    names = _GATES if to in _GATES else question.to
    return [(tree, name) for name in names if name != to and name not in left]


def _end(question: Paths, said: Sequence[Statement]) -> str | None:  # noqa: ARG001 - the chain alone decides
    """The camp of the gate that the last step reaches."""
    return _GATES.get(said[-1][1]) if said else None


def _bent(question: Paths, answer: str) -> list[Statement]:
    """The walk; the last edge goes to a gate of the camp where it does not reach it."""
    walk = REACH.finished(question, ())
    if answer == question.answer:
        return walk
    return [
        *walk[:-1],
        (walk[-1][0], _of(answer)[0]),
    ]


def _other(rng: Random, question: Paths) -> Paths:
    """Change one edge of the walk so that it reaches the other camp in as many steps."""
    return rng.choice(list(_turned(question)))


def _turned(question: Paths) -> Iterator[Paths]:
    walk = REACH.finished(question, ())
    for step, edge in enumerate(walk):
        for new in _others(question, walk[: step + 1]):
            whole = REACH.finished(question, [*walk[:step], new])
            if len(whole) == len(walk) and _end(question, whole) not in (None, question.answer):
                edges = tuple(new if each == edge else each for each in question.facts)
                yield replace(question, facts=edges)


def _joined(rng: Random, hops: int, level: int) -> Paths:
    question = _sample(rng, hops)
    return with_joining(rng, question, REACH.finished(question, ()), ends=_GATES, level=level)


def _left_out(question: Paths) -> Iterator[Paths]:
    return with_one_left_out(question, REACH.finished(question, ()), shortest=_HOPS[0])


_WORDS = (
    *(f" {word}" for word in (*_TREES, *_GATES, *_CAMPS)),
    *(",", ".", ":", "?", *_BULLETS),
    *("Tip", "Paths", " Paths", " From", " from", " opens"),
    *(
        f" {word}"
        for word in ["Compass", "gates", "are", "others", "Which", "camp", "does", "reach"]
    ),
)
_BASE = family_base(
    "reach",
    about="Reads its chain: the answer is the camp of the gate that the last step reaches.",
    seed=1,
    hops=_HOPS,
)
REACH = StatementFamily(
    name="reach",
    language=sentences(_WORDS, asks="Answer:"),
    recipes=family_recipes(_BASE, tokens=300_000, hops=_HOPS),
    bounds=arm_bounds("reach", alone="<= 0.65"),
    hops=_HOPS,
    sample=_sample,
    read=_read,
    other=_other,
    guesses=_CAMPS,
    say=_say,
    hear=_hear,
    after=_after,
    others=_others,
    end=_end,
    bent=_bent,
    recombined=_joined,
    recombinations=(1, 2, 3),
    left_out=_left_out,
    silent=_SILENT,
)
"""The family; with two answers, "without a chain" is right half of the time, so that its bound is 0.5 and 0.15 more."""
