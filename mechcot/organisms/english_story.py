"""Questions of the family `english`: facts about people and things, drawn, written and read back."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from random import Random

from mechcot.organisms.english_text import PEOPLE, THINGS, hear, say
from mechcot.organisms.format_noise import Noise, with_noise, without_noise

UNKNOWN = "unknown"
"""The answer where a needed number is not given."""
FACTS = {
    "number": ("{who} has {n} {thing}.", "{who} owns {n} {thing}."),
    "some": ("{who} has some {thing}.", "{who} owns some {thing}."),
    "more": (
        "{who} has {n} more {thing} than {of}.",
        "Compared with {of}, {who} has {n} more {thing}.",
    ),
    "fewer": (
        "{who} has {n} fewer {thing} than {of}.",
        "Compared with {of}, {who} has {n} fewer {thing}.",
    ),
    "twice": (
        "{who} has twice as many {thing} as {of}.",
        "{who} has double the {thing} of {of}.",
    ),
    "both": (
        "{who} has as many {thing} as {of} and {also} together.",
        "Together, {of} and {also} have as many {thing} as {who}.",
    ),
}
QUESTIONS = {
    "asked": ("How many {thing} does {who} have?", "What is the number of {thing} that {who} has?")
}
SILENT_WORDS = frozenset(
    [
        "has",
        "owns",
        "have",
        "as",
        "How",
        "many",
        "does",
        "What",
        "is",
        "the",
        "number",
        "that",
        "Compared",
        "with",
        "Together",
        "than",
        "and",
        "of",
    ]
)
"""Words of a question that carry nothing."""
_OPERATIONS = {"more": 0.3, "fewer": 0.3, "twice": 0.15, "both": 0.25}
_HINT = re.compile(r"Hint: (\d+|unknown)\. ")
_SENTENCE = re.compile(r"[^.?]+[.?]")
LARGEST_NUMBER = 99
_FEWEST_SUMS = 2


@dataclass(frozen=True)
class Fact:
    """What a person has.

    Attributes:
        kind: A key of `FACTS`.
        who: The person.
        n: The number in it; "" where it has none.
        of: Whom it is compared with; "" where it is compared with nobody.
        also: The second person of `both`.
        form: Its wording, 0 or 1.
    """

    kind: str
    who: str
    n: str = ""
    of: str = ""
    also: str = ""
    form: int = 0

    @property
    def reads(self) -> tuple[str, ...]:
        """The people whose numbers it needs."""
        return tuple(person for person in (self.of, self.also) if person)

    def terms(self, values: dict[str, int]) -> tuple[int, str, int] | None:
        """Left number, sign and right number of its sum; None where a number is not known or it has no sum."""
        if not self.reads or any(person not in values for person in self.reads):
            return None
        left = values[self.of]
        right = {"twice": left, "both": values.get(self.also, 0)}.get(self.kind)
        return left, "-" if self.kind == "fewer" else "+", int(self.n) if right is None else right


def total(terms: tuple[int, str, int]) -> int:
    """The value of a sum."""
    left, sign, right = terms
    return left - right if sign == "-" else left + right


@dataclass(frozen=True)
class Story:
    """A question as data.

    Attributes:
        facts: In the order of the question, one a person.
        who: The person who is asked for.
        thing: What is counted.
        form: Wording of the question, 0 or 1.
        hint: An answer, or None.
        noise: Which words are said twice.
    """

    facts: tuple[Fact, ...]
    who: str
    thing: str
    form: int = 0
    hint: str | None = None
    noise: Noise = ()

    @cached_property
    def of(self) -> dict[str, Fact]:
        """Person to fact."""
        return {fact.who: fact for fact in self.facts}

    @cached_property
    def needed(self) -> tuple[str, ...]:
        """The people whose numbers the answer needs, each after those that its own needs; the asked one is the last."""
        order: dict[str, None] = {}

        def visit(person: str) -> None:
            for other in self.of[person].reads:
                visit(other)
            order.setdefault(person)

        visit(self.who)
        return tuple(order)

    @cached_property
    def given(self) -> dict[str, int]:
        """Person to a number that a fact gives."""
        return {fact.who: int(fact.n) for fact in self.facts if fact.kind == "number"}

    @cached_property
    def values(self) -> dict[str, int]:
        """Person to number, for all whose number can be known."""
        values = dict(self.given)
        left = [fact for fact in self.facts if fact.reads]
        while ready := [fact for fact in left if fact.terms(values) is not None]:
            values |= {fact.who: total(fact.terms(values) or (0, "+", 0)) for fact in ready}
            left = [fact for fact in left if fact not in ready]
        return values

    @property
    def answer(self) -> str:
        """The number of the asked person, or `unknown`."""
        return str(self.values.get(self.who, UNKNOWN))

    @property
    def body(self) -> str:
        """The question without its hint."""
        facts = [
            say(FACTS[fact.kind][fact.form], vars(fact) | {"thing": self.thing})
            for fact in self.facts
        ]
        asked = say(QUESTIONS["asked"][self.form], {"who": self.who, "thing": self.thing})
        return " ".join((*facts, asked))

    @property
    def text(self) -> str:
        """The question."""
        plain = self.body if self.hint is None else f"Hint: {self.hint}. {self.body}"
        return with_noise(plain, self.noise)


def read_story(question: str) -> Story:
    """Read a question back.

    Raises:
        ValueError: It is none of this family.
    """
    plain, noise = without_noise(question, SILENT_WORDS)
    hint = _HINT.match(plain)
    *sentences, asked = _SENTENCE.findall(plain[hint.end() if hint else 0 :].strip()) or [""]
    heard = [hear(FACTS, sentence.strip()) for sentence in sentences]
    ask = hear(QUESTIONS, asked.strip())
    if None in heard or ask is None:
        raise ValueError(f"not a question of english: {question!r}")
    facts = tuple(
        Fact(kind, form=form, **{k: v for k, v in words.items() if k != "thing"})
        for kind, form, words in (each for each in heard if each)
    )
    says = hint[1] if hint else None
    story = Story(facts, ask[2]["who"], ask[2]["thing"], ask[1], says, noise)
    if story.text != question or not _is_whole(story):
        raise ValueError(f"not a question of english: {question!r}")
    return story


def _is_whole(story: Story) -> bool:
    """Whether each person has one fact, everybody who is read has one, and nobody's number needs itself."""
    people = [fact.who for fact in story.facts]
    read = {person for fact in story.facts for person in fact.reads}
    blank = {fact.who for fact in story.facts if fact.kind == "some"}
    settled = set(story.given) | blank
    while ready := {f.who for f in story.facts if f.who not in settled and settled >= {*f.reads}}:
        settled |= ready
    known = {*read, story.who} <= set(people)
    return known and len(people) == len(set(people)) and settled == set(people)


