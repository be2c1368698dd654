"""Which questions the training of a checkpoint was given, by a file of digests beside it, which `mechcot tune` writes.

    write_training_questions(out, problems, base)
    seen_in_training(spec, problems)       a sentence, "" where none of them was trained on, or nothing tells

A question is the same whatever its id, its spaces and the hint that a training put into it.
"""

from collections.abc import Sequence
from pathlib import Path

from mechcot.core.errors import UserError
from mechcot.core.problem import Problem
from mechcot.core.store import read_json, write_json
from mechcot.model.loading.spec import ModelSpec, beside
from mechcot.text.problems import question_digest

TRAINING_QUESTIONS = "training-questions.json"


def write_training_questions(out: Path, problems: Sequence[Problem], base: ModelSpec) -> None:
    """Write what the training of a folder was given, used within its budget or not, with what its base's was.

    Args:
        out: Folder of the checkpoints.
        problems: As they stand in their file, without what a training leaks.
        base: The model that the training starts from.

    Raises:
        UserError: The base's own file is damaged.
    """
    every = training_questions(base).union(map(question_digest, problems))
    write_json(out / TRAINING_QUESTIONS, {"schema": 1, "questions": sorted(every)})


def training_questions(spec: ModelSpec) -> frozenset[str]:
    """Digests of what a model's training was given, by the files beside its weights and its adapter; none where there are no such files.

    Raises:
        UserError: A file is damaged.
    """
    found: set[str] = set()
    for weights in (spec.base, spec.adapter):
        if path := beside(weights, TRAINING_QUESTIONS):
            questions = read_json(path, what="the questions of a training").get("questions")
            if not isinstance(questions, list):
                raise UserError(f"{path}: expected a list of `questions`; remove the file")
            found.update(map(str, questions))
    return frozenset(found)


def seen_in_training(spec: ModelSpec, problems: Sequence[Problem]) -> str:
    """How many questions the model's training was given, and what follows; "" for none.

    Args:
        spec: The model.
        problems: What it is asked.

    Raises:
        UserError: A file is damaged.
    """
    known = training_questions(spec)
    seen = sum(question_digest(problem) in known for problem in problems)
    if not seen:
        return ""
    which = "all" if seen == len(problems) else f"{seen} of"
    return f"{spec.name}: its training was given {which} {len(problems)} questions that it is asked here, and its answers may be remembered; ask others"
