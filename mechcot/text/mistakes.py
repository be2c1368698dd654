"""A plain mistake for any text: one number of the step becomes another.

The last number behind an `=` changes, else the last number. A number that only labels the step
(`2.`, `Step 3:`) stays. The new number has as many digits, the same commas and decimals, and never begins
with 0 unless it is a single digit. Whether it matters for the answer is not known: where a maker of
counterfactuals can be had, its values are the better mistakes.
"""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from mechcot.text.arithmetic import Token, scan

_LABEL = re.compile(r"\s*(?:[#*>-]+\s*)*(?:step\s*)?#?\d+\s*(?:[.):](?!\d)|\Z)", re.IGNORECASE)


@dataclass(frozen=True)
class NumberMistake:
    """A `MistakeWriter` that changes a number."""

    def __call__(self, question: str, steps: Sequence[str], *, seed: int) -> str | None:  # noqa: ARG002 - the step alone decides
        """Give the last step with one number changed; None when it has none."""
        step = steps[-1]
        token = _stated(step)
        if token is None:
            return None
        new = _other(token.text, random.Random(seed))
        return f"{step[: token.start]}{new}{step[token.stop :]}"


def _stated(step: str) -> Token | None:
    """The number that the step states."""
    label = _LABEL.match(step)
    tokens = [token for token in scan(step) if label is None or token.start >= label.end()]
    behind = [
        token
        for before, token in pairwise(tokens)
        if token.kind == "number" and before.kind == "equals"
    ]
    return next(
        iter([*reversed(behind), *(t for t in reversed(tokens) if t.kind == "number")]), None
    )


def _other(text: str, rng: random.Random) -> str:
    """Another number of the same form."""
    digits = [place for place, sign in enumerate(text) if sign.isdigit()]
    while True:
        new = list(text)
        for place in digits:
            first = place == digits[0] and len(digits) > 1 and text[place] != "0"
            new[place] = str(rng.randrange(1 if first else 0, 10))
        if "".join(new) != text:
            return "".join(new)
