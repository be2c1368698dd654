"""Counts in words."""


def count_of(n: int, noun: str, plural: str = "") -> str:
    """A number with its noun: `1 trace`, `2 traces`.

    Args:
        n: The number.
        noun: In the singular.
        plural: Where it is not the singular with an s.
    """
    return f"{n} {noun if n == 1 else plural or f'{noun}s'}"
