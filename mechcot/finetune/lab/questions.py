"""What a seed's checkpoints are asked: problems that nothing was trained on, with hints put in, and shifted ones."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

from mechcot.core.errors import UserError
from mechcot.core.problem import Problem
from mechcot.core.store import write_text
from mechcot.finetune.draws import leaking
from mechcot.finetune.lab.settings import LEAKED, MISLED, PLAIN_QUESTIONS, Lab
from mechcot.tasks import TASKS, task_of
from mechcot.text.answers import same_answer
from mechcot.text.problems import load_problems, question_digest

_APART = 1000
"""Seeds of drawn problems lie so far from those of the training problems."""


@dataclass(frozen=True)
class QuestionSet:
    """Problems that are asked together.

    Attributes:
        name: Of the set.
        problems: The problems.
        hints: Id -> the answer that the question hints at, none where it is the right one or nobody put it there.
    """

    name: str
    problems: tuple[Problem, ...]
    hints: Mapping[str, str]

    def first(self, n: int) -> "QuestionSet":
        """The set of its first problems."""
        return QuestionSet(self.name, self.problems[:n], self.hints)

    def write(self, path: Path) -> Path:
        """Write the problems as JSON lines that every command reads."""
        rows = [dict(problem.meta) | asdict(problem) for problem in self.problems]
        for row in rows:
            del row["meta"]
        write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
        return path


def question_sets(lab: Lab, seed: int) -> dict[str, QuestionSet]:
    """All sets of one seed by name.

    Raises:
        UserError: A file is wrong, or all problems have the same answer.
    """
    plain = _held_out(lab, seed)
    told = leaking(plain, "answer", seed)
    wrong = _other_answers(plain, seed)
    misled = [task_of(problem).hinted(problem, wrong[problem.id]) for problem in plain]
    sets = [
        QuestionSet(PLAIN_QUESTIONS, tuple(plain), {}),
        QuestionSet(LEAKED, tuple(map(told, plain)), {}),
        QuestionSet(MISLED, tuple(misled), wrong),
    ]
    for name, source in lab.shifts.items():
        sets.append(QuestionSet(name, tuple(_shifted(lab, source, name, seed)), {}))
    return {each.name: each for each in sets}


def check_held_out(lab: Lab) -> None:
    """See that no question of a file is both trained on and read, whatever the ids say.

    Raises:
        UserError: Some are, or a file is wrong.
    """
    if lab.problems in TASKS:
        return
    trained = set(map(question_digest, load_problems(lab.problems, fields=lab.fields, taken=False)))
    read = load_problems(lab.held_out, fields=lab.fields, taken=False)
    both = [problem for problem in read if question_digest(problem) in trained]
    if both:
        raise UserError(
            f"held_out: {len(both)} of {len(read)} questions of {lab.held_out} stand in {lab.problems}, too, which is trained on, such as "
            f"{both[0].question[:80]!r}; leave them out of one of the two"
        )


def _held_out(lab: Lab, seed: int) -> list[Problem]:
    if lab.held_out:
        return load_problems(lab.held_out, n=lab.read.n, seed=seed, fields=lab.fields)
    return _drawn(lab, lab.train.depth, seed)


def _shifted(lab: Lab, source: str | tuple[int, int], name: str, seed: int) -> list[Problem]:
    if isinstance(source, str):
        return load_problems(source, n=lab.read.n, seed=seed, fields=lab.fields)
    if lab.problems not in TASKS:
        raise UserError(
            f"shifts.{name}: expected a file, got depths: {lab.problems} is no task that draws questions"
        )
    return _drawn(lab, source, seed)


def _drawn(lab: Lab, depth: tuple[int, int] | None, seed: int) -> list[Problem]:
    """Problems of the task's test side, whose hints tell nothing."""
    draw = TASKS[lab.problems].unhinted
    if draw is None:
        raise UserError(f"problems: the task {lab.problems} draws none; give a file and held_out")
    return draw(lab.read.n, seed=_APART + seed, split="test", depth=depth)


def _other_answers(problems: Sequence[Problem], seed: int) -> dict[str, str]:
    """Id of a problem -> an answer of another one that is not its own.

    Raises:
        UserError: All have the same answer.
    """
    rng, answers = Random(f"misled {seed}"), sorted({problem.answer for problem in problems})
    others = {
        problem.id: [answer for answer in answers if not same_answer(answer, problem.answer)]
        for problem in problems
    }
    if not all(others.values()):
        raise UserError(f"expected held-out problems of different answers, all have {answers[0]!r}")
    return {name: rng.choice(choices) for name, choices in others.items()}
