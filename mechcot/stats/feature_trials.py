"""Status of a claim that trials tried to break. *Untested* is a state of its own: neither a pass nor a failure.

    survives    every trial was held and passed
    failed      some trial was held and failed
    untested    no trial that was held failed, and some could not be held

So "0 of 61 passed" is said of 61 that were tried, and never of 61 that were not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mechcot.core.wording import count_of
from mechcot.stats.sentences import listed

NEEDS: Mapping[str, tuple[str, ...]] = {
    "injection": ("injection_d",),
    "rewording": ("kept",),
    "random": ("selectivity", "random"),
    "shuffled": ("selectivity", "shuffled"),
}
"""Trial to the numbers that it needs; without one of them it was not held."""
CALLED: Mapping[str, str] = {
    "injection": "injection",
    "rewording": "rewording",
    "random": "random directions",
    "shuffled": "shuffled kinds",
}
WHY: Mapping[str, str] = {
    "injection": "it is strong on no token, or the chains hold too little text of other kinds",
    "rewording": "these chains have no rewording of the same meaning, or too few steps of the kind were reworded",
    "random": "it does not fire on the chains of the trials, or they hold too few steps of its kind or of others",
    "shuffled": "the chains of the trials hold too few steps of its kind or of others",
}
"""Why a trial could not be held."""


class Standing(StrEnum):
    """Status of a candidate."""

    SURVIVES = "survives"
    FAILED = "failed"
    UNTESTED = "untested"


def passes(trial: Mapping[str, Any]) -> dict[str, bool | None]:
    """Outcome of each trial; None where it could not be held, also in files that say False there.

    Args:
        trial: An entry of `falsify.json`: the numbers of `NEEDS` (None or NaN: not there) and `passes`.
    """
    return {
        name: bool(trial["passes"][name]) if all(map(_there, map(trial.get, needed))) else None
        for name, needed in NEEDS.items()
    }


def _there(value: float | None) -> bool:
    return value is not None and value == value


def standing(outcomes: Mapping[str, bool | None]) -> Standing:
    """Return what a candidate may be called."""
    if all(outcomes.values()):
        return Standing.SURVIVES
    return Standing.FAILED if False in outcomes.values() else Standing.UNTESTED


@dataclass(frozen=True)
class Tally:
    """Counts of candidates by status.

    Attributes:
        candidates: All of them.
        standings: How many of each standing.
        passed: Trial to how many passed it.
        tried: Trial to how many it was held on.
    """

    candidates: int
    standings: Mapping[Standing, int]
    passed: Mapping[str, int]
    tried: Mapping[str, int]

    @property
    def headline(self) -> str:
        """Return how many survived; where none could be decided, that nothing was tried in full."""
        if not self.candidates:
            return "There was no candidate, so nothing was tried: no feature prefers a kind of step on the chains that candidates are chosen on"
        survived, failed, untested = (self.standings[status] for status in Standing)
        if not survived + failed:
            trials = [CALLED[name] for name, count in self.tried.items() if count]
            what = (
                f"none failed {listed(trials)}, the only trials held"
                if trials
                else "no trial could be held"
            )
            return f"{count_of(self.candidates, 'candidate')}, none of them tested in full: {what}"
        text = f"{survived} of {count_of(self.candidates, 'candidate')} survived"
        return text + (f" ({failed} failed, {untested} not tested in full)" if untested else "")

    @property
    def by_trial(self) -> str:
        """Every trial: how many passed of those that it was held on."""
        return "; ".join(self._of(name) for name in NEEDS) if self.candidates else ""

    def _of(self, name: str) -> str:
        tried, left = self.tried[name], self.candidates - self.tried[name]
        if not tried:
            return f"{CALLED[name]}: untested"
        return f"{CALLED[name]}: {self.passed[name]} of {tried} passed" + (
            f" ({left} untested)" if left else ""
        )

    @property
    def untested(self) -> list[str]:
        """Return which trials could not be held on how many candidates, with the reason."""
        left = {name: self.candidates - self.tried[name] for name in NEEDS}
        return [
            f"{CALLED[name].capitalize()} untested for {count} of {self.candidates}: {WHY[name]}"
            for name, count in left.items()
            if count
        ]


def tally(trials: Sequence[Mapping[str, Any]]) -> Tally:
    """Count the entries of `falsify.json`."""
    every = [passes(trial) for trial in trials]
    named = [standing(outcomes) for outcomes in every]
    return Tally(
        candidates=len(every),
        standings={status: named.count(status) for status in Standing},
        passed={name: sum(outcomes[name] is True for outcomes in every) for name in NEEDS},
        tried={name: sum(outcomes[name] is not None for outcomes in every) for name in NEEDS},
    )