def draw_story(rng: Random, hops: int, *, simple: bool = False) -> Story:
    """Draw a question without a hint whose answer needs so many sums; a simple one has no facts beside the needed ones.

    All numbers lie between 1 and 99, and some other number of the question would lead to another answer in as many tokens.
    """
    return _drawn(rng, hops, simple=simple)


def draw_joined(rng: Random, hops: int, level: int) -> Story:
    """Draw a question in which so many sums lead to the second of two people who have something together; trained questions give that number, or need it anyway.

    Args:
        rng: Source of chance.
        hops: How many sums the answer needs; at least two more than `level`.
        level: How many of them lead to the second person.
    """
    return _drawn(rng, max(hops, level + 2), side=level)


def _drawn(rng: Random, hops: int, *, simple: bool = False, side: int = 0) -> Story:
    while not _fits(story := _draft(rng, hops, simple=simple, side=side)):
        pass
    return story


def _fits(story: Story) -> bool:
    """Whether every number is known and has its place, and another number would lead to another answer."""
    numbers = [*story.values.values()]
    fits = len(numbers) == len(story.facts) and all(2 <= n <= LARGEST_NUMBER for n in numbers)
    return fits and next(turned(story), None) is not None


def _spine(rng: Random, hops: int, people: list[str]) -> tuple[list[Fact], list[str]]:
    """Facts from a given number to a person so many sums further, and the people on the way."""
    first = people.pop()
    facts, spine = [Fact("number", first, str(rng.randint(3, 60)))], [first]
    for _ in range(hops):
        who = people.pop()
        fact, leaf = _operation(rng, who, spine, people)
        facts += leaf
        facts.append(fact)
        spine.append(who)
    return facts, spine


