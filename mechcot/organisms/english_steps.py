"""Steps of the family `english`: what each says, what comes next, and what may stand between.

A statement is the kind of its sentence and the words in the holes of the first wording. The number of a person is what the chain said last.
"""

import re
from collections.abc import Sequence
from random import Random

from mechcot.core.trace import StepKind
from mechcot.organisms.chain_writer import Manner
from mechcot.organisms.english_story import LARGEST_NUMBER, UNKNOWN, Story, total
from mechcot.organisms.english_text import hear, holes, say
from mechcot.organisms.statements import Statement

_SUM = "{left} {sign} {right} = {n}"
_BACK = "{left} + {right} = {n}"
STEPS = {
    "plan": ("For {who} we need {of}.", "To know {who}, look at {of}."),
    "plans": ("For {who} we need {of} and {also}.", "To know {who}, look at {of} and {also}."),
    "given": ("{who} has {n} {thing}.", "We know {who} has {n} {thing}."),
    "has": (f"{{who}} has {_SUM} {{thing}}.", f"That gives {{who}} {_SUM} {{thing}}."),
    "fits": (f"Check: {_BACK}, right.", f"Let us check: {_BACK} is right."),
    "misfits": (f"Check: {_BACK}, wrong.", f"Let us check: {_BACK} is wrong."),
    "slip": (
        f"Wait, a slip: {{who}} has {_SUM} {{thing}}.",
        f"No, that gives {{who}} {_SUM} {{thing}}.",
    ),
    "recap": (
        "So far, {who} has {n} and {of} has {m} {thing}.",
        "To sum up, {who} has {n} and {of} has {m} {thing}.",
    ),
    "so": ("So {who} has {n} {thing}.", "In the end, {who} has {n} {thing}."),
    "gap": ("We are not told the {thing} of {who}.", "Nobody says how many {thing} {who} has."),
}
"""Kind of step to its wordings."""
_BEGINS = {
    StepKind.EXPLORATION: r"Fo|To k",
    StepKind.VERIFICATION: r"Ch|Let",
    StepKind.BACKTRACKING: r"Wa|No,",
    StepKind.SUMMARY: r"So f|To s",
    StepKind.CONCLUSION: r"So [A-Z]|In|We a|Nob",
}
"""Kind of step to what its sentences, and no others, begin with."""
_NOTES = ("plan", "plans", "given", "gap")
"""Kinds that say what the question has about a person."""
_VALUE, _NEAR = ("given", "has", "slip", "so"), 9
"""Kinds that end in one number that may be another; how far the other is at most."""
_SUMS = 24
"""Of an example that is nothing but sums."""


def say_step(statement: Statement, wording: int) -> str:
    """A statement as a sentence."""
    kind, *words = statement
    return say(STEPS[kind][wording], dict(zip(holes(STEPS[kind][0]), words, strict=True)))


def hear_step(line: str) -> Statement | None:
    """The statement of a sentence."""
    heard = hear(STEPS, line)
    if heard is None:
        return None
    kind, _, words = heard
    return kind, *(words[hole] for hole in holes(STEPS[kind][0]))


def holes_of(statement: Statement) -> dict[str, str]:
    """The words of a statement by hole."""
    return dict(zip(holes(STEPS[statement[0]][0]), statement[1:], strict=True))


def _made(kind: str, /, **words: object) -> Statement:
    return kind, *(str(words[hole]) for hole in holes(STEPS[kind][0]))


def values_after(story: Story, said: Sequence[Statement]) -> dict[str, int]:
    """Person to number, as the question gives it or the chain said it last."""
    values = dict(story.given)
    for statement in said:
        words = holes_of(statement)
        if "who" in words and "n" in words:
            values[words["who"]] = int(words["n"])
        if "m" in words:
            values[words["of"]] = int(words["m"])
    return values


def _stated(said: Sequence[Statement]) -> list[str]:
    """The people whose numbers a chain worked out, in order."""
    return list(dict.fromkeys(holes_of(s)["who"] for s in said if s[0] in {"has", "slip"}))


