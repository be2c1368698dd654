"""Test that a step of a chain states an answer, by its wording alone."""

import re
from collections.abc import Iterable, Sequence

from mechcot.text.answers import find_answer, same_answer

_WORDS = re.compile(r"\w+")


def states_answer(step: str, answer: str) -> bool:
    """Return whether the last number, box or choice of a step is the answer, or the step ends with an answer in words.

    Args:
        step: Text of the step.
        answer: The answer; an intermediate value that equals it by accident is taken for it.
    """
    stated = find_answer(step, otherwise="last_number")
    if stated is not None and same_answer(stated.text, answer):
        return True
    return _ends_with(step, answer)


def conclusion(steps: Sequence[str], candidates: Iterable[str]) -> str | None:
    """What the last step that states a value, or one of some answers, states; None where none does.

    Args:
        steps: Texts of a chain's steps.
        candidates: Answers that may be words.
    """
    answers = list(candidates)
    for step in reversed(steps):
        said = next((answer for answer in answers if states_answer(step, answer)), None)
        stated = find_answer(step, otherwise="last_number")
        if said is not None or stated is not None:
            return said if said is not None or stated is None else stated.text
    return None


def words_of(text: str) -> frozenset[str]:
    """The words of a text, in small letters."""
    return frozenset(_WORDS.findall(text.casefold()))


def _ends_with(text: str, answer: str) -> bool:
    """Return whether a step ends with an answer in words; a single letter or a number is none."""
    said, words = (" ".join(_WORDS.findall(part.casefold())) for part in (text, answer))
    return len(words) > 1 and not any(map(str.isdigit, words)) and f" {said}".endswith(f" {words}")
