"""Whose questions an experiment asks: held-out items, others that doses are measured on, others that vectors are made from.

A task draws all three itself, the items from its test split and the rest from its training split. Of a file of problems the items are
drawn by their seed, and the rest come from what is left, so that no item is ever seen by a vector or a dose.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from mechcot.core.errors import UserError
from mechcot.core.problem import Problem
from mechcot.core.task import ContrastPair
from mechcot.core.wording import count_of
from mechcot.steering.experiment import Experiment, ItemSettings, VectorSpec
from mechcot.tasks import TASKS, Task, contrast_pairs, missing, task_of_all
from mechcot.text.problems import load_problems, question_digest, say_repeated

_APART = 1000
"""Doses are measured on a draw of their own: the items' seed and this."""


@dataclass(frozen=True)
class QuestionSets:
    """The questions of an experiment.

    Attributes:
        task: What is known of them.
        items: Held out.
        dosing: What doses are measured on.
        extraction: What vectors are made from; empty where they come from a file.
    """

    task: Task
    items: Sequence[Problem]
    dosing: Sequence[Problem]
    extraction: Sequence[Problem]


def questions_of(experiment: Experiment) -> QuestionSets:
    """Draw an experiment's questions, and see that their task gives what the experiment needs.

    Raises:
        UserError: A bad file of problems, too few in it, a style or a depth that the task does not have, or something that the task cannot give.
    """
    drawn = _from_file if experiment.items.problems else _from_task
    questions = drawn(experiment)
    _check(experiment, questions)
    return questions


def _from_task(experiment: Experiment) -> QuestionSets:
    items, vector, task = experiment.items, experiment.vector, TASKS[experiment.task]

    def draw(
        name: str, part: ItemSettings | VectorSpec, n: int, *, apart: int = 0, split: str = "train"
    ) -> list[Problem]:
        if task.unhinted is None:
            raise UserError(f"the task {task.name} draws no questions; give items.problems")
        try:
            return task.unhinted(n, seed=part.seed + apart, depth=part.hops, split=split)
        except UserError as error:
            raise UserError(f"{name}.hops: {error}") from None

    return QuestionSets(
        task,
        draw("items", items, items.n, split="test"),
        draw("items", items, experiment.apply.chains, apart=_APART),
        draw("vector", vector, vector.n) if vector and vector.asks else (),
    )


def _from_file(experiment: Experiment) -> QuestionSets:
    items, vector = experiment.items, experiment.vector
    every = load_problems(items.problems, fields=items.fields, taken=False)
    seen = set(items.seen)
    unseen = [problem for problem in every if question_digest(problem) not in seen]
    many = vector.n if vector and vector.asks else 0
    others = max(experiment.apply.chains, many)
    if len(unseen) < items.n + others:
        needs = f"items.n = {items.n}, and {others} others (the larger of apply.chains = {experiment.apply.chains}"
        needs += f" and vector.n = {many})" if many else ")"
        used = len(every) - len(unseen)
        needs += f"; {used} of the file served to fit a vector" if used else ""
        raise UserError(
            f"items.problems: {items.problems} holds {count_of(len(unseen), 'problem')}; expected at least {items.n + others}: {needs}. "
            "Give a longer file or set smaller numbers"
        )
    chosen = _drawn(unseen, items.n, items.seed)
    say_repeated(items.problems, chosen)
    asked = {problem.id for problem in chosen}
    rest = [problem for problem in unseen if problem.id not in asked]
    return QuestionSets(
        task_of_all(every),
        chosen,
        _drawn(rest, experiment.apply.chains, items.seed + _APART),
        _drawn(rest, many, vector.seed) if vector else (),
    )


def _drawn(problems: Sequence[Problem], n: int, seed: int) -> list[Problem]:
    """Draw without replacement, in the order of the file."""
    return [problems[i] for i in sorted(Random(seed).sample(range(len(problems)), n))]


def pairs_of(experiment: Experiment, questions: QuestionSets) -> list[ContrastPair]:
    """The pairs that a vector is read from: of a file, or the extraction questions in two styles.

    Raises:
        UserError: A bad file of pairs.
    """
    vector, task = experiment.vector, questions.task
    assert vector is not None
    if vector.pairs:
        return contrast_pairs(vector.pairs, vector.n)
    styles = vector.styles or task.contrast or ()
    return [
        ContrastPair(*(task.styled(problem, style) for style in styles))
        for problem in questions.extraction
    ]


def _check(experiment: Experiment, questions: QuestionSets) -> None:
    """Refuse what the task cannot give, before a model is loaded.

    Raises:
        UserError: It cannot give contrasts or steps without their marker words, or has no such style.
    """
    vector, task, compare = experiment.vector, questions.task, experiment.compare
    of_pairs = vector is not None and vector.method not in ("span", "file")
    if vector and of_pairs and not (vector.pairs or vector.styles or task.contrast):
        raise UserError(
            f"vector.method = {vector.method!r} needs contrasts, and these problems have none of their own: give vector.pairs (a file of JSON lines "
            'with id, positive, negative), vector.styles = ["INSTRUCTION", "OTHER INSTRUCTION"], or vector.method = "span"'
        )
    if compare.bare and task.shortest_chain is None:
        raise UserError(
            "compare.bare forbids the words that open a step, and nobody knows which words of these problems' chains can be left out; leave it out"
        )
    for name, style in (
        ("compare.prompt", compare.prompt),
        *(("vector.styles", s) for s in (vector.styles if vector else ())),
    ):
        if style:
            try:
                task.styled(questions.items[0], style)
            except UserError as error:
                raise UserError(f"{name}: {error}") from None


def missing_parts(experiment: Experiment, questions: QuestionSets) -> dict[str, str]:
    """What these questions' task cannot give to this experiment's readouts, by name, with what follows."""
    vector = experiment.vector
    wanted = {
        "kinds": True,
        "contrast": bool(vector and vector.asks and vector.method != "span"),
        "is_correct_thought": bool(experiment.penalty),
        "shortest_chain": True,
    }
    return missing(questions.items, [name for name, wants in wanted.items() if wants])
