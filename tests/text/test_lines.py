"""Lines of a text, and long chains: what is found per number must not cost the whole text."""

import random
import re
import time
from fractions import Fraction

import pytest

from mechcot.text.arithmetic.number_sources import Program, Source
from mechcot.text.arithmetic.validity import checked_steps
from mechcot.text.lines import line_number, line_start


@pytest.mark.parametrize("text", ["", "a", "\n", "a\n\nbc\nd", "\n\n"])
def test_lines_begin_behind_line_breaks(text):
    for at in range(len(text) + 1):
        assert line_start(text, at) == text.rfind("\n", 0, at) + 1
        assert line_number(text, at) == text[:at].count("\n")


def _slowly(program: Program, index: int) -> tuple[int | None, int | None]:
    """The result that a number repeats, and the one that it announces, by their definitions."""
    value, text = program.tokens[index].value, program.completion
    earlier = [at for at in program.results if at < index]
    repeated = None
    if earlier and program.tokens[max(earlier)].value == value:
        last = max(earlier)
        between = text[program.tokens[last].stop : program.tokens[index].start]
        final = index == program.answer_at and last == max(program.results)
        if final or re.fullmatch(r">>\s*\\?\$?\s*", between):
            repeated = last
    end = text.find("\n", program.tokens[index].start)
    end = len(text) if end < 0 else end
    announced = [
        at
        for at in sorted(program.results)
        if at > index and program.tokens[at].start < end and program.tokens[at].value == value
    ]
    return repeated, announced[0] if announced else None


def test_sources_are_those_of_the_definition():
    rng = random.Random(0)
    parts = (
        "So {a} + {b} = {c}",
        "<<{a}+{b}={c}>>{c}",
        "it is {c}",
        "he has {a} of {b}",
        "\n",
        ". ",
    )
    seen = set()
    for _ in range(150):
        chain = " ".join(
            part.format(a=(a := rng.randint(1, 3)), b=(b := rng.randint(1, 3)), c=a + b)
            for part in rng.choices(parts, k=12)
        )
        program = Program(
            "Anna has 2 and 3.", chain, answer=rng.choice([None, Fraction(4), Fraction(5)])
        )
        for index, places in program.sources.items():
            repeated, announced = _slowly(program, index)
            if repeated is not None:
                assert places == (Source(repeated),)
            elif announced is not None and index not in program.operands:
                assert places[-1] == Source(announced)
            else:
                assert all(place.at is None or place.at < index for place in places)
            seen.add((repeated is None, announced is None))
    assert len(seen) >= 3


@pytest.mark.slow
@pytest.mark.parametrize("step", ["So {} + 7 = {}. ", "So 3 + 4 = 7. And 7 + 1 = 8. "])
def test_a_long_chain_costs_in_proportion(step):
    """A quadratic rule would take 16 times as long."""
    taken = []
    for size in (20_000, 80_000):
        steps = [step.format(i, i + 7) for i in range(size // len(step))]
        start = time.process_time()
        assert all(check.valid for check in checked_steps("Anna has 12.", steps))
        taken.append(time.process_time() - start)
    assert taken[1] < 6 * taken[0]
