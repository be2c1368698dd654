"""Test that arms of an experiment got the same dose, by what was *measured*, not by what was asked for.

A dose is found by bisection until it is within `OFF` of the one that was asked for, so two doses that were both found may lie as far
apart as (1 + OFF) / (1 - OFF). This factor is the tolerance: arms whose measured doses lie further apart are not compared. It is
fixed here, for every experiment, before any run.
"""

from collections.abc import Sequence

OFF = 0.05
"""Share of a dose by which bisection may miss it."""
DOSE_FACTOR = (1 + OFF) / (1 - OFF)
"""Largest factor between two measured doses that count as the same."""


def same_dose(doses: Sequence[float]) -> bool:
    """Return whether measured doses are the same up to `DOSE_FACTOR`; also where there are none, or all are 0."""
    return not doses or max(doses) <= DOSE_FACTOR * (1 + 1e-9) * min(doses)
