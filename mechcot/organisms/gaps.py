"""The family `gaps`: `lookup` with a word for what cannot be known. Where a person of the trail tells nobody, the chain says so and the answer is `unknown`.

    Facts: From Ben Carl hears. From Dora Lima hears. From Anna Ben hears. Where does news from Anna end?
    Then from Anna Ben hears.
    Then from Ben Carl hears.
    We see that from Carl nobody hears.
    The answer is unknown

Its questions with an answer are those of `lookup`; the two words more are why its models are others.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from random import Random

from mechcot.organisms.acceptance import arm_bounds
from mechcot.organisms.language import sentences
from mechcot.organisms.lookup import LOOKUP, LOOKUP_WORDS, Trails
from mechcot.organisms.recipes import family_base, family_recipes
from mechcot.organisms.statements import Statement

_NOBODY = "nobody"
_UNKNOWN = "unknown"
_PLACES = tuple(LOOKUP.guesses)


@dataclass(frozen=True)
class OpenTrails(Trails):
    """A question as data; its trail may end at a person who tells nobody."""

    @cached_property
    def answer(self) -> str:
        """The place where the news ends, or `unknown`."""
        return _end(self, GAPS.finished(self, ())) or _UNKNOWN


def _open(question: Trails) -> OpenTrails:
    return OpenTrails(**{field.name: getattr(question, field.name) for field in fields(question)})


def _read(text: str) -> OpenTrails:
    return _open(LOOKUP.read(text))


def _sample(rng: Random, hops: int, *, simple: bool = False) -> OpenTrails:
    """Draw a question of `lookup`."""
    return _open(LOOKUP.sample(rng, hops, simple=simple))


def _hear(line: str) -> Statement | None:
    """The fact of a line, or that a person tells nobody."""
    said = LOOKUP.hear(line.replace(f" {_NOBODY} ", f" {_PLACES[0]} "))
    return said if said is None or f" {_NOBODY} " not in line else (said[0], _NOBODY)


def _after(question: Trails, said: Sequence[Statement]) -> Statement | None:
    """What the last one who was told does: nothing once the news is in a place, or nobody hears it."""
    expected = LOOKUP.after(question, said)
    if expected is not None or not said:
        return expected
    told = said[-1][1]
    ended = told in (*_PLACES, _NOBODY) or told in {fact[0] for fact in said}
    return None if ended else (told, _NOBODY)


def _others(question: Trails, said: Sequence[Statement]) -> Sequence[Statement]:
    """As in `lookup`; a place where the last one tells nobody."""
    who, whom = said[-1]
    return [(who, place) for place in _PLACES] if whom == _NOBODY else LOOKUP.others(question, said)


def _end(question: Trails, said: Sequence[Statement]) -> str | None:
    """The place that the last step states, or `unknown`."""
    return _UNKNOWN if said and said[-1][1] == _NOBODY else LOOKUP.end(question, said)


def _bent(question: Trails, answer: str) -> list[Statement]:
    """The trail, the last person told to another place, or to nobody."""
    *before, (who, _) = GAPS.finished(question, ())
    return [*before, (who, _NOBODY if answer == _UNKNOWN else answer)]


def _without_fact(rng: Random, question: OpenTrails) -> OpenTrails:
    """The question without what one of its trail does, but not the first."""
    lost = rng.choice(LOOKUP.finished(question, ())[1:])
    return replace(question, facts=tuple(fact for fact in question.facts if fact != lost))


def _joined(rng: Random, hops: int, level: int) -> OpenTrails:
    assert LOOKUP.recombined is not None
    return _open(LOOKUP.recombined(rng, hops, level))


def _left_out(question: Trails) -> Iterator[Trails]:
    assert LOOKUP.left_out is not None
    yield from LOOKUP.left_out(question)


_PLAIN = family_base(
    "gaps",
    about="Reads its chain: the answer is the place that the last step states, or `unknown` where that tells nobody.",
    seed=7,
    hops=LOOKUP.hops,
)
_BASE = replace(
    _PLAIN,
    tokens=4_000_000,
    stages=tuple(replace(s, until=s.until and 2 * s.until) for s in _PLAIN.stages),
    mix={"plain": 0.45, "unknown": 0.2, "mistaken": 0.25, "cut": 0.05, "empty": 0.05},
)
GAPS = replace(
    LOOKUP,
    name="gaps",
    language=sentences((*LOOKUP_WORDS, f" {_NOBODY}", f" {_UNKNOWN}"), asks="The answer is"),
    recipes=family_recipes(_BASE, tokens=300_000, hops=LOOKUP.hops),
    bounds=arm_bounds("gaps"),
    sample=_sample,
    read=_read,
    hear=_hear,
    after=_after,
    others=_others,
    end=_end,
    bent=_bent,
    unanswerable=_without_fact,
    recombined=_joined,
    left_out=_left_out,
    arms=("base",),
)
"""The family."""
