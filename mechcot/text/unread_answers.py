"""Chains whose answer cannot be read: counted apart from wrong ones, and a reason to stop where they are most."""

from collections.abc import Sequence
from dataclasses import dataclass

from mechcot.core.errors import UserError
from mechcot.core.notices import print_notice
from mechcot.core.trace import Trace

_SHOWN = 80
"""Characters of a chain's end that a message shows."""


def unread(traces: Sequence[Trace]) -> list[Trace]:
    """The finished chains that state no answer that can be read; of one that was cut none is expected."""
    return [trace for trace in traces if trace.finished and trace.answer.text is None]


@dataclass(frozen=True)
class Accuracy:
    """Which answers of some chains are right, beside those that are neither right nor wrong.

    Attributes:
        right: Share of all chains whose answer is right; of them none where no answer could be read.
        read: How many state an answer that can be read.
        unread: How many finished chains state none.
        cut: How many chains were cut.
    """

    right: float
    read: int
    unread: int
    cut: int

    @classmethod
    def of(cls, traces: Sequence[Trace], right: float) -> "Accuracy":
        """Count the chains.

        Args:
            traces: The chains.
            right: Share of them whose answer is right.
        """
        read = sum(trace.answer.text is not None for trace in traces)
        return cls(right, read, len(unread(traces)), sum(not trace.finished for trace in traces))

    def __str__(self) -> str:
        if not self.read:
            return "no answer could be read"
        lost = {"unread": self.unread, "cut": self.cut}
        counts = ", ".join(f"{n} {what}" for what, n in lost.items() if n)
        return f"{100 * self.right:.0f} % right" + (f" ({counts})" if counts else "")


def check_read(traces: Sequence[Trace], *, author: str) -> None:
    """See that the answers of an author can be read, before anything is reported about them.

    Raises:
        UserError: Most of the chains are finished and state no answer that can be read.
    """
    lost = [(trace.id, trace.completion) for trace in unread(traces)]
    finished = sum(trace.finished for trace in traces)
    refuse_unread(lost, author=author, finished=finished, n=len(traces))


def refuse_unread(lost: Sequence[tuple[str, str]], *, author: str, finished: int, n: int) -> None:
    """Stop where most answers cannot be read.

    Args:
        lost: Name and text of each finished chain that states no answer that can be read.
        author: Who wrote them, for the message.
        finished: How many chains are finished.
        n: How many chains there are.

    Raises:
        UserError: More than half of all chains are lost.
    """
    if 2 * len(lost) > n:
        raise UserError(
            f"{author}: no answer can be read in {len(lost)} of {finished} finished chains, so none could count as right. "
            f"{_ending(*lost[0])}. {ADVICE}"
        )


def say_unread(traces: Sequence[Trace], *, author: str, paired: bool) -> None:
    """Say on the console that most finished chains state no answer that can be read, and the line of Python to write next; nothing elsewhere.

    Args:
        traces: The chains.
        author: Who wrote them.
        paired: Whether the author is asked in the prompt of a pair, so that both models must be asked anew.
    """
    lost, finished = unread(traces), sum(trace.finished for trace in traces)
    if 2 * len(lost) <= finished:
        return
    again = "pair = mc.load_pair(..., asking={})" if paired else "reader = reader.asked_with({})"
    own = again.format(f"mc.own_asking({'pair.before' if paired else 'reader'}, problems)")
    lines = [
        again.format(f"mc.Asking({said})") for said in ("answer_after='TEXT'", "instruction='none'")
    ]
    print_notice(
        f"{author}: no answer can be read in {len(lost)} of {finished} finished texts, so measures of these texts say nothing of their answers. "
        f"{unread_example(lost[0])}. Let its own texts say how it is asked: {own}; or say what stands before a written answer: {lines[0]}; "
        f"or, where the model does not know its prompt, ask the question alone: {lines[1]}. Then write again.",
    )


ADVICE = (
    "Say what stands before a written answer with --answer-after TEXT (and how the answer is asked for with --cue TEXT, if the "
    "model has words of its own for that), or read the last number with --read-last-number. A last sentence of prose is read only where it "
    "names exactly one thing that the answer can be (the reference, an option, a name of the question) and denies nothing."
)


def misread_example(wrongly: Sequence[Trace], of: str) -> str:
    """How many texts end in a right answer of which another was read, and one of them.

    Args:
        wrongly: These texts.
        of: Out of how many, as `12 chains`.
    """
    first = wrongly[0]
    return (
        f"{len(wrongly)} of {of} end in the right answer, and another one was read, such as "
        f"{first.answer.text!r}. {unread_example(first)}"
    )


def unread_example(trace: Trace) -> str:
    """The end of one chain, escaped and short."""
    return _ending(trace.id, trace.completion)


def _ending(name: str, text: str) -> str:
    return f"The text of {name} ends {text.rstrip()[-_SHOWN:]!r}"
