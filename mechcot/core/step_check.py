"""What is known of a step by itself: whether it is right, whatever the model makes of it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class StepCheck:
    """Two checks of a step.

    Attributes:
        valid: What it states follows from what it cites; None where that cannot be checked.
        grounded: What it cites was stated before, in the question or an earlier step; None where it cites nothing that can be checked.
    """

    valid: bool | None = None
    grounded: bool | None = None

    @property
    def doubt(self) -> str:
        """What is wrong with the step, in a few words; "" for nothing, or where nobody can tell."""
        if self.valid is False:
            return "does not follow from what it cites"
        return "cites a number that was not found before" if self.grounded is False else ""
