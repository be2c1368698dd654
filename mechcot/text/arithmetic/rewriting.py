"""A trace with its arithmetic: write other numbers in, and measure where each number's tokens are.

Spans are measured, not guessed: a number is changed alone, digit by digit, and the tokens that differ
are its span. This needs nothing of the tokenizer but that it can tokenize. Of a long chain only the number's step
and the two beside it are encoded anew, where that gives the step the tokens that it has in the whole text.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from mechcot.core.counterfactual import Retoken
from mechcot.core.errors import NotMeasurable
from mechcot.core.trace import Span, Step, Trace
from mechcot.text.arithmetic.number_sources import Program
from mechcot.text.arithmetic.number_text import render
from mechcot.text.numerals import read_number
from mechcot.text.quantities import number_only
from mechcot.text.twins import check_encoding, check_question


@dataclass(frozen=True, eq=False)
class ParsedTrace:
    """A trace with its arithmetic."""

    trace: Trace
    program: Program
    question_at: int
    answer_at: int
    retoken: Retoken

    @classmethod
    def of(cls, trace: Trace, retoken: Retoken) -> "ParsedTrace":
        """Check all that does not depend on the change.

        Raises:
            NotMeasurable: Something stands against a certain prediction.
        """
        question = trace.problem.question.strip()
        check_question(trace, question)
        answer = None if trace.answer.text is None else read_number(number_only(trace.answer.text))
        program = Program(question, trace.completion, answer=answer)
        program.check()
        if program.answer_at is None:
            raise NotMeasurable("the answer is not a plain number that the completion states")
        if program.unexplained():
            raise NotMeasurable(
                "a number of the chain stands neither in the question nor in an earlier result"
            )
        check_encoding(trace, retoken)
        at = trace.prompt.index(question)
        return cls(trace, program, at, program.answer_at, retoken)

    def counterfactual(self, values: Mapping[int, Fraction]) -> Trace:
        """The trace with new numbers written in (all of them keep their length)."""
        texts = {}
        for index, value in values.items():
            text = render(value, like=self.program.tokens[index].text)
            if text is None:
                raise NotMeasurable("a changed value cannot be written in the same form")
            texts[index] = text
        return self.written(texts)

    def written(self, texts: Mapping[int, str]) -> Trace:
        """The trace with the texts of some number tokens replaced."""
        prompt, completion = list(self.trace.prompt), list(self.trace.completion)
        for index, text in texts.items():
            token = self.program.tokens[index]
            into, shift = (
                (prompt, self.question_at) if index < self.program.split else (completion, 0)
            )
            into[token.start + shift : token.stop + shift] = text
        return self.retoken(self.trace, "".join(prompt), "".join(completion))

    def step_of(self, index: int) -> Step:
        """The step in which a number of the completion stands."""
        start = self.program.tokens[index].start
        return next(step for step in self.trace.steps if start in step.chars)

    def tokens_of(self, index: int, to: Fraction) -> Span:
        """Token span of a number: every position that differs when it alone is changed.

        Raises:
            NotMeasurable: Every change of it shifts the tokens.
        """
        text = self.program.tokens[index].text
        probes = {render(to, like=text), *(_other_digits(text, by) for by in (1, 3, 4))} - {
            None,
            text,
        }
        where = self._around(index) or self._whole()
        positions: set[int] = set()
        for probe in sorted(str(p) for p in probes):
            ids = where.with_text(self, index, probe)
            if len(ids) == len(where.ids):
                pairs = enumerate(zip(ids, where.ids, strict=True))
                positions |= {at + where.first for at, (new, old) in pairs if new != old}
        if not positions:
            raise NotMeasurable("the tokens of a stated value cannot be found")
        return Span(min(positions), max(positions) + 1)

    def _whole(self) -> "_Window":
        return _Window(None, self.trace.ids, 0)

    def _around(self, index: int) -> "_Window | None":
        """The steps about a number of the completion; None where its step has other tokens when they are encoded alone."""
        if index < self.program.split:
            return None
        step = self.step_of(index)
        near = self.trace.steps[max(0, step.index - 1) : step.index + 2]
        chars = Span(near[0].chars.start, near[-1].chars.stop)
        ids = self.retoken(self.trace, "", self.trace.completion[chars.start : chars.stop]).ids
        own = self.trace.ids[step.tokens.start : step.tokens.stop]
        place = step.tokens.start - near[0].tokens.start
        for at in sorted(range(max(0, place - 3), place + 4), key=lambda at: abs(at - place)):
            if own and ids[at : at + len(own)] == own:
                return _Window(chars, ids, step.tokens.start - at)
        return None


@dataclass(frozen=True)
class _Window:
    """What is encoded anew when a number is changed.

    Attributes:
        chars: Characters of the completion; None: prompt and completion.
        ids: Their tokens.
        first: Position of the first of these in the trace.
    """

    chars: Span | None
    ids: tuple[int, ...]
    first: int

    def with_text(self, subject: ParsedTrace, index: int, text: str) -> tuple[int, ...]:
        """The tokens with another text for one number."""
        if self.chars is None:
            return subject.written({index: text}).ids
        token, completion = subject.program.tokens[index], subject.trace.completion
        before = completion[self.chars.start : token.start]
        after = completion[token.stop : self.chars.stop]
        return subject.retoken(subject.trace, "", f"{before}{text}{after}").ids


def _other_digits(text: str, by: int) -> str:
    """A number of the same form in which every digit differs and the first is not 0."""

    def other(digit: str) -> str:
        return str(by) if digit == "0" else str(1 + (int(digit) - 1 + by) % 9)

    return "".join(other(sign) if sign.isdigit() else sign for sign in text)
