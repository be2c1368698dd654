"""What is known of a step by itself: whether it is right, whatever the model makes of it."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class StepCheck:
    """Three checks of a step.

    Attributes:
        valid: What it states follows from what it cites; None where that cannot be checked.
        grounded: What it cites was stated before, in the question or an earlier step; None where it cites nothing that can be checked.
        coherent: What it states is what the last step before it said of the same, true or not; None where none spoke of it. One that takes a value back contradicts.
    """

    valid: bool | None = None
    grounded: bool | None = None
    coherent: bool | None = None

    @property
    def doubt(self) -> str:
        """What is wrong with the step, in a few words; "" for nothing, or where nobody can tell."""
        if self.valid is False:
            unfound = ", some of which was not found before" * (self.grounded is False)
            return f"does not follow from what it cites{unfound}"
        return "cites a number that was not found before" if self.grounded is False else ""


def agreements(said: Sequence[Mapping[Any, Hashable]]) -> list[bool | None]:
    """Whether each step agrees with the last step before it that spoke of the same; None where none did.

    Args:
        said: For each step, what it states of what.
    """
    known: dict[Any, Hashable] = {}
    flags: list[bool | None] = []
    for statements in said:
        again = [known[name] == value for name, value in statements.items() if name in known]
        flags.append(all(again) if again else None)
        known |= statements
    return flags
