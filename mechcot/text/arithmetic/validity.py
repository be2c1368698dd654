"""Which steps of a text state arithmetic that is wrong, and which cite numbers that nobody stated.

    valid      both sides of every equation of the step are equal; None where it has none that can be judged
    coherent   an expression that an earlier step evaluated has the value that it had there; None where it evaluates none again
    grounded   every number that the step reads stands in the question or as an earlier result, or a word implies it; None where it reads none

Only arithmetic is seen: a step that computes the wrong thing rightly is valid, and a number that common knowledge gives counts as not stated. An equation is
judged where both sides are numbers all through and nothing stands beside them that may belong to them (a variable, a function, a bracket); all others count as
not checkable. A result may be rounded to the decimals that it has.

*Ours*: precision before reach; `benchmarks/first_errors.py` says against people's marks how much of either there is.
"""

import re
from collections.abc import Hashable, Iterator, Sequence
from fractions import Fraction
from itertools import product

from mechcot.core.step_check import StepCheck, agreements
from mechcot.text.arithmetic.denials import sentence_denies
from mechcot.text.arithmetic.equations import (
    Node,
    Token,
    evaluate_node,
    leaves,
    left_sides,
    result_at,
    side,
)
from mechcot.text.arithmetic.mixed_units import (
    Mixed,
    amount_of,
    goes_on,
    mixed_sum,
    one_number,
)
from mechcot.text.arithmetic.number_sources import Program
from mechcot.text.arithmetic.other_readings import conversion, doubtful, off_by_unit
from mechcot.text.lines import line_start

_STOPS = frozenset([*'.:,;!?\n<>|"\u201c\u201d\u201e\u00ab\u00bb', *("\\(", "\\)", "\\[", "\\]")])
_ITEM = re.compile(r"[^\S\n]*[(\[]?\w{1,2}[)\]][^\S\n]*")
"""What numbers the items of a list: `a)`, `(2)`."""
_LISTED = re.compile(r"(?m)^([^\S\n]*)[-\u2013*](?=\s)")
"""What opens the items of a list; a dash there is no sign."""
_RUN = ("equals", "stop")
_LONGEST = 120
"""Most tokens of a side."""
_SAME_SIGN = {"\u2212": "-", "\u2013": "-", "\u00d7": "*", "\u00b7": "*", "x": "*", "X": "*", "\\times": "*", "\\cdot": "*", "\u00f7": "/", "\\div": "/"}  # fmt: skip
_MODULI = frozenset({"mod", "modulo", "remainder"})


def checked_steps(question: str, steps: Sequence[str]) -> tuple[StepCheck, ...]:
    """Check every step of a chain by its arithmetic.

    Args:
        question: The question.
        steps: The chain's steps, as they stand in the text.
    """
    text = "".join(steps)
    program = Program(question, _LISTED.sub(r"\1 ", text))
    tokens = program.tokens[program.split :]
    own = [index for index, step in enumerate(steps) for _ in step]
    valid: list[list[bool]] = [[] for _ in steps]
    grounded: list[list[bool]] = [[] for _ in steps]
    stated = set[int]()
    said: list[dict[Hashable, Hashable]] = [{} for _ in steps]
    for place, holds, numbers, (expression, value) in _judged(program.completion, tokens):
        listed = _LISTED.match(text, line_start(text, place)) is not None
        if holds or not listed:  # what opens a list may be the sign of its first number
            valid[own[place]].append(holds)
            if len(expression) > 1:
                said[own[place]][expression] = value
        stated |= {program.split + index for index in numbers}
    for index, places in program.sources.items():
        if index in program.operands and index not in stated:
            grounded[own[program.tokens[index].start]].append(bool(places))
    return tuple(
        StepCheck(valid=_every(checks), grounded=_every(cited), coherent=agrees)
        for checks, cited, agrees in zip(valid, grounded, agreements(said), strict=True)
    )


def _every(checks: Sequence[bool]) -> bool | None:
    return all(checks) if checks else None