def restated(story: Story, said: Sequence[Statement], statement: Statement) -> Statement | None:
    """The statement with the numbers that question and chain so far give; None where they give none.

    Args:
        story: The question.
        said: What stands before it.
        statement: Gives kind and people.
    """
    kind, words = statement[0], holes_of(statement)
    if kind in {"fits", "misfits"}:
        return _checked(story, said)
    who = words.get("who", "")
    if who not in story.of or words.get("thing", story.thing) != story.thing:
        return None
    if kind in _NOTES:
        return _note(story, who)
    return _numbered(story, kind, words, values_after(story, said))


def _numbered(
    story: Story, kind: str, words: dict[str, str], values: dict[str, int]
) -> Statement | None:
    """A sum, or a sentence that only repeats numbers, with the numbers that are known."""
    who, of = words["who"], words.get("of", words["who"])
    if kind in {"has", "slip"}:
        return _worked_out(story, kind, who, values)
    if who not in values or of not in values:
        return None
    return _made(kind, **words | {"n": values[who], "m": values[of]})


def _note(story: Story, who: str) -> Statement:
    """What the question has about a person: whose numbers the person's needs, a number, or none."""
    fact = story.of[who]
    kind = {"number": "given", "some": "gap", "both": "plans"}.get(fact.kind, "plan")
    return _made(kind, **vars(fact) | {"thing": story.thing})


def _worked_out(story: Story, kind: str, who: str, values: dict[str, int]) -> Statement | None:
    terms = story.of[who].terms(values)
    if terms is None or not 1 <= total(terms) <= LARGEST_NUMBER:
        return None
    left, sign, right = terms
    return _made(
        kind, who=who, left=left, sign=sign, right=right, n=total(terms), thing=story.thing
    )


def _worked_out_last(story: Story, said: Sequence[Statement]) -> str | None:
    """Whose number a chain worked out last; None for nobody's, or a person's of whom the question does not tell."""
    who = next((holes_of(s)["who"] for s in reversed(said) if s[0] in {"has", "slip"}), None)
    return who if who in story.of else None


def _checked(story: Story, said: Sequence[Statement]) -> Statement | None:
    """The check of the difference that was worked out last."""
    who = _worked_out_last(story, said)
    if who is None or story.of[who].kind != "fewer":
        return None
    values, fact = values_after(story, said), story.of[who]
    back = values[who] + int(fact.n)
    if back > LARGEST_NUMBER or fact.of not in values:
        return None
    kind = "fits" if back == values[fact.of] else "misfits"
    return _made(kind, left=values[who], right=fact.n, n=back)


def after(story: Story, said: Sequence[Statement]) -> Statement | None:
    """The statement that must come next; None at the end.

    What the question has leads from the asked person back to given numbers, then sums lead forward. A difference is checked, a check that does not fit mended.
    """
    last = said[-1] if said else ("",)
    if last[0] == "has" and (check := _checked(story, said)) is not None:
        return check
    if last[0] == "misfits" and (who := _worked_out_last(story, said)) is not None:
        return _worked_out(story, "slip", who, values_after(story, said))
    if any(statement[0] in {"gap", "so"} for statement in said):
        return None
    stated, noted = _stated(said), {holes_of(s)["who"] for s in said if s[0] in _NOTES}
    notes = [who for who in reversed(story.needed) if who not in noted]
    if notes and not stated:
        return _note(story, notes[0])
    sums = [who for who in story.needed if story.of[who].reads and who not in stated]
    return _worked_out(story, "has", sums[0], values_after(story, said)) if sums else None


def aside(rng: Random, story: Story, said: Sequence[Statement], manner: Manner) -> Statement | None:
    """A statement that may stand here though nothing needs it, or None: a sum that nobody asked for, what is known so far, a last sentence.

    Args:
        rng: Source of chance.
        story: The question.
        said: What stands before it.
        manner: Its probabilities; None there gives 0.15 of the places to other sums, 0.3 to a summary, and 0.6 of the chains a last sentence.
    """
    coming = after(story, said)
    kinds, stated = {statement[0] for statement in said}, _stated(said)
    if coming is None:
        done = kinds & {"gap", "so"} or story.who not in stated
        return None if done or not _tossed(rng, manner.conclusion, 0.6) else _closing(story, said)
    if coming[0] != "has" or said[-1][0] == "recap":
        return None
    if _tossed(rng, manner.distractor, 0.15) and (other := _unneeded(rng, story, said)):
        return other
    if len(stated) > 1 and "recap" not in kinds and _tossed(rng, manner.summary, 0.3):
        values, (who, of) = values_after(story, said), stated[-2:]
        return _made("recap", who=who, n=values[who], of=of, m=values[of], thing=story.thing)
    return None


