"""The family `lookup`: news goes from person to person until a place hears it. No digits.

    Hint: Rome. Facts: From Dora Lima hears. From Anna Ben hears. From Carl Rome hears. From Ben Carl hears. Where does news from Anna end?
    Then from Anna Ben hears.
    Then from Ben Carl hears.
    We see that from Carl Rome hears.
    The answer is Rome

Facts are shuffled. Every person does one thing, so each step is one look-up; other trails lead to other places. A place has one word or two.
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

_PEOPLE = (
    *("Anna", "Ben", "Carl", "Dora", "Emil", "Fay", "Gus", "Hana"),
    *("Ivan", "June", "Karl", "Lena", "Max", "Nora", "Otto", "Pia"),
)
_PLACES = (
    *("Rome", "Lima", "Oslo", "Cairo", "Paris", "Tokyo", "Quito", "Delhi"),
    *("New York", "Cape Town", "Port Said", "San Juan", "Tel Aviv", "Hong Kong", "Abu Dhabi"),
    "Addis Ababa",
)
_OPENINGS = ("Then", "We see that")
_SILENT = frozenset(("From", "hears", "Where", "does", "news", "end"))
"""Words of a question that carry nothing."""
_HOPS = (2, 4)
_FACT = rf"from (?P<who>{'|'.join(_PEOPLE)}) (?P<whom>{'|'.join((*_PEOPLE, *_PLACES))}) hears"
_LINE = re.compile(rf"(?:{'|'.join(_OPENINGS)}) {_FACT}\.")
_QUESTION = re.compile(
    r"(?:Hint: (?P<hint>[\w ]+)\. )?Facts:(?P<facts>[\w. ]+) Where does news from (?P<start>\w+) end\?"
)


@dataclass(frozen=True)
class Trails:
    """A question as data.

    Attributes:
        facts: In the order of the question; each person is the subject of at most one.
        start: Where the news starts.
        hint: A place, or None.
        noise: Which words are said twice.
    """

    facts: tuple[Statement, ...]
    start: str
    hint: str | None = None
    noise: Noise = ()

    @cached_property
    def does(self) -> dict[str, Statement]:
        """Person to what they do."""
        return {fact[0]: fact for fact in self.facts}

    @cached_property
    def answer(self) -> str:
        """The place where the news ends."""
        fact = self.does[self.start]
        while fact[1] not in _PLACES:
            fact = self.does[fact[1]]
        return fact[1]

    @property
    def body(self) -> str:
        """The question without its hint."""
        facts = "".join(f" From {who} {whom} hears." for who, whom in self.facts)
        return f"Facts:{facts} Where does news from {self.start} end?"

    @property
    def text(self) -> str:
        """The question."""
        return with_noise(
            self.body if self.hint is None else f"Hint: {self.hint}. {self.body}", self.noise
        )


def _sample(rng: Random, hops: int, *, simple: bool = False) -> Trails:
    """Draw a question whose trail has so many facts, with two or three other trails; with none where it shall be simple."""
    people, places = rng.sample(_PEOPLE, len(_PEOPLE)), rng.sample(_PLACES, len(_PLACES))
    start, facts = people[-1], []
    n_others = 0 if simple else rng.randint(2, 3)
    for length in (hops, *(rng.randint(1, 3) for _ in range(n_others))):
        trail = [people.pop() for _ in range(length)]
        facts += pairwise([*trail, places.pop()])
    rng.shuffle(facts)
    return Trails(tuple(facts), start)


def _read(question: str) -> Trails:
    """Read a question back.

    Raises:
        ValueError: It is none of this family.
    """
    plain, noise = without_noise(question, _SILENT)
    match = _QUESTION.fullmatch(plain)
    if match is None:
        raise ValueError(f"not a question of lookup: {question!r}")
    facts = tuple(
        _hear(f"Then from{fact.removeprefix(' From')}.") for fact in match["facts"].split(".")[:-1]
    )
    if None in facts or match["start"] not in {fact[0] for fact in facts if fact}:
        raise ValueError(f"not a question of lookup: {question!r}")
    trails = Trails(tuple(fact for fact in facts if fact), match["start"], match["hint"], noise)
    if trails.text != question:
        raise ValueError(f"not a question of lookup: {question!r}")
    return trails


def _say(fact: Statement, wording: int) -> str:
    """A fact as a line of a chain."""
    return f"{_OPENINGS[wording]} from {fact[0]} {fact[1]} hears."


def _hear(line: str) -> Statement | None:
    """The fact of a line."""
    match = _LINE.fullmatch(line)
    return (match["who"], match["whom"]) if match else None


def _after(question: Trails, said: Sequence[Statement]) -> Statement | None:
    """What the last one who was told does; nothing once the news is in a place."""
    if not said:
        return question.does[question.start]
    told = said[-1][1]
    ended = told in _PLACES or told in {fact[0] for fact in said}
    return None if ended else question.does.get(told)


def _others(question: Trails, said: Sequence[Statement]) -> list[Statement]:
    """Another place, or another person of the question who has not told anybody yet."""
    who, whom = said[-1]
    told = {fact[0] for fact in said}
    names = _PLACES if whom in _PLACES else [name for name in question.does if name not in told]
    return [(who, name) for name in names if name != whom]


def _end(question: Trails, said: Sequence[Statement]) -> str | None:  # noqa: ARG001 - the chain alone decides
    """The place that the last step states."""
    return said[-1][1] if said and said[-1][1] in _PLACES else None


def _bent(question: Trails, answer: str) -> list[Statement]:
    """The trail, the last person told to another place."""
    *before, (who, _) = LOOKUP.finished(question, ())
    return [*before, (who, answer)]


def _other(rng: Random, question: Trails) -> Trails:
    """Change one fact of the trail: a place of as many words that the question has not, or a person from whom the way is as long."""
    trail = LOOKUP.finished(question, ())
    fact = rng.choice(trail)
    choices = [new for new in _others(question, [fact]) if _as_long(question, trail, fact, new)]
    if not choices:
        return _other(rng, question)
    new = rng.choice(choices)
    return replace(question, facts=tuple(new if each == fact else each for each in question.facts))


def _as_long(question: Trails, trail: Sequence[Statement], fact: Statement, new: Statement) -> bool:
    if fact[1] in _PLACES:
        known = {each[1] for each in question.facts}
        return new[1] not in known and len(new[1].split()) == len(fact[1].split())
    ways = [LOOKUP.finished(replace(question, start=each[1]), ()) for each in (fact, new)]
    same = len(ways[0]) == len(ways[1]) and ways[0][-1] != ways[1][-1]
    return same and not {each[0] for each in ways[1]} & {each[0] for each in trail}


def _joined(rng: Random, hops: int, level: int) -> Trails:
    question = _sample(rng, hops)
    return with_joining(rng, question, LOOKUP.finished(question, ()), ends=_PLACES, level=level)


def _left_out(question: Trails) -> Iterator[Trails]:
    return with_one_left_out(question, LOOKUP.finished(question, ()), shortest=_HOPS[0])


LOOKUP_WORDS = (
    *(f" {word}" for word in (*_PEOPLE, "From", "from", "hears")),
    *dict.fromkeys(f" {word}" for place in _PLACES for word in place.split()),
    *("Hint", ":", "Facts", " Facts", ".", "?"),
    *(f" {word}" for word in ("Where", "does", "news", "end")),
    *("Then", "We", " see", " that"),
)
_BASE = family_base(
    "lookup",
    about="Reads its chain: the answer is the place that the last step states.",
    seed=7,
    hops=_HOPS,
)
LOOKUP = StatementFamily(
    name="lookup",
    language=sentences(LOOKUP_WORDS, asks="The answer is"),
    recipes=family_recipes(_BASE, tokens=300_000, hops=_HOPS),
    bounds=arm_bounds("lookup"),
    hops=_HOPS,
    sample=_sample,
    read=_read,
    other=_other,
    guesses=_PLACES,
    say=_say,
    hear=_hear,
    after=_after,
    others=_others,
    end=_end,
    bent=_bent,
    recombined=_joined,
    recombinations=(1, 2),
    left_out=_left_out,
    silent=_SILENT,
)
"""The family."""