def _judged(
    text: str, tokens: list[Token]
) -> Iterator[tuple[int, bool, list[int], tuple[tuple[str, ...], Fraction]]]:
    """Place of each sign of equality that can be judged, whether its sides are equal, the numbers of its right side, and what it says of which expression."""
    for sign, token in enumerate(tokens):
        if token.kind != "equals":
            continue
        first, stop = _side_ends(tokens, sign)
        if max(sign - first, stop - sign) > _LONGEST:
            continue
        lefts, rights = _lefts(text, tokens, first, sign), _rights(tokens, sign, stop)
        sides = [_values(tokens, lefts), _values(tokens, rights)]
        if all(sides):
            mixed = [m for node in lefts if (m := mixed_sum(text, tokens, node)) is not None]
            if mixed:
                holds = _mixed_holds(text, tokens, (mixed, lefts), rights, stop)
                doubt = not holds and (
                    doubtful(text, tokens, (first, sign, stop), units_known=True)
                    or _denied(text, tokens, lefts, rights)
                )
                if holds is not None and not doubt:
                    said = (_expression(tokens, first=first, sign=sign, lefts=lefts), sides[1][0])
                    yield token.start, holds, leaves(rights[0]), said
                continue
            units = [_unit(tokens, node) for node in rights]
            places = (first, sign, stop)
            values = [*zip(sides[1], units, strict=True)]
            holds = _any_holds(sides[0], values)
            factor = Fraction(0) if holds else conversion(text, tokens, places)
            if factor:
                holds = _any_holds([left * factor for left in sides[0]], values)
            elsewhere = not (holds or factor) and off_by_unit(tokens, sign, stop, sides)
            if holds or not (
                elsewhere or doubtful(text, tokens, places) or _denied(text, tokens, lefts, rights)
            ):
                words = _expression(tokens, first=first, sign=sign, lefts=lefts)
                said = (
                    sides[0][0] if holds else sides[1][0]
                )  # rounded another way is no other value
                yield token.start, holds, leaves(rights[0]), (words, said)


def _denied(text: str, tokens: list[Token], lefts: Sequence[Node], rights: Sequence[Node]) -> bool:
    """Whether the sentence of an equation says that it is false."""
    return sentence_denies(
        text, tokens[min(leaves(lefts[0]))].start, tokens[max(leaves(rights[0]))].stop
    )


def _mixed_holds(
    text: str,
    tokens: list[Token],
    left: tuple[Sequence[Mixed], Sequence[Node]],
    rights: Sequence[Node],
    stop: int,
) -> bool | None:
    """Whether a sum of terms with different units comes out; None where that depends on what is meant."""
    sums, nodes = left
    fixed = True
    for node in rights:
        right = amount_of(text, tokens, node)
        if right is None:
            return None
        unit = _unit(tokens, node) * right.scale
        values = [value for one in sums for value in one.says(right)]
        if any(one.literal for one in sums):
            values += _values(tokens, nodes)
        alone = one_number(tokens, node, stop)
        if alone and _any_holds(values, [(right.value, unit)]):
            return True
        fixed &= alone and all(one.fixed(right) for one in sums)
    return False if fixed else None


def _expression(
    tokens: list[Token], *, first: int, sign: int, lefts: Sequence[Node]
) -> tuple[str, ...]:
    """The expression left of a sign: its numbers and what computes with them, from whatever may belong to its first number on; () where a word stands inside."""
    start = min(leaves(lefts[0]))
    while start > first and tokens[start - 1].kind in {"op", "left", "frac"}:
        start -= 1
    part = tokens[start:sign]
    return (
        ()
        if any(token.kind == "word" for token in part)
        else tuple(_SAME_SIGN.get(t.text, t.text) for t in part)
    )


def _side_ends(tokens: list[Token], sign: int) -> tuple[int, int]:
    """First token of what stands left of a sign, and the token behind what stands right of it."""
    first = next((i + 1 for i in range(sign - 1, -1, -1) if tokens[i].kind in _RUN), 0)
    stop = next((i for i in range(sign + 1, len(tokens)) if tokens[i].kind in _RUN), len(tokens))
    return first, stop


def _rounds_to(exact: Fraction, said: Fraction, unit: Fraction) -> bool:
    """Whether a number is another one, rounded or cut to units; what has no more decimals must be the same."""
    if not unit or (exact / unit).denominator == 1:
        return exact == said
    return abs(exact - said) <= unit / 2 or 0 <= abs(exact) - abs(said) < unit


def _any_holds(lefts: Sequence[Fraction], rights: Sequence[tuple[Fraction, Fraction]]) -> bool:
    """Whether a left side is a right one, each of these with one unit of its last decimal."""
    return any(_rounds_to(left, *right) for left, right in product(lefts, rights))


def _values(tokens: list[Token], nodes: Sequence[Node]) -> list[Fraction]:
    """The values of expressions; none where one of them has no value."""
    values = [evaluate_node(node, lambda index: tokens[index].value) for node in nodes]
    known = [value for value in values if value is not None]
    return known if len(known) == len(nodes) else []


