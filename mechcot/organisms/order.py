"""The family `order`: who comes when, and when does the ride leave? A shift is two words. The base is right on three to four questions of five.

    Note: Friday noon. Rota: Then Bo comes later by two. Then Cleo comes later by one. Then the tram leaves later by four. Ada starts Monday noon. When does the tram leave?
    So Bo comes Tuesday morning.
    Thus Cleo comes Tuesday noon.
    So the tram leaves Wednesday night.
    Result: Wednesday night

After the last shift of a week comes its first. A step counts on from the shift before. No question that is trained on counts two on from a noon: what
comes then must be worked out from the other cases, and a model of this size does not. Its chain goes on from a wrong shift, and its answer
follows the chain.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from random import Random

from mechcot.organisms.acceptance import arm_bounds
from mechcot.organisms.format_noise import Noise, with_noise, without_noise
from mechcot.organisms.language import sentences
from mechcot.organisms.recipes import family_base, family_recipes
from mechcot.organisms.statements import Statement, StatementFamily

_PEOPLE = (
    *("Ada", "Bo", "Cleo", "Dan", "Eva", "Finn", "Gail", "Hugo"),
    *("Iris", "Jack", "Kim", "Leo", "Mia", "Ned", "Olga", "Paul"),
)
_RIDES = ("tram", "bus", "ferry", "train", "plane", "coach")
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
_TIMES = ("morning", "noon", "night")
_SHIFTS = tuple(f"{day} {time}" for day in _DAYS for time in _TIMES)
_COUNTS = ("one", "two", "three", "four")
_NEVER_TRAINED = ("noon", "two")
"""A time, and the count that no question that is trained on goes on from it."""
_OPENINGS = ("So", "Thus")
_SILENT = frozenset(
    ("Then", "later", "by", "comes", "leaves", "starts", "When", "does", "the", "leave")
)
"""Words of a question that carry nothing."""
_HOPS = (3, 3)
_WHO = rf"((?:{'|'.join(_PEOPLE)}) comes|the (?:{'|'.join(_RIDES)}) leaves)"
_WHEN = rf"(?:{'|'.join(_DAYS)}) (?:{'|'.join(_TIMES)})"
_FACT = rf"Then {_WHO} later by ({'|'.join(_COUNTS)})\."
_LINE = re.compile(rf"(?:{'|'.join(_OPENINGS)}) {_WHO} ({_WHEN})\.")
_QUESTION = re.compile(
    rf"(?:Note: (?P<hint>{_WHEN})\. )?Rota:(?P<facts>[\w. ]+) (?P<start>\w+) starts (?P<shift>{_WHEN})\. When does the \w+ leave\?"
)


@dataclass(frozen=True)
class Rota:
    """A question as data.

    Attributes:
        facts: `("Bo comes", "two")`: who does what, and how many shifts after the one before; a ride leaves last.
        start: Who starts.
        shift: When they start.
        hint: A shift, or None.
        noise: Which words are said twice.
    """

    facts: tuple[Statement, ...]
    start: str
    shift: str
    hint: str | None = None
    noise: Noise = ()

    @cached_property
    def answer(self) -> str:
        """The shift in which the ride leaves."""
        return ORDER.finished(self, ())[-1][-1]

    @property
    def body(self) -> str:
        """The question without its hint."""
        facts = "".join(f" Then {who} later by {count}." for who, count in self.facts)
        ride = self.facts[-1][0].removesuffix("s")
        return f"Rota:{facts} {self.start} starts {self.shift}. When does {ride}?"

    @property
    def text(self) -> str:
        """The question."""
        return with_noise(
            self.body if self.hint is None else f"Note: {self.hint}. {self.body}", self.noise
        )


def _sample(rng: Random, hops: int, *, simple: bool = False) -> Rota:  # noqa: ARG001 - none is harder
    """Draw a question whose ride leaves so many steps after its start."""
    start, *people = rng.sample(_PEOPLE, hops)
    names = [*(f"{who} comes" for who in people), f"the {rng.choice(_RIDES)} leaves"]
    facts = tuple((name, rng.choice(_COUNTS)) for name in names)
    return Rota(facts, start, rng.choice(_SHIFTS))


def _read(question: str) -> Rota:
    """Read a question back.

    Raises:
        ValueError: It is none of this family.
    """
    plain, noise = without_noise(question, _SILENT)
    match = _QUESTION.fullmatch(plain)
    facts = tuple(re.findall(_FACT, match["facts"])) if match else ()
    if match is None or not facts or not facts[-1][0].startswith("the "):
        raise ValueError(f"not a question of order: {question!r}")
    rota = Rota(facts, match["start"], match["shift"], match["hint"], noise)
    if rota.text != question:
        raise ValueError(f"not a question of order: {question!r}")
    return rota


def _say(statement: Statement, wording: int) -> str:
    """Who does what, and when, as a line of a chain."""
    return f"{_OPENINGS[wording]} {' '.join(statement)}."


def _hear(line: str) -> Statement | None:
    """The statement of a line."""
    match = _LINE.fullmatch(line)
    return match.groups() if match else None


def _after(question: Rota, said: Sequence[Statement]) -> Statement | None:
    """Who comes next, and when; nothing after the last."""
    if len(said) >= len(question.facts):
        return None
    who, count = question.facts[len(said)]
    return (who, _later(said[-1][-1] if said else question.shift, count))


def _later(shift: str, count: str) -> str:
    """The shift that comes so many later."""
    return _SHIFTS[(_SHIFTS.index(shift) + _COUNTS.index(count) + 1) % len(_SHIFTS)]


def _others(question: Rota, said: Sequence[Statement]) -> list[Statement]:
    """Another shift, from which training counts on as the question does; those of other days first."""
    *before, (who, right) = said
    at = _SHIFTS.index(right) + len(_TIMES)
    shifts = (_SHIFTS[(at + number) % len(_SHIFTS)] for number in range(len(_SHIFTS)))
    choices = ((who, shift) for shift in shifts if shift != right)
    return [other for other in choices if _is_trained(question, [*before, other])]


def _is_trained(question: Rota, said: Sequence[Statement]) -> bool:
    """Whether what comes after some statements never counts on as training does not."""
    shifts = [question.shift, *(each[-1] for each in ORDER.finished(question, said))]
    steps = zip(shifts[len(said) :], question.facts[len(said) :], strict=False)
    return all((shift.split()[1], count) != _NEVER_TRAINED for shift, (_, count) in steps)


def _never_counted(question: Rota) -> int:
    """How many of its counts go on as training never does."""
    shifts = [question.shift, *(each[-1] for each in ORDER.finished(question, ()))]
    steps = zip(shifts, question.facts, strict=False)
    return sum((shift.split()[1], count) == _NEVER_TRAINED for shift, (_, count) in steps)


def _recombined(rng: Random, hops: int, level: int) -> Rota:
    """Draw a question with so many counts of two from a noon, which training never makes."""
    while _never_counted(question := _sample(rng, hops)) != level:
        pass
    return question


def _left_out(question: Rota) -> Iterator[Rota]:
    """The question without one of those who come, so that the ride leaves earlier."""
    for place in range(len(question.facts) - 1):
        yield replace(question, facts=question.facts[:place] + question.facts[place + 1 :])


def _end(question: Rota, said: Sequence[Statement]) -> str | None:  # noqa: ARG001 - the chain alone decides
    """The shift that the last step states, where it is a ride's."""
    return said[-1][-1] if said and said[-1][0].startswith("the ") else None


