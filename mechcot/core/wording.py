"""Counts in words."""


def count_of(n: int, noun: str, plural: str = "") -> str:
    """A number with its noun: `1 trace`, `2 traces`.

    Args:
        n: The number.
        noun: In the singular.
        plural: Where it is not the singular with an s.
    """
    return f"{n} {noun if n == 1 else plural or f'{noun}s'}"


def traces_of(count: int, problems: int) -> str:
    """A count of traces, and of their problems where a problem has several: `64 traces of 32 problems`."""
    several = "" if problems == count else f" of {count_of(problems, 'problem')}"
    return f"{count_of(count, 'trace')}{several}"
