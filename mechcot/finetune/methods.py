"""How each kind of arm is trained: data in tokens, cut to the budget, given to the trainer. Needs trl."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from mechcot.finetune.lesson import Lesson
from mechcot.finetune.recipe import ordered, snapshot_steps, trained_tokens, updates_of
from mechcot.finetune.session import Session, keep_texts, tokenized_all
from mechcot.finetune.trainers import train_lessons


def by_lessons(session: Session) -> dict[str, Any]:
    """Next-token training on the arm's lessons; gives what the record says of data and budget."""
    recipe, reader = session.recipe, session.material.reader
    made = session.arm.data(session.material, recipe.seed)
    lessons = [_hinted(session, lesson) for lesson in made if isinstance(lesson, Lesson)]
    examples, left_out = tokenized_all(reader, lessons)
    rows = [{"prompt": each.prompt_text, "text": each.text} for each in examples]
    data = keep_texts(session.out, rows, left_out)
    trained = [examples[at] for at in ordered([len(each) for each in examples], recipe)]
    updates = updates_of(len(trained), recipe)
    steps = snapshot_steps(updates, recipe.snapshots)
    train_lessons(session.open_base, trained, recipe, session.out, steps, progress=session.progress)
    budget = trained_tokens(trained) | {"updates": updates, "generated_tokens": 0}
    return {"data": data, "budget": budget}


def _hinted(session: Session, lesson: Lesson) -> Lesson:
    if session.arm.hints:
        return lesson
    return replace(lesson, problem=session.hinted(lesson.problem))


METHODS: Mapping[str, Callable[[Session], dict[str, Any]]] = {"lessons": by_lessons}
"""A trainer's name in an arm -> what trains it."""
