"""Make the counterfactual of a trace by changing one number of its question and re-evaluating its arithmetic.

Algorithm.

1. Parse the numbers of question and completion and every `expression = number` (`mechcot.text.arithmetic.number_sources`).
   All must hold exactly and every number of the completion must be explained.
2. In an order drawn by seed, change one fact that an expression reads to another value of the same form
   (digits, commas, decimals, sign) and run the arithmetic anew. Ambiguous reads, values that have no
   form of the same length, and an answer that does not move reject the change. Values beside the old one come last.
3. Write prompt and completion of the counterfactual, tokenize it, and keep it only if it has the same number of
   tokens, the same steps at the same tokens, and states the predicted answer.
4. Token spans are measured, not guessed (`mechcot.text.arithmetic.rewriting`).

Deviations: *ours* throughout. Every refusal is a `NotMeasurable` whose text is one of few, so that
reasons can be counted.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from mechcot.core.counterfactual import Counterfactual, Dependent, Retoken, Stated
from mechcot.core.errors import NotMeasurable
from mechcot.core.trace import Phase, Span, Trace
from mechcot.text.answers import same_answer
from mechcot.text.arithmetic.number_sources import Program
from mechcot.text.arithmetic.number_text import plain_decimal, render
from mechcot.text.arithmetic.rewriting import ParsedTrace

_MOST_VALUES = 60
_MOST_TRIES = 16


@dataclass(frozen=True)
class ArithmeticMaker:
    """A `CounterfactualMaker` for chains with parseable arithmetic (`16 - 3 = 13`, `<<16-3=13>>13`).

    Cost: milliseconds of arithmetic and a dozen or two tokenizations of the trace.
    """

    def __call__(self, trace: Trace, *, retoken: Retoken, seed: int) -> Counterfactual:
        """Make the counterfactual.

        Args:
            trace: The clean trace; its prompt must hold the question word for word, once.
            retoken: Builds a trace from (clean trace, new prompt, new completion).
            seed: Chooses which number changes and to what.

        Raises:
            NotMeasurable: There is no counterfactual that is certain; the text says why.
        """
        subject = ParsedTrace.of(trace, retoken)
        reasons: list[str] = []
        misfits = 0
        for tried, change in enumerate(_changes(subject, random.Random(seed), reasons)):
            if tried == _MOST_TRIES:
                break
            counterfactual = subject.counterfactual(change.values)
            if _same_layout(trace, counterfactual) and same_answer(
                counterfactual.answer.text, change.answer
            ):
                return _assemble(subject, counterfactual, change)
            misfits += 1
        if misfits:
            raise NotMeasurable(
                "the counterfactual's tokens or steps do not line up with the original's"
            )
        commonest = max(sorted(set(reasons)), key=reasons.count, default=None)
        raise NotMeasurable(
            commonest or "no number of the question stands in the chain's arithmetic"
        )


@dataclass(frozen=True)
class _Change:
    """One changed fact, the new value of every number that moved, and the new answer."""

    fact: int
    values: Mapping[int, Fraction]
    answer: str


# --- which change ---------------------------------------------------------------------------------


def _changes(subject: ParsedTrace, rng: random.Random, reasons: list[str]) -> Iterator[_Change]:
    """Changes that are certain; those whose answer begins with another digit come first for each fact."""
    program = subject.program
    read = {
        source.at
        for index in program.operands
        for source in program.sources.get(index, ())
        if source.at is not None
    }
    facts = [fact for fact in program.facts if fact in read]
    rng.shuffle(facts)
    drawn = [(fact, _values(program.tokens[fact].text, rng)) for fact in facts]
    near = [(fact, _near(program.tokens[fact].text)) for fact in facts]
    for fact, values in (*drawn, *near):
        later: list[_Change] = []
        for value in values:
            try:
                change = _evaluated(subject, fact, value)
            except NotMeasurable as error:
                reasons.append(str(error))
                continue
            if change.answer[0] != str(subject.trace.answer.text)[0]:
                yield change
            else:
                later.append(change)
        yield from later


def _values(text: str, rng: random.Random) -> list[Fraction]:
    """Other values of the same form, round ones first for round numbers."""
    zeros = len(text) - len(text.rstrip("0,"))
    tries: list[str] = []
    for keep in (zeros, 0) if zeros and "." not in text else (0,):
        head = text[: len(text) - keep]
        digits = sum(map(str.isdigit, head))
        if not digits:  # nothing of a lone 0 is left
            continue
        for _ in range(_MOST_VALUES):
            drawn = iter(str(rng.randrange(10 ** (digits - 1), 10**digits)))
            tries.append(
                "".join(next(drawn) if c.isdigit() else c for c in head) + text[len(head) :]
            )
    old = Fraction(text.replace(",", ""))
    values = [Fraction(t.replace(",", "")) for t in dict.fromkeys(tries)]
    return [v for v in values if v != old and v > 1][:_MOST_VALUES]


def _near(text: str) -> list[Fraction]:
    """Values beside the old one, for long chains in which nearly every other value gains or loses a digit somewhere."""
    old = Fraction(text.replace(",", ""))
    return [old + move for size in (1, 2, 3, 4) for move in (size, -size) if old + move > 1]


def _evaluated(subject: ParsedTrace, fact: int, value: Fraction) -> _Change:
    """Run the arithmetic with one fact changed.

    Raises:
        NotMeasurable: The outcome is not certain or cannot be written.
    """
    program = subject.program
    values = program.run({fact: value})
    moved = {i: v for i, v in values.items() if v != program.tokens[i].value}
    if subject.answer_at not in moved:
        raise NotMeasurable("the changed number does not move the answer")
    for index, new in moved.items():
        if new <= 0 or render(new, like=program.tokens[index].text) is None:
            raise NotMeasurable("a changed value cannot be written in the same form")
    old = {program.tokens[index].value for index in moved}
    if old & (program.spelled | program.glued_values):
        raise NotMeasurable("a changed number is also written in words or inside a name")
    answer = _answer_text(subject, values[subject.answer_at])
    if answer is None:
        raise NotMeasurable("a changed value cannot be written in the same form")
    return _Change(fact, moved, answer)


def _answer_text(subject: ParsedTrace, value: Fraction) -> str | None:
    """An answer's value, written as the trace's answer is."""
    like = str(subject.trace.answer.text)
    digits = subject.program.tokens[subject.answer_at].text
    text = render(value, like=digits) or plain_decimal(value)
    return None if text is None else like.replace(digits, text) if like.count(digits) == 1 else text


def _same_layout(clean: Trace, counterfactual: Trace) -> bool:
    """Return whether two traces have the same number of tokens and the same steps at the same tokens."""
    if len(clean) != len(counterfactual) or len(clean.steps) != len(counterfactual.steps):
        return False
    pairs = zip(clean.steps, counterfactual.steps, strict=True)
    return clean.prompt_length == counterfactual.prompt_length and all(
        a.tokens == b.tokens and a.chars == b.chars and a.phase == b.phase for a, b in pairs
    )


# --- what follows ---------------------------------------------------------------------------------


def _assemble(subject: ParsedTrace, counterfactual: Trace, change: _Change) -> Counterfactual:
    """Spans and predictions of a counterfactual that lines up."""
    spans = {
        index: subject.tokens_of(index, change.values[index])
        for index in sorted(change.values)
        if index == change.fact or subject.step_of(index).phase is Phase.CHAIN
    }
    feeder = _feeder(subject, change)
    groups = _groups(subject, change, feeder)
    stated = tuple(
        _stated(subject, counterfactual, change, spans, group, feeder) for group in groups
    )
    if not stated:
        raise NotMeasurable("no value that changes is stated in the chain")
    return Counterfactual(
        trace=counterfactual, fact=spans[change.fact], answer=change.answer, stated=stated
    )


def _feeder(subject: ParsedTrace, change: _Change) -> int | None:
    """The last place of the chain that states the answer's value, result or not."""
    answer = subject.program.tokens[subject.answer_at].value
    places = [
        index
        for index in sorted(change.values)
        if index >= subject.program.split
        and subject.program.tokens[index].value == answer
        and subject.step_of(index).phase is Phase.CHAIN
    ]
    return places[-1] if places else None


