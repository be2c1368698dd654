"""How often Python looks for cycles of garbage: rarely, since a command makes a million lasting objects by its imports alone."""

import gc

YOUNG = 10_000
"""New objects before the young ones are looked at; at Python's own 700 or 2,000 a tenth of the imports is spent on looking."""


def collect_rarely() -> None:
    """Look for cycles of garbage less often, in this process; memory that is freed without them is freed as soon as ever."""
    gc.set_threshold(YOUNG)
