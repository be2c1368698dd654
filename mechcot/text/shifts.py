"""The same problem, asked otherwise: shifts that need no semantics, for any file of problems.

    format:P   every word that carries nothing may change, with probability P: a parenthesis is put before it, two of its inner letters change places,
               or, where it is an article, it is left out. Numbers, capitals, options, words of the answer and what stands beside a sign are never touched
    order      listed options stand behind other letters, and the answer's letter follows; not where a word may speak of the place of an option
    numbers    whole numbers up to 999 stand in words (`12 pens`: `twelve pens`), in English; never inside of formulas, dates, codes, units' signs and marks of lists
    names      two names that stand in one context take each other's places, in the answer, too; for problems whose facts all stand in the question

Questions about words or letters, and code, are not asked otherwise. Sentences are never put in another order: whether that changes a story needs semantics.

Format shift: Zhao et al. 2025 (DataAlchemy, arXiv 2508.01191), on tokens of a toy language; on text it is ours.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

import regex

from mechcot.core.errors import UserError
from mechcot.core.problem import Problem
from mechcot.text.english_only import is_english
from mechcot.text.entities import occurrences
from mechcot.text.entity_exchange import changed, exchanges
from mechcot.text.listed_choices import choices, chosen_letter
from mechcot.text.numerals import in_english_words

SHIFTS = ("format", "order", "numbers", "names")
UNSHIFTED = "as it is"
"""The stratum of what is not shifted."""
_WORD = re.compile(r"(?<![\w$\\{}=+*/^.-])[a-z]{2,}(?![\w=+*/^{}-])")
_ARTICLES = frozenset({"the", "an", "der", "die", "das", "le", "la", "les", "el", "los", "las"})
_PARENTHESES = ("by the way", "you see", "as it happens", "for what it is worth", "so to speak")
_OF_PLACES = re.compile(
    r"\b(?:above|below|both|all of|none of|neither|[A-J] (?:and|or) [A-J]|first|second|third|fourth|fifth|last|final|previous|next|listed|position|order|options?|choices?|letter|"
    r"erste[rns]?|letzte[rns]?|zweite[rns]?|dritte[rns]?|premi\u00e8?re?|derni\u00e8?re?|primer[oa]?|\u00faltim[oa])\b",
    re.IGNORECASE,
)
"""Words of questions and options that may speak of the place of an option."""
_OF_WORDS = re.compile(
    r"\b(?:alphabet\w*|letters?|words?|spell\w*|sorted|rhymes?|vowels?|syllables?|initials?|names? (?:begin|start|end)|anagram\w*|sentences?|buchstab\w*|w\u00f6rter|wort|lettres?|mots?|"
    r"letras?|palabras?)\b|[`;{}]|\breturn\b",
    re.IGNORECASE,
)
"""Questions about the wording itself, and code: none of them is asked otherwise."""

_SIGNS = r"+\-\u2212\u2013*/=<>^~|\\$\u20ac\u00a3\u00a5#%\u00b0\u00d7\u00b7\u00f7:@_&{}\[\]"
_BEFORE = r"Jan|Feb|Mar|Apr|May|June?|July?|Aug|Sept?|Oct|Nov|Dec|January|February|March|April|August|September|October|November|December|No\.|p\.|pp\.|Fig\."
_BEHIND = r"Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec|a\.?m\b|p\.?m\b|AM\b|PM\b|o'clock|\d"
_GAP = r"\s{0,3}"
_WHOLE_NUMBER = regex.compile(
    rf"(?<![^\s(])(?<![{_SIGNS}]{_GAP})(?<!\b(?:{_BEFORE})\s)(?<!\d[,.]?\s)(?<!\d{_GAP}x{_GAP})(?<!(?:^|\n)\s{{0,8}}\(?)"
    rf"(?:0|[1-9]\d{{0,2}})(?=[.,;?!)]*(?:\s|$))(?!{_GAP}[{_SIGNS}])(?!{_GAP}x{_GAP}\d)(?!,?\s(?:{_BEHIND}))"
)
"""A whole number that stands alone: beside no sign, month, hour or other number, and not first in a line, where it may count a list."""
_SENTENCE_START = regex.compile(r"[.?!]\s+$")
_OF_DIGITS = re.compile(
    r"\b(?:digits?|numerals?|decimals?|binary|hexadecimal|palindrom\w*|base)\b", re.IGNORECASE
)


@dataclass(frozen=True)
class Shift:
    """A shift and how far it goes.

    Attributes:
        kind: One of `SHIFTS`.
        level: Probability of a change for `format`, 1 for the others.
    """

    kind: str
    level: float = 1.0

    @classmethod
    def of(cls, text: str) -> "Shift":
        """Read `format:0.1`, `order`, `numbers`, `names`.

        Raises:
            UserError: It is none of them.
        """
        kind, colon, level = text.partition(":")
        try:
            amount = float(level) if colon else 1.0
        except ValueError:
            amount = -1.0
        if kind not in SHIFTS or not 0 < amount <= 1 or (colon != "") != (kind == "format"):
            raise UserError(
                f"--shift {text}: expected format:P with P above 0 and at most 1, order, numbers, or names"
            )
        return cls(kind, amount)

    @property
    def name(self) -> str:
        """As it was written."""
        return f"{self.kind}:{self.level:g}" if self.kind == "format" else self.kind


def with_shifts(
    problems: Sequence[Problem], shifts: Sequence[Shift], *, seed: int
) -> list[Problem]:
    """The problems as they are, then each of them shifted where that can be done.

    Args:
        problems: The problems; `meta` gets `shift` and `level`, and `stratum` names both.
        shifts: What to do, each by itself.
        seed: Of all that is drawn.
    """
    rows = [_marked(problem, "none", 0.0) for problem in problems]
    for shift in shifts:
        for problem in problems:
            other = shifted(problem, shift, seed=seed)
            if other is not None:
                named = replace(other, id=f"{problem.id}~{shift.name}")
                rows.append(_marked(named, shift.kind, shift.level, stratum=shift.name))
    return rows


def _marked(problem: Problem, shift: str, level: float, *, stratum: str = UNSHIFTED) -> Problem:
    """The problem with the fields that a report reads: `shift`, `level`, `stratum`."""
    return replace(
        problem, meta={**problem.meta, "shift": shift, "level": level, "stratum": stratum}
    )


def with_shifted(
    plain: Sequence[Problem], others: Mapping[tuple[str, float], Sequence[Problem]]
) -> list[Problem]:
    """Problems of a task with such as lie at a distance from them, told apart by their ids.

    Args:
        plain: As the models know them.
        others: The others, by shift and level.
    """
    rows = [_marked(problem, "none", 0.0) for problem in plain]
    for (shift, level), problems in others.items():
        stratum = f"{shift} {level:+g}" if shift == "length" else f"{shift} {level:g}"
        for problem in problems:
            moved = replace(problem, id=f"{problem.id}~{stratum.replace(' ', ':')}")
            rows.append(_marked(moved, shift, float(level), stratum=stratum))
    return rows


def shifted(problem: Problem, shift: Shift, *, seed: int) -> Problem | None:
    """A problem, asked otherwise; None where the shift cannot be made or changes nothing.

    Args:
        problem: The problem.
        shift: What to do.
        seed: Of what is drawn; with the same seed a higher level of `format` changes all that a lower one does.
    """
    rng = Random(f"{seed} {problem.id} {shift.kind}")
    if shift.kind == "order":
        return _other_letters(problem, rng)
    if _OF_WORDS.search(problem.question):
        return None
    if shift.kind == "names":
        return _renamed(problem)
    whole, listed = problem.question, choices(problem.question)
    end = min(span.start for span in listed.spans.values()) if listed else len(whole)
    stem, options = whole[:end], whole[end:]
    if shift.kind == "numbers":
        other = f"{_spelled(stem)}{options}"
    else:
        other = f"{_noisy(stem, shift.level, rng, kept=_words(problem.answer))}{options}"
    return None if other == whole else replace(problem, question=other)


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"[^\W\d_]+", text.casefold()))


def _noisy(text: str, level: float, rng: Random, *, kept: frozenset[str]) -> str:
    """Change words; three draws a word, whether or not it changes, so that levels are nested."""

    def change(match: re.Match[str]) -> str:
        word, draw, how, which = match.group(), rng.random(), rng.random(), rng.random()
        if draw >= level or word in kept:
            return word
        if word in _ARTICLES and how < 1 / 2:
            return ""
        if how < 2 / 3 and len(word) > 3:
            at = 1 + int(which * (len(word) - 3))
            return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        return f"({_PARENTHESES[int(which * len(_PARENTHESES))]}) {word}"

    return re.sub(r"(?<=\S) {2,}(?=\S)", " ", _WORD.sub(change, text))


def _spelled(text: str) -> str:
    """Whole numbers that stand alone, in words; nothing where the text is not English or speaks of digits."""
    if not is_english([text]) or _OF_DIGITS.search(text):
        return text

    def change(match: regex.Match[str]) -> str:
        word = in_english_words(int(match.group()))
        opens = _SENTENCE_START.search(text, max(0, match.start() - 8), match.start()) is not None
        return word.capitalize() if opens else word

    return _WHOLE_NUMBER.sub(change, text)


def _other_letters(problem: Problem, rng: Random) -> Problem | None:
    """The options in another order, with the letter of the answer."""
    listed = choices(problem.question)
    letters, letter = list(listed.spans) if listed else [], chosen_letter(problem.answer)
    if listed is None or letter not in letters or _OF_PLACES.search(problem.question):
        return None
    order = _shuffled(len(letters), rng)
    question = listed.with_texts([listed.texts[place] for place in order])
    moved = letters[order.index(letters.index(letter))]
    answer = problem.answer.replace(letter, moved, 1)
    return replace(problem, question=question, answer=answer)


def _shuffled(n: int, rng: Random) -> list[int]:
    order = list(range(n))
    while order == sorted(order):
        rng.shuffle(order)
    return order


def _renamed(problem: Problem) -> Problem | None:
    """Two names that can stand for each other, exchanged; none of a question that lists options, whose letters would have to follow."""
    asked = problem.question
    if choices(asked) is not None:
        return None
    for pair in exchanges(asked, asked, problem.answer):
        names = {text for _, _, text in pair.question}
        if all(_inside(name, asked) for name in names if not occurrences(name, problem.answer)):
            other = changed(asked, pair.question)
            return replace(problem, question=other, answer=pair.answer or problem.answer)
    return None


def _inside(name: str, text: str) -> bool:
    """Whether a name is one: no number, and not only the first word of sentences."""
    return not name[:1].isnumeric() and re.search(rf"[\w,]\s+{re.escape(name)}\b", text) is not None