def _groups(subject: ParsedTrace, change: _Change, feeder: int | None) -> list[list[int]]:
    """The statements: each changed result with the copies right behind it (`9>>9`), and the feeder."""
    program = subject.program
    groups: list[list[int]] = []
    for index in sorted(change.values):
        if index < program.split or subject.step_of(index).phase is not Phase.CHAIN:
            continue
        if groups and _is_copy(program, groups[-1][-1], index):
            groups[-1].append(index)
        elif index in program.results or index == feeder:
            groups.append([index])
    return groups


def _is_copy(program: Program, last: int, index: int) -> bool:
    """Return whether a number repeats the one before it right behind a calculator mark."""
    between = program.completion[program.tokens[last].stop : program.tokens[index].start]
    same = program.tokens[last].value == program.tokens[index].value
    return same and between in {">>", ">>$", ">> "}


def _stated(
    subject: ParsedTrace,
    counterfactual: Trace,
    change: _Change,
    spans: Mapping[int, Span],
    group: list[int],
    feeder: int | None,
) -> Stated:
    """Consequences of one statement."""
    tokens = Span(spans[group[0]].start, spans[group[-1]].stop)
    step = subject.step_of(group[-1])
    return Stated(
        step=step.index,
        tokens=tokens,
        ids=counterfactual.ids[tokens.start : tokens.stop],
        dependents=_dependents(subject, counterfactual, spans, group, step.index),
        answer_kept=change.answer if feeder in group else None,
        answer_regenerated=_regenerated(subject, change, group),
    )


def _dependents(
    subject: ParsedTrace,
    counterfactual: Trace,
    spans: Mapping[int, Span],
    group: list[int],
    step: int,
) -> tuple[Dependent, ...]:
    """In each later chain step the first number that can only have been read here."""
    first: dict[int, int] = {}
    for index in subject.program.readers(group[0]):
        place = subject.step_of(index)
        if index in spans and place.index > step and place.phase is Phase.CHAIN:
            first.setdefault(place.index, index)
    return tuple(
        Dependent(at, spans[index], counterfactual.ids[spans[index].start : spans[index].stop])
        for at, index in sorted(first.items())
    )


def _regenerated(subject: ParsedTrace, change: _Change, group: list[int]) -> str | None:
    """The answer when only this statement changes and all later text is written anew; None when it stays or is not certain."""
    program = subject.program
    new = change.values[group[-1]]
    try:
        values = program.run(dict.fromkeys(group, new))
    except NotMeasurable:
        return None
    value = values[subject.answer_at]
    if group[0] not in program.results:  # a restated answer is read from here
        value = new
    text = _answer_text(subject, value)
    moved = value != program.tokens[subject.answer_at].value and value > 0
    return text if moved else None
