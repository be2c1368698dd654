"""Is a question new to a model, and is it long? Told by its file, by its shift, or by the texts that the model was trained on.

    novel    `novel` of the file; else the shift: `none` and `length` are familiar, `task` and `n-1` are novel
    long     `length` of the file (`short`, `long`, or a number); else the shift `length`, above 0; else the words of the question; numbers are parted at their median

Against training texts a question is familiar where at least half of its runs of eight words stand in one of them, as contamination is usually told
(Brown et al. 2020, arXiv 2005.14165, section C); a shorter one is one run. Chinese, Japanese and Thai, which part no words, are read by character.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import median

from mechcot.core.problem import Problem

RUN = 8
"""Words of a run."""
BY_CHARACTER = "\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff"
"""Of a character class: letters of scripts that part no words."""
_WORD = re.compile(rf"[{BY_CHARACTER}]|[^\W{BY_CHARACTER}]+")
_BY_SHIFT = {"none": False, "longer": False, "length": False, "task": True, "n-1": True}
_SAID = {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False}

QuestionCell = tuple[bool, bool]
"""Whether a question is novel, and whether it is long."""


def folded_words(text: str) -> tuple[str, ...]:
    """The words of a text, case folded; signs are none."""
    return tuple(_WORD.findall(text.casefold()))


def novelty_told(problem: Problem) -> bool | None:
    """Whether a question is novel, by its file or its shift; None where neither says so."""
    said = _SAID.get(str(problem.meta.get("novel")).strip().casefold())
    return _BY_SHIFT.get(str(problem.meta.get("shift"))) if said is None else said


def question_cells(problems: Sequence[Problem]) -> dict[QuestionCell, list[str]]:
    """Ids by novelty and length, of the questions about which both are told; empty unless some are novel and some are not.

    Args:
        problems: All that were asked.
    """
    told = {p.id: novelty_told(p) for p in problems}
    kept = [p for p in problems if told[p.id] is not None]
    if len({told[p.id] for p in kept}) < 2:
        return {}
    lengths = _lengths(kept)
    found: dict[QuestionCell, list[str]] = {}
    for problem in kept:
        if problem.id in lengths:
            cell = (bool(told[problem.id]), lengths[problem.id])
            found.setdefault(cell, []).append(problem.id)
    return dict(sorted(found.items()))


def _lengths(problems: Sequence[Problem]) -> Mapping[str, bool]:
    """Whether each is long, by the first of the ways that tells questions apart."""
    said = {p.id: str(p.meta.get("length")).strip().casefold() for p in problems}
    if {"short", "long"} <= set(said.values()):
        return {name: word == "long" for name, word in said.items() if word in ("short", "long")}
    numbers = {name: float(text) for name, text in said.items() if _is_number(text)}
    if len(set(numbers.values())) > 1:
        return _parted(numbers)
    further = {p.id: _is_further(p) for p in problems}
    if any(further.values()):
        return further
    return _parted({p.id: float(len(folded_words(p.question))) for p in problems})


def _is_further(problem: Problem) -> bool:
    """Whether it is shifted to more steps; a level below 0 means fewer."""
    level = problem.meta.get("level", 1)
    longer = not isinstance(level, (int, float)) or level > 0
    return longer and problem.meta.get("shift") in ("longer", "length")


def _is_number(text: str) -> bool:
    return re.fullmatch(r"\d+(?:\.\d+)?", text) is not None


def _parted(numbers: Mapping[str, float]) -> dict[str, bool]:
    """Above the median; where nothing is above it, at it."""
    middle = median(numbers.values())
    above = {name: number > middle for name, number in numbers.items()}
    return above if any(above.values()) else {n: number >= middle for n, number in numbers.items()}


def with_novelty(problems: Sequence[Problem], texts: Iterable[str]) -> list[Problem]:
    """The problems, each marked `novel` or not in `meta`, with the share of its runs that were read as `overlap`.

    Args:
        problems: The problems.
        texts: What a model was trained on; read once, one at a time.
    """
    runs = {problem.id: _runs(folded_words(problem.question)) for problem in problems}
    sizes = {len(run) for several in runs.values() for run in several}
    wanted = {run for several in runs.values() for run in several}
    best = dict.fromkeys(runs, 0.0)
    for text in texts:
        said = folded_words(text)
        here = {said[i : i + n] for n in sizes for i in range(len(said) - n + 1)} & wanted
        for name, mine in runs.items() if here else ():
            best[name] = max(best[name], len(mine & here) / max(len(mine), 1))
    return [
        replace(p, meta={**p.meta, "novel": best[p.id] < 1 / 2, "overlap": round(best[p.id], 3)})
        for p in problems
    ]


def _runs(said: tuple[str, ...]) -> frozenset[tuple[str, ...]]:
    size = min(RUN, len(said))
    return (
        frozenset(said[i : i + size] for i in range(len(said) - size + 1)) if size else frozenset()
    )
