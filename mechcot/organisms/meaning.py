"""Exact test that two steps of the organisms' language say the same: marker words have no say."""

from collections.abc import Sequence
from dataclasses import dataclass

from mechcot.organisms.grammar import form
from mechcot.organisms.ground_truth import parse


@dataclass(frozen=True)
class OrganismMeaning:
    """A `SameMeaning` for the organisms' language: same kind, same body."""

    def __call__(self, question: str, before: Sequence[str], step: str, other: str) -> bool:
        """Compare two steps that could stand behind `before`."""
        bodies = {(form(text).body, form(text).words[form(text).start :]) for text in (step, other)}
        if len(bodies) > 1:
            return False
        chains = ([text.strip() for text in (*before, last)] for last in (step, other))
        return len({parse(question, chain)[-1].kind for chain in chains}) == 1