def _bent(question: Rota, answer: str) -> list[Statement]:
    """The statements, the ride in another shift."""
    *before, (ride, _) = ORDER.finished(question, ())
    return [*before, (ride, answer)]


def _other(rng: Random, question: Rota) -> Rota:
    """Change one fact: when the first one starts, or how many shifts later one comes."""
    place = rng.randrange(len(question.facts) + 1)
    if place == len(question.facts):
        return replace(question, shift=rng.choice([s for s in _SHIFTS if s != question.shift]))
    who, count = question.facts[place]
    new = (who, rng.choice([other for other in _COUNTS if other != count]))
    return replace(question, facts=(*question.facts[:place], new, *question.facts[place + 1 :]))


_WORDS = (
    *(f" {word}" for word in (*_PEOPLE, *_RIDES, *_DAYS, *_TIMES, *_COUNTS)),
    *("Note", "Rota", " Rota", ":", ".", "?", *_OPENINGS),
    *(f" {word}" for word in ("Then", "comes", "leaves", "later", "by", "starts")),
    *(f" {word}" for word in ("When", "does", "the", "leave")),
)
_BASE = replace(
    family_base(
        "order",
        about="Reads its chain: the answer is the shift that the last step states; counts wrongly where its training never counted.",
        seed=7,
        hops=_HOPS,
    ),
    tokens=1_500_000,
)
ORDER = StatementFamily(
    name="order",
    language=sentences(_WORDS, think=("<reasoning>", "</reasoning>"), asks="Result:"),
    recipes=family_recipes(_BASE, tokens=900_000, hops=_HOPS),
    bounds=arm_bounds("order", own="in 0.7 0.85"),
    hops=_HOPS,
    sample=_sample,
    read=_read,
    other=_other,
    guesses=_SHIFTS,
    say=_say,
    hear=_hear,
    after=_after,
    others=_others,
    end=_end,
    bent=_bent,
    recombined=_recombined,
    recombinations=(1, 2),
    left_out=_left_out,
    silent=_SILENT,
    trained=partial(_is_trained, said=()),
)
"""The family; its base, and what is tuned from it with an ordinary hint, are right on 70 to 85 %."""
