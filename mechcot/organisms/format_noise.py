"""Noise in a question: words that carry nothing are said twice. The question is read as before, and what it asks stays the same.

From From Anna Ben hears. From Ben Rome hears hears. Where does news news from Anna end?
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import replace
from random import Random

from mechcot.core.problem import Problem

Noise = tuple[int, ...]
"""Places of the words that are said twice, ascending, counted from the end of the plain text: 1 is its last word or mark."""
NOISE_LEVELS = (0.1, 0.2, 0.4)
"""Probabilities that are drawn where none is named."""
_WORD = re.compile(r"\w+|[^\w\s]")


def with_noise(text: str, noise: Iterable[int]) -> str:
    """Say some words twice.

    Args:
        text: A plain text.
        noise: Their places; those that it does not have say nothing.
    """
    words, twice = list(_WORD.finditer(text)), set(noise)
    parts, at = [], 0
    for place, word in zip(range(len(words), 0, -1), words, strict=True):
        parts += [text[at : word.end()], f" {word.group()}" if place in twice else ""]
        at = word.end()
    return "".join((*parts, text[at:]))


def without_noise(text: str, silent: Collection[str]) -> tuple[str, Noise]:
    """The plain text, and where it says a word twice.

    Args:
        text: A text.
        silent: Words and marks that carry nothing; no plain text has one of them twice in a row.
    """
    kept: list[tuple[str, bool]] = []
    parts, at, before = [], 0, None
    for word in _WORD.finditer(text):
        again = before is not None and text[before.start() : word.end()] == " ".join(
            (word.group(), word.group())
        )
        if again and word.group() in silent:
            kept[-1] = (word.group(), True)
            at, before = word.end(), None
            continue
        kept.append((word.group(), False))
        parts.append(text[at : word.end()])
        at, before = word.end(), word
    plain = "".join((*parts, text[at:]))
    places = (len(kept) - place for place, (_, twice) in enumerate(kept) if twice)
    return plain, tuple(sorted(places))


def draw_noise(text: str, silent: Collection[str], level: float, rng: Random) -> Noise:
    """Draw which words are said twice; one draw a word, so that a higher level says all twice that a lower one does.

    Args:
        text: A plain text.
        silent: Words and marks that carry nothing.
        level: Probability of each.
        rng: Source of chance.
    """
    words = _WORD.findall(text)
    places = (
        len(words) - place
        for place, word in enumerate(words)
        if word in silent and rng.random() < level
    )
    return tuple(sorted(places))


def noisy_problems(
    problems: Iterable[Problem], silent: Collection[str], level: float
) -> list[Problem]:
    """The problems with noise in their questions, by their ids; those in which no word is drawn are not among them.

    Args:
        problems: Problems whose questions are plain.
        silent: Words and marks that carry nothing.
        level: Probability that such a word is said twice.
    """
    noisy = []
    for problem in problems:
        noise = draw_noise(problem.question, silent, level, Random(f"noise {problem.id}"))
        if noise:
            noisy.append(replace(problem, question=with_noise(problem.question, noise)))
    return noisy
