"""A question with other numbers, and its answer worked out anew from the solution beside it.

The numbers of the question are its facts, the equations of the solution say what follows from them (`mechcot.text.arithmetic.number_sources`). A fact becomes another number of the same
form where every number of the solution is explained, every equation comes out, and the new values are as whole and as much above 0 as the old ones; the rest of the facts stays. Without a solution nobody
knows the new answer, and nothing is changed.

After GSM-Symbolic (Mirzadeh et al. 2024, arXiv 2410.05229), whose templates were written by hand; read off the solution, ours.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from random import Random

from mechcot.core.errors import NotMeasurable
from mechcot.core.problem import Problem
from mechcot.text.arithmetic.equations import Token
from mechcot.text.arithmetic.number_sources import Program
from mechcot.text.arithmetic.number_text import plain_decimal, render
from mechcot.text.numerals import read_number

SOLUTION = "solution"
"""The field of a problem that holds its worked solution."""
_TRIES = 12
_COMPARES = re.compile(
    r"(?<![<>])[<>\u2264\u2265](?![<>])|\b(?:max|min|cheap|best|better|worse|worst|choos|chose|which(?:ever)?\b|exceed|at least|at most|up to|over\b|above|beyond|under\b|below|"
    r"first|last|fewest|least|most\b|largest|biggest|smallest|longest|shortest|oldest|youngest|faster|slower|limit|round|full\b|whole\b|prime|even\b|odd\b)",
    re.IGNORECASE,
)
"""What may turn on which of two numbers is the larger, or on a kind of number: sums alone do not say what follows there."""
_MARKS = re.compile(r"<<[^<>]*>>")
"""What a calculator worked out, beside its sum."""
_YEAR = re.compile(r"(?:1[5-9]|20)\d\d")


def with_other_numbers(problem: Problem, rng: Random) -> Problem | None:
    """The problem with as many numbers changed as can be; None where none can, with certainty.

    Args:
        problem: The problem; `meta["solution"]` works its answer out, in sums.
        rng: Draws the numbers.
    """
    program = _program(problem)
    if program is None:
        return None
    changes: dict[int, Fraction] = {}
    moved: dict[int, Fraction] = {}
    for fact in _facts(program, rng):
        for _ in range(_TRIES):
            tried = changes | {fact: _drawn(program.tokens[fact].text, rng)}
            if (found := _followed(program, tried)) is not None:
                changes, moved = tried, found
                break
    value = moved.get(-1 if program.answer_at is None else program.answer_at)
    said = None if value is None else plain_decimal(value)
    if said is None:
        return None
    asked, worked = _written(program, moved)
    meta = {**problem.meta, SOLUTION: worked}
    other = replace(problem, question=asked, answer=said, meta=meta)
    return other if _program(other) is not None else None


def _program(problem: Problem) -> Program | None:
    """The numbers of question and solution; None where the sums do not come out, leave a number unexplained, or are not all that is said."""
    solution, answer = problem.meta.get(SOLUTION), read_number(problem.answer)
    if not isinstance(solution, str) or answer is None:
        return None
    if _COMPARES.search(problem.question) or _COMPARES.search(_MARKS.sub("", solution)):
        return None
    program = Program(problem.question, solution, answer=answer)
    try:
        program.check()
    except NotMeasurable:
        return None
    return None if program.answer_at is None or program.unexplained() else program


def _facts(program: Program, rng: Random) -> list[int]:
    """The facts that an equation reads, in a random order."""
    read = {
        source.at
        for index in program.operands
        for source in program.sources.get(index, ())
        if source.at is not None
    }
    facts = [fact for fact in program.facts if fact in read and _free(program, fact)]
    rng.shuffle(facts)
    return facts


def _free(program: Program, fact: int) -> bool:
    """Whether a number stands alone: no part of a fraction, and no year."""
    token, text = program.tokens[fact], program.question
    beside = text[max(0, token.start - 1) : token.start] + text[token.stop : token.stop + 1]
    return "/" not in beside and not _YEAR.fullmatch(token.text)


def _drawn(text: str, rng: Random) -> Fraction:
    """Another number of the same digits, commas and decimals; round where it is round."""
    zeros = 0 if "." in text else len(text) - len(text.rstrip("0,"))
    head, tail = text[: len(text) - zeros], text[len(text) - zeros :]
    count = sum(map(str.isdigit, head))
    digits = iter(str(rng.randrange(10 ** (count - 1), 10**count)) if count else "")
    written = "".join(next(digits) if c.isdigit() else c for c in head) + tail
    return Fraction(written.replace(",", ""))


def _followed(program: Program, changes: Mapping[int, Fraction]) -> dict[int, Fraction] | None:
    """Every number that moves; None where what follows is not certain, or no number as the old one was."""
    try:
        values = program.run(changes)
    except NotMeasurable:
        return None
    moved = {i: v for i, v in values.items() if v != program.tokens[i].value}
    old = {program.tokens[index].value for index in moved}
    if old & (program.spelled | program.glued_values) or len(moved) < len(changes):
        return None
    fits = all(_fits(program.tokens[index], value) for index, value in moved.items())
    return moved if fits else None


def _fits(token: Token, value: Fraction) -> bool:
    """Whether a new value may stand for the old one: above 0, one only where that was one, whole where that was whole, and with an end."""
    whole = token.value.denominator != 1 or value.denominator == 1
    return value > 0 and value != 1 and whole and plain_decimal(value) is not None


def _written(program: Program, moved: Mapping[int, Fraction]) -> tuple[str, str]:
    """Question and solution with the new numbers."""
    texts = [program.question, program.completion]
    for index in sorted(moved, reverse=True):
        token, side = program.tokens[index], int(index >= program.split)
        new = render(moved[index], like=token.text) or plain_decimal(moved[index])
        texts[side] = f"{texts[side][: token.start]}{new}{texts[side][token.stop :]}"
    return texts[0], texts[1]