def _draft(rng: Random, hops: int, *, simple: bool, side: int) -> Story:
    people = rng.sample(PEOPLE, len(PEOPLE))
    facts, spine = _spine(rng, hops - side - (side > 0), people)
    if side:
        others, (*_, also) = _spine(rng, side, people)
        facts += [*others, Fact("both", people.pop(), of=spine[-1], also=also)]
        spine.append(facts[-1].who)
    if not simple:
        facts.append(Fact("number", people.pop(), str(rng.randint(3, 60))))
        if rng.random() < 0.6:
            fact, _ = _operation(rng, people.pop(), spine[:-1], ())
            facts.append(fact)
    rng.shuffle(facts)
    worded = tuple(replace(fact, form=rng.randrange(2)) for fact in facts)
    return Story(worded, spine[-1], rng.choice(THINGS), rng.randrange(2))


def _operation(
    rng: Random, who: str, spine: list[str], people: list[str] | tuple[()]
) -> tuple[Fact, list[Fact]]:
    """A fact that reads the last of the spine, and the fact of a second person that it reads where that is a new one."""
    kind = rng.choices(list(_OPERATIONS), weights=list(_OPERATIONS.values()))[0]
    of = spine[-1]
    if kind == "twice":
        return Fact(kind, who, of=of), []
    if kind != "both":
        return Fact(kind, who, n=str(rng.randint(2, 30)), of=of), []
    if len(spine) > 1 and (not people or rng.random() < 0.5):
        return Fact(kind, who, of=of, also=rng.choice(spine[:-1])), []
    if not people:
        return Fact("twice", who, of=of), []
    also = people.pop()
    return Fact(kind, who, of=of, also=also), [Fact("number", also, str(rng.randint(3, 40)))]


def turned(story: Story) -> Iterator[Story]:
    """The question with one needed number changed so that the answer is another; all numbers keep their count of digits."""
    for fact in story.facts:
        if not fact.n or fact.who not in story.needed:
            continue
        for number in _as_long(fact.n):
            changed = replace(fact, n=number)
            facts = tuple(changed if each is fact else each for each in story.facts)
            other = replace(story, facts=facts)
            if other.answer != story.answer and _same_digits(story.values, other.values):
                yield other


def _as_long(number: str) -> list[str]:
    """The other numbers with as many digits."""
    span = range(1, 10) if len(number) == 1 else range(10, LARGEST_NUMBER + 1)
    return [str(n) for n in span if str(n) != number]


def _same_digits(values: dict[str, int], others: dict[str, int]) -> bool:
    return all(
        1 <= other <= LARGEST_NUMBER and len(str(values[who])) == len(str(other))
        for who, other in others.items()
    )


def left_out(story: Story) -> Iterator[Story]:
    """The question without a person whose number is a sum of one other's; who needs it takes the other's instead, for each such person. None of one whose answer needs two sums."""
    sums = [story.of[who] for who in story.needed if story.of[who].reads]
    for fact in sums if len(sums) > _FEWEST_SUMS else ():
        if fact.who == story.who or len(fact.reads) != 1:
            continue
        (other,) = fact.reads
        names = {fact.who: other}
        kept = tuple(
            replace(each, of=names.get(each.of, each.of), also=names.get(each.also, each.also))
            for each in story.facts
            if each is not fact
        )
        twin = replace(story, facts=kept)
        if all(len(set(each.reads)) == len(each.reads) for each in kept) and _fits(twin):
            yield twin


def without_a_number(rng: Random, story: Story) -> Story:
    """The question with one needed number not given."""
    fact = rng.choice([f for f in story.facts if f.kind == "number" and f.who in story.needed])
    blank = Fact("some", fact.who, form=fact.form)
    return replace(story, facts=tuple(blank if each is fact else each for each in story.facts))