def _lefts(text: str, tokens: list[Token], first: int, sign: int) -> list[Node]:
    """What may stand left of a sign; none where something before it may belong to it."""
    if first and tokens[first - 1].kind == "equals":
        whole = side(tokens, first, sign)
        return [whole] if whole is not None and _plain(tokens, first, sign) else []
    return [
        node
        for start, node in left_sides(tokens, sign)
        if _stands_alone(text, tokens, start)
        and _plain(tokens, start, sign)
        and not goes_on(text, tokens, start)
    ]


def _rights(tokens: list[Token], sign: int, stop: int) -> list[Node]:
    """What may stand right of a sign, the whole side first; none where it cannot be read.

    In `5 * 3 = 15 + 2 = 17` a result is gone on from: its first number counts too. `1 / 3 * 100 = 33 %` is meant as a number of per cents.
    """
    goes_on = stop < len(tokens) and tokens[stop].kind == "equals"
    if _belongs(tokens, stop):
        return []
    ended = stop == len(tokens) or goes_on or tokens[stop].text in _STOPS
    whole = side(tokens, sign + 1, stop) if ended else None
    if whole is not None and _plain(tokens, sign + 1, stop):
        several = (
            goes_on and tokens[sign + 1].kind == "number" and whole[0] in {"+", "-", "*", "/", "^"}
        )
        several |= whole == ("percent", ("number", sign + 1))
        return [whole, ("number", sign + 1)] if several else [whole]
    number = result_at(tokens, sign + 1)
    if number is None or not _ends(tokens, number[0], stop):
        return []
    node: Node = ("number", number[0])
    return [node if number[1] > 0 else ("negative", node)]


def _belongs(tokens: list[Token], stop: int) -> bool:
    r"""Whether a stop belongs to the number before it: `6!`, `0.333...`, `80.\overline{1}`, `4,5`."""
    if stop == len(tokens) or tokens[stop].text not in {".", ",", ":", "!"}:
        return False
    before, dot = tokens[stop - 1], tokens[stop]
    if dot.text == "!":
        return before.stop == dot.start
    after = tokens[stop + 1 : stop + 2]
    return bool(after) and after[0].start == dot.stop and after[0].text != "\n"


def _unit(tokens: list[Token], node: Node) -> Fraction:
    """One unit of the last decimal of a number, a whole one for per cents; 0 for other whole numbers and expressions of several."""
    numbers = leaves(node)
    if len(numbers) != 1:
        return Fraction(0)
    decimals = len(tokens[numbers[0]].text.partition(".")[2])
    if node[0] == "percent":
        return Fraction(1, 10 ** (decimals + 2))
    return Fraction(1, 10**decimals) if decimals else Fraction(0)


def _stands_alone(text: str, tokens: list[Token], first: int) -> bool:
    """Whether nothing before a left side may belong to it: a stop, or a word and a space."""
    before = tokens[first - 1]
    if first == 0 or (
        before.text in _STOPS and text[max(before.stop - 2, 0) : before.stop] != ".."
    ):
        return True
    line = line_start(text, tokens[first].start)
    if _ITEM.fullmatch(text, line, tokens[first].start):
        return True
    gap = text[before.stop : tokens[first].start]
    return before.kind == "word" and len(before.text) > 1 and bool(re.search(r"[\s$]", gap))


def _plain(tokens: list[Token], start: int, stop: int) -> bool:
    """Whether a side can be read one way only: no single letters, no `x` that is a name because no number comes after it, not both signs of division."""
    signs = {token.text for token in tokens[start:stop]}
    if signs & {"/"} and signs & {"\u00f7", "\\div"}:
        return False
    for token, following in zip(tokens[start:stop], [*tokens[start + 1 : stop], None], strict=True):
        if token.kind == "word" and len(token.text) == 1:
            return False
        named = token.text in {"x", "X"}
        if named and (following is None or following.kind not in {"number", "left", "frac"}):
            return False
    return True


def _ends(tokens: list[Token], result: int, stop: int) -> bool:
    """Whether a result is the whole right side: nothing that computes, no variable, no further digits and no dots follow."""
    first, second = (*tokens[result + 1 : result + 3], None, None)[:2]
    if first is not None and second is not None and first.text == "," and second.kind == "number":
        return False
    if first is not None and first.kind in {"number", "frac", "left", "percent"}:
        return False
    return not any(
        token.kind == "op"
        or (token.kind == "word" and (len(token.text) == 1 or token.text in _MODULI))
        for token in tokens[result + 1 : stop]
    )
