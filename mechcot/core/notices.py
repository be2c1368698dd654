"""Sentences for a person beside what a command gives: on the error stream, so that its output stays what can be read on."""

from rich.console import Console


def print_notice(sentence: str) -> None:
    """Print a sentence on the error stream as it stands: brackets are no markup, and no line is broken where it is piped.

    Args:
        sentence: Plain text; it may come from a file or a model.
    """
    Console(stderr=True).print(sentence, markup=False, soft_wrap=True)
