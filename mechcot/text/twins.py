"""Make a counterfactual of a trace and another text of the same layout: where the two differ, and which difference the answer is read from."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from mechcot.core.counterfactual import Counterfactual, CounterfactualMaker, Retoken, Stated
from mechcot.core.errors import NotMeasurable
from mechcot.core.trace import Phase, Span, Trace
from mechcot.text.answers import find_answer
from mechcot.text.stated_answer import states_answer


@dataclass(frozen=True)
class FirstOf:
    """A `CounterfactualMaker` that asks several in turn.

    Attributes:
        makers: The surest first.
    """

    makers: tuple[CounterfactualMaker, ...]

    def __call__(self, trace: Trace, *, retoken: Retoken, seed: int) -> Counterfactual:
        """Take the first counterfactual that one of them can make.

        Raises:
            NotMeasurable: None can; the text has the reason of each.
        """
        reasons = []
        for make in self.makers:
            try:
                return make(trace, retoken=retoken, seed=seed)
            except NotMeasurable as reason:
                reasons.append(str(reason))
        raise NotMeasurable("; ".join(dict.fromkeys(reasons)))


def check_question(trace: Trace, question: str) -> None:
    """See that a question stands once in a trace's prompt: another one is written in its place.

    Raises:
        NotMeasurable: It does not.
    """
    if trace.prompt.count(question) != 1:
        raise NotMeasurable("the question does not stand once and word for word in the prompt")


def check_encoding(trace: Trace, retoken: Retoken) -> None:
    """See that a trace's tokens are those of its text: a twin is encoded from text.

    Raises:
        NotMeasurable: They are not.
    """
    if retoken(trace, trace.prompt, trace.completion).ids != trace.ids:
        raise NotMeasurable("the trace's tokens are not the encoding of its own text")


def tail_with(trace: Trace, answer: str | None) -> str:
    """What stands behind the chain, with another answer where it states its own once; None: as it is."""
    own, tail = trace.answer.text or trace.problem.answer, trace.completion[len(trace.chain_text) :]
    return tail.replace(own, answer) if answer is not None and tail.count(own) == 1 else tail


def same_layout(trace: Trace, twin: Trace) -> bool:
    """Return whether prompt and chain steps have their tokens at the same places."""
    return trace.cuts() == twin.cuts()


def counterfactual(
    trace: Trace,
    twin: Trace,
    *,
    answer: str | None,
    source: str,
    spans: Sequence[Span] | None = None,
) -> Counterfactual:
    """Make a counterfactual of two texts of the same layout.

    The last step that states a value is where the answer is read from when all later text is kept, if it states the answer in both texts.
    What other steps would say if only one of the values changed is not known of any text: no dependents are predicted.

    Args:
        trace: The clean trace.
        twin: The other, of the same layout.
        answer: What the twin's chain leads to; None where nobody knows.
        source: Where the twin comes from, in words.
        spans: Token spans of the changed statements in the chain; None: every run of changed tokens within a step.

    Raises:
        NotMeasurable: The chains do not differ.
    """
    spans = list(_runs(trace, twin)) if spans is None else spans
    if not spans:
        raise NotMeasurable("no value that changes is stated in the chain")
    asked = _changed(trace, twin, trace.phase(Phase.QUESTION))
    owner = _owner(trace, spans)
    feeder = None if answer is None else _feeder(trace, twin, answer, owner)
    stated = tuple(
        Stated(
            step=step,
            tokens=span,
            ids=twin.ids[span.start : span.stop],
            dependents=(),
            answer_kept=answer if span == feeder else None,
            answer_regenerated=answer if span == feeder else None,
        )
        for span, step in owner.items()
    )
    fact = Span(asked[0], asked[-1] + 1) if asked else None
    return Counterfactual(twin, fact, answer, stated, source)


def _changed(trace: Trace, twin: Trace, span: Span) -> list[int]:
    return [p for p in span.positions() if trace.ids[p] != twin.ids[p]]


def _runs(trace: Trace, twin: Trace) -> Iterator[Span]:
    """Runs of changed tokens, none of which passes the end of a step."""
    for step in trace.chain_steps:
        places = _changed(trace, twin, step.tokens)
        for _, run in groupby(enumerate(places), key=lambda pair: pair[1] - pair[0]):
            positions = [position for _, position in run]
            yield Span(positions[0], positions[-1] + 1)


def _owner(trace: Trace, spans: Sequence[Span]) -> Mapping[Span, int]:
    """Statement to the step that makes it, in order."""
    return {
        span: step.index
        for span in sorted(spans)
        for step in trace.chain_steps
        if span.start in step.tokens
    }


def _feeder(trace: Trace, twin: Trace, answer: str, owner: Mapping[Span, int]) -> Span | None:
    """The last changed statement of the last step that states a value, if that is the answer in both texts; None where it is not.

    An answer that is made of two values stands nowhere: the last of them is then taken for it where it equals it by accident, in both texts.
    """
    own = trace.answer.text or trace.problem.answer
    for old, new in zip(reversed(trace.chain_steps), reversed(twin.chain_steps), strict=True):
        if states_answer(old.text, own):
            spans = [span for span, step in owner.items() if step == old.index]
            return max(spans, default=None) if states_answer(new.text, answer) else None
        if find_answer(old.text, otherwise="last_number") is not None:
            return None
    return None