def _tossed(rng: Random, given: float | None, usual: float) -> bool:
    return rng.random() < (usual if given is None else given)


def _closing(story: Story, said: Sequence[Statement]) -> Statement:
    return _made("so", who=story.who, n=values_after(story, said)[story.who], thing=story.thing)


def _unneeded(rng: Random, story: Story, said: Sequence[Statement]) -> Statement | None:
    """The sum of a person whom the answer does not need, once."""
    values, stated = values_after(story, said), _stated(said)
    spare = [f.who for f in story.facts if f.reads and f.who not in {*story.needed, *stated}]
    choices = [_worked_out(story, "has", who, values) for who in spare]
    known = [statement for statement in choices if statement]
    return rng.choice(known) if known else None


def drilled(rng: Random) -> list[str]:
    """Sums and differences without people; half of them carry, half of those of either sort only just do or do not, and a third are differences to one digit."""
    return [
        _drilled(rng, carries=i % 2 == 0, close=i % 4 < 2, short=i % 3 == 0) for i in range(_SUMS)
    ]


def _drilled(rng: Random, *, carries: bool, close: bool, short: bool) -> str:
    """A sum whose units carry or not, and end in 9 or 0 where that is close; a difference of 1 to 9 where it is short."""
    while True:
        left = rng.randint(2, LARGEST_NUMBER)
        right = left - rng.randint(1, 9) if short else rng.randint(2, rng.choice((9, 60)))
        sign = "-" if short else rng.choice("+-")
        value = total((left, sign, right))
        carry = left % 10 + right % 10 > 9 if sign == "+" else left % 10 < right % 10
        fits = carry == carries and right > 1 and (not close or value % 10 in {0, 9})
        if fits and 1 <= value <= LARGEST_NUMBER:
            return f"{left} {sign} {right} = {value}\n"


def others(story: Story, said: Sequence[Statement]) -> list[Statement]:
    """The last statement with another number of as many digits; all that comes after it can be worked out.

    Those of another ten stand first, each group the nearest first: whether a sum carries is what is hard to learn.
    """
    *before, last = said
    if last[0] not in {*_VALUE, "recap"}:
        return []
    words = holes_of(last)
    hole = "m" if last[0] == "recap" else "n"
    right = int(words[hole])
    near = sorted(
        range(right - _NEAR, right + _NEAR + 1),
        key=lambda n: (n // 10 == right // 10, abs(n - right)),
    )
    choices = (
        _made(last[0], **words | {hole: n})
        for n in near
        if n != right and 1 <= n <= LARGEST_NUMBER and len(str(n)) == len(str(right))
    )
    return [new for new in choices if _leads_on(story, [*before, new])]


def _leads_on(story: Story, said: Sequence[Statement]) -> bool:
    """Whether all needed sums that a chain has not worked out stay between 1 and 99."""
    values, stated = values_after(story, said), _stated(said)
    for who in story.needed:
        if story.of[who].reads and who not in stated:
            terms = story.of[who].terms(values)
            if terms is None or not 1 <= total(terms) <= LARGEST_NUMBER:
                return False
            values[who] = total(terms)
    return True


def end_of(story: Story, said: Sequence[Statement]) -> str | None:
    """The number of the asked person as the chain said it last, or `unknown`; None where it said neither."""
    if any(statement[0] == "gap" for statement in said):
        return UNKNOWN
    number = values_after(story, said).get(story.who)
    return None if number is None or story.who in story.given else str(number)


def bent(story: Story, answer: str) -> list[Statement]:
    """The needed sums, the last one with the answer's number; a right answer keeps its check."""
    said: list[Statement] = []
    while (expected := after(story, said)) is not None:
        if answer != story.answer and expected[0] == "has" and expected[1] == story.who:
            return [*said, _made("has", **holes_of(expected) | {"n": answer})]
        said.append(expected)
    return said


def kind_of(step: str) -> StepKind:
    """The kind of a step, finished or not; a step that has not said yet what it is counts as progression."""
    found = (kind for kind, begin in _BEGINS.items() if re.match(begin, step))
    return next(found, StepKind.PROGRESSION if step else StepKind.OTHER)
