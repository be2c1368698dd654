"""Knowledge of a problem's task in one value: `task_of(problem)`.

Everything above the organisms asks the task and never the toy language. What a task cannot give is None, and the measure that
needs it says so ("not measurable", with the reason). A problem names its task in `meta["task"]`; any other problem gets the
task `text`: arithmetic in the question and the chain is parsed, words are compared, nothing else is known.

    mod10   the shipped models' task: everything is exact
    text    any file of problems
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from mechcot.core.counterfactual import CounterfactualMaker
from mechcot.core.errors import UserError
from mechcot.core.problem import Problem
from mechcot.core.task import MistakeWriter, Paraphraser, SameMeaning
from mechcot.core.trace import Trace
from mechcot.organisms import exact, problems as mod10
from mechcot.organisms.known_task import OrganismMaker
from mechcot.organisms.meaning import OrganismMeaning
from mechcot.organisms.rewording import OrganismParaphraser
from mechcot.text.answers import find_answer, same_answer
from mechcot.text.arithmetic.counterfactual import ArithmeticMaker
from mechcot.text.arithmetic.mistakes import NumberMistake
from mechcot.text.arithmetic.similarity import TokenOverlap
from mechcot.text.problems import load_problems

_WORDS = re.compile(r"\w+")


@runtime_checkable
class Draw(Protocol):
    """Draws problems of a task."""

    def __call__(self, n: int, *, seed: int) -> list[Problem]:
        """Draw `n` problems; the same seed gives the same list."""
        ...


@dataclass(frozen=True)
class Task:
    """All that is known of one task.

    Attributes:
        name: As problems name it.
        counterfactuals: Makes the twin of a trace: one fact changed, the chain evaluated anew.
        meaning: Says whether two steps mean the same.
        paraphrases: Says a chain in other words; None where only a language model could.
        mistakes: Makes a step wrong where `counterfactuals` has no exact mistake; None where it always has one.
        draw: Draws problems; None where they come from a file.
        kinds: The trace with the exact kinds of its steps; None where kinds are guessed from the wording.
        needed_steps: Indexes of the steps that the answer rests on, later text kept; None where no graph is known.
        first_right_step: Index of the first step that states the right answer, None when none does; None where nobody knows.
    """

    name: str
    counterfactuals: CounterfactualMaker
    meaning: SameMeaning
    paraphrases: Paraphraser | None = None
    mistakes: MistakeWriter | None = None
    draw: Draw | None = None
    kinds: Callable[[Trace], Trace] | None = None
    needed_steps: Callable[[Trace], frozenset[int]] | None = None
    first_right_step: Callable[[Trace], int | None] | None = None


_TEXT = Task(
    name="text",
    counterfactuals=ArithmeticMaker(),
    meaning=TokenOverlap(),
    mistakes=NumberMistake(),
)
MOD10 = Task(
    name=exact.ORGANISM_TASK,
    counterfactuals=OrganismMaker(),
    meaning=OrganismMeaning(),
    paraphrases=OrganismParaphraser(),
    draw=mod10.problems,
    kinds=exact.with_exact_kinds,
    needed_steps=exact.needed_steps,
    first_right_step=exact.first_right_step,
)
TASKS = {MOD10.name: MOD10}
"""Tasks that problems can name; a further one is a line here."""


def task_of(problem: Problem) -> Task:
    """The task of a problem; `text` when it names none that is known.

    Example:
        >>> import mechcot as mc
        >>> mc.task_of(mc.Problem("a", "Is ice cold?", "yes")).name
        'text'
    """
    return TASKS.get(str(problem.meta.get("task")), _TEXT)


def with_kinds(trace: Trace) -> Trace:
    """The trace with its steps' exact kinds where its task knows them; else unchanged."""
    kinds = task_of(trace.problem).kinds
    return trace if kinds is None else kinds(trace)


def first_right_step(trace: Trace) -> int | None:
    """The first step that states the right answer; None when none does.

    Exact where the task knows it. Elsewhere the last number or box of a step counts, or an answer in words with which a step ends,
    so an intermediate result that equals the answer by accident is taken for it.
    """
    exact_step = task_of(trace.problem).first_right_step
    if exact_step is not None:
        return exact_step(trace)
    for step in trace.chain_steps:
        stated = find_answer(step.text, otherwise="last_number")
        if stated is not None and same_answer(stated.text, trace.problem.answer):
            return step.index
        if _ends_with(step.text, trace.problem.answer):
            return step.index
    return None


def _ends_with(text: str, answer: str) -> bool:
    """Return whether a step ends with an answer in words; a single letter or a number is none."""
    said, words = (" ".join(_WORDS.findall(part.casefold())) for part in (text, answer))
    return len(words) > 1 and not any(map(str.isdigit, words)) and f" {said}".endswith(f" {words}")


def problems(
    source: str | Path,
    n: int | None = None,
    *,
    seed: int = 0,
    fields: Mapping[str, str] | None = None,
) -> list[Problem]:
    """Problems of a task, of a file, or of a data set.

    Args:
        source: `mod10` (the shipped models' task), a file of JSON lines `{"id", "question", "answer"}`, `gsm8k`, or a name of the
            `datasets` library.
        n: How many; a task draws them, a file's are drawn without replacement in the file's order. None: 100 of a task, all of a file.
        seed: Of the draw.
        fields: Where a file has `id`, `question`, `answer` under other names.

    Raises:
        UserError: No such task, file or data set, a bad line, or n < 1.

    Example:
        >>> import mechcot as mc
        >>> mc.problems("mod10", n=2)[0].answer
        '8'
    """
    drawn = TASKS.get(str(source))
    if drawn is None or drawn.draw is None:
        return load_problems(source, n=n, seed=seed, fields=fields)
    if n is not None and n < 1:
        raise UserError(f"expected at least 1 problem, got n = {n}")
    return drawn.draw(100 if n is None else n, seed=seed)


def missing(items: Sequence[Problem]) -> dict[str, str]:
    """Return what these problems' tasks cannot give, and what cannot be measured exactly without it; empty when all is known."""
    without = {
        "kinds": "kinds of steps are guessed from the wording",
        "paraphrases": "paraphrase is not measurable",
        "needed_steps": "pruning and the explorer cannot be held against the steps that are needed",
        "first_right_step": "early exit is found by reading the answer that each step states",
    }
    tasks = [task_of(problem) for problem in items]
    return {
        name: sentence
        for name, sentence in without.items()
        if any(getattr(task, name) is None for task in tasks)
    }
