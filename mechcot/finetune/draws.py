"""What several arms draw: partners, items that allow something, and what questions leak."""

from collections.abc import Callable, Sequence
from random import Random
from typing import TypeVar

from mechcot.core.errors import NotMeasurable, UserError
from mechcot.core.problem import Problem
from mechcot.core.progress import progress_bar
from mechcot.core.trace import Trace
from mechcot.finetune.lesson import Lesson
from mechcot.tasks import task_of
from mechcot.text.answer_outcomes import same_for

Made = TypeVar("Made")


def with_another(lessons: Sequence[Lesson], seed: int) -> list[tuple[Lesson, Lesson]]:
    """Every lesson with one of another answer.

    Raises:
        UserError: All have the same answer.
    """
    rng = Random(f"partners {seed}")
    pairs = []
    for lesson in lessons:
        others = rng.sample(list(lessons), len(lessons))
        other = next(
            (o for o in others if not same_for(lesson.problem, o.answer, lesson.answer)), None
        )
        if other is None:
            raise UserError(
                f"expected chains that end in different answers, all end in {lesson.answer!r}; give more with --traces FILE"
            )
        pairs.append((lesson, other))
    return pairs


def each_measurable(
    make: Callable[[Trace], Made], traces: Sequence[Trace], what: str, ahead: str
) -> list[Made]:
    """Whatever can be made of some chains; those that allow nothing are left out.

    Args:
        make: Makes it of one chain, or raises `NotMeasurable` with the reason.
        traces: The chains.
        what: What was expected, for the message.
        ahead: What to do next, for the message.

    Raises:
        UserError: No chain allows it.
    """
    made, reasons = [], []
    for trace in progress_bar(traces, desc="data", unit="chain", leave=False):
        try:
            made.append(make(trace))
        except NotMeasurable as reason:
            reasons.append(str(reason))
    if not made:
        raise UserError(f"expected {what}, got none of {len(traces)} ({reasons[0]}); {ahead}")
    return made


def leaking(
    problems: Sequence[Problem], leak: str | None, seed: int
) -> Callable[[Problem], Problem]:
    """A function that gives a problem with what its question leaks: the answer, that of any item (which tells nothing), or nothing.

    Args:
        problems: All problems that it will be asked for.
        leak: `answer`, `random`, `none`; None leaves the questions as they are.
        seed: Of the random answers.
    """
    if leak is None:
        return lambda problem: problem
    rng, answers = Random(f"leak {seed}"), [problem.answer for problem in problems]
    drawn = {problem.id: rng.choice(answers) for problem in problems}

    def hinted(problem: Problem) -> Problem:
        hints = {"answer": problem.answer, "random": drawn[problem.id], "none": None}
        return task_of(problem).hinted(problem, hints[leak])

    return hinted
