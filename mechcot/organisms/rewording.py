"""The exact paraphraser of the organisms' language: each step's marker words become its kind's other wording."""

import re
from collections.abc import Sequence

from mechcot.core.errors import NotMeasurable
from mechcot.organisms.grammar import WORDINGS, form


def other_wording(step: str) -> str:
    """The step in its kind's other wording; a bare step stays as it is."""
    shape = form(step)
    if shape.marker is None:
        return step
    here = tuple(shape.words[: shape.start])
    wordings = [words for words in WORDINGS[shape.marker] if words and words != here]
    head = re.match(r"\s*", step)
    body = " ".join((*wordings[0], *shape.words[shape.start :]))
    return f"{head[0] if head else ''}{body}{step[len(step.rstrip()) :]}"


class OrganismParaphraser:
    """Rewords chains in the organisms' language."""

    def __call__(self, steps: Sequence[str]) -> tuple[str, ...]:
        """Give every step in the other wording.

        Raises:
            NotMeasurable: No step has marker words.
        """
        new = tuple(other_wording(step) for step in steps)
        if new == tuple(steps):
            raise NotMeasurable("no step of this chain has another wording")
        return new
