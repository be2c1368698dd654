"""Chains whose answer cannot be read: counted apart from wrong ones, and a reason to stop where they are most."""

from collections.abc import Sequence

from mechcot.core.errors import UserError
from mechcot.core.trace import Trace

_SHOWN = 80
"""Characters of a chain's end that a message shows."""


def unread(traces: Sequence[Trace]) -> list[Trace]:
    """The finished chains that state no answer that can be read; of one that was cut none is expected."""
    return [trace for trace in traces if trace.finished and trace.answer.text is None]


def check_read(traces: Sequence[Trace], *, author: str) -> None:
    """See that the answers of an author can be read, before anything is reported about them.

    Args:
        traces: Chains of one author.
        author: Its name, for the message.

    Raises:
        UserError: Most of the chains are finished and state no answer that can be read.
    """
    finished = sum(trace.finished for trace in traces)
    lost = unread(traces)
    if 2 * len(lost) > len(traces):
        raise UserError(
            f"{author}: no answer can be read in {len(lost)} of {finished} finished chains, so none could count as right. "
            f"{example(lost[0])}. {ADVICE}"
        )


ADVICE = (
    "Say what stands before a written answer with --answer-after TEXT (and how the answer is asked for with --cue TEXT, if the "
    "model has words of its own for that), or read the last number with --read-last-number."
)


def example(trace: Trace) -> str:
    """Return how one chain ends, escaped and short."""
    text = trace.completion.rstrip()[-_SHOWN:]
    return f"The text of {trace.id} ends {text!r}"
