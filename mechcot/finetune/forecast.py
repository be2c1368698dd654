"""What a training would cost, before it begins: a few texts are written, one update is timed, nothing is trained."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from mechcot.core.errors import NotMeasurable
from mechcot.core.problem import Problem
from mechcot.finetune.augmented import write_sides
from mechcot.finetune.lesson import Lesson, TokenizedLesson, tokenized
from mechcot.finetune.own_texts import Groups, check_some_right, own_example, write_groups
from mechcot.finetune.recipe import PASSES, updates_of
from mechcot.finetune.session import TuningSession
from mechcot.model.prefix.memory import release
from mechcot.text.number_format import amount, percent

REHEARSED = 16
"""Problems on which cost and chances are read before a training begins."""
_FORWARDS = {
    "lessons": 1.0,
    "soft": 1.0,
    "rounds": 1.0,
    "augmented": 1.0,
    "preferences": 1.4,
    "rewards": 1.4,
}
"""Cost of an update's example, relative to one forward and backward: the base reads along in pairs and rewards."""


@dataclass(frozen=True)
class TrainingCost:
    """What a training would cost.

    Attributes:
        updates: Number of updates.
        tokens: Tokens to train on.
        generated: Tokens that the model writes.
        seconds: How long that takes, about; reading the material is not counted.
        right: Share of its own texts that end right; None where it writes none.
        mixed: Share of groups with right and wrong texts.
    """

    updates: int
    tokens: int
    generated: int
    seconds: float
    right: float | None = None
    mixed: float | None = None

    def __str__(self) -> str:
        parts = [f"{self.updates} updates", f"{amount(float(self.tokens), '')} tokens to train on"]
        if self.right is not None and self.mixed is not None:
            parts.append(f"{amount(float(self.generated), '')} tokens to write")
            parts.append(
                f"at the start {percent(self.right)} of texts end right, {percent(self.mixed)} of groups have right and wrong ones"
            )
        return f"about {self.seconds / 60:.1f} min: {', '.join(parts)}"


def forecast(session: TuningSession) -> TrainingCost:
    """Forecast the cost of a training.

    Raises:
        UserError: The arm has nothing to learn from.
    """
    recipe, arm = session.recipe, session.arm
    if arm.trainer == "augmented":
        return _of_facts(session)
    rehearsal = None
    if arm.data is None:
        problems = session.problems()
        rehearsal, given = _rehearsed(session, problems)
        check_some_right(rehearsal, arm.name, given=given)
        examples = [own_example(session.reader, trace) for trace in rehearsal.texts]
        available = len(problems) * (recipe.own.group if arm.trainer != "preferences" else 1)
    else:
        made = arm.data(session.material, recipe.seed)
        examples, available = _examples(session, made[:REHEARSED]), len(made)
    size = sum(map(len, examples)) / len(examples)
    sides = 2 if arm.trainer == "preferences" else 1
    count = PASSES * available
    if recipe.budget is not None:
        count = max(1, round(recipe.budget / (sides * size)))
    updates = updates_of(count, recipe)
    seconds = updates * _update_seconds(session, examples) * _FORWARDS[arm.trainer] * sides
    cost = TrainingCost(updates, round(count * sides * size), 0, seconds)
    return cost if rehearsal is None else _with_texts(session, cost, rehearsal, count)


def _rehearsed(session: TuningSession, problems: Sequence[Problem]) -> tuple[Groups, bool]:
    """Texts to count by, and whether a file holds them: a model writes some only where training would have it write."""
    recipe = session.recipe
    writes = session.arm.trainer == "rewards" or (
        session.arm.trainer == "rounds" and recipe.own.rounds > 1
    )
    if session.material.own and not writes:
        return session.own_groups(), True
    return write_groups(session.reader, problems[:REHEARSED], recipe.own, seed=recipe.seed), False


def _of_facts(session: TuningSession) -> TrainingCost:
    """The cost of rounds in which texts are written with a fact and without."""
    recipe, problems, started = session.recipe, session.problems(), time.time()
    examples, texts = write_sides(
        session.reader, problems[:REHEARSED], recipe.own, seed=recipe.seed
    )
    wrote = time.time() - started
    rows = [side for sides in examples for side in sides]
    size = sum(map(len, rows)) / len(examples)
    count = PASSES * len(problems)
    if recipe.budget is not None:
        count = max(1, round(recipe.budget / size))
    updates = updates_of(count, recipe)
    seconds = updates * _update_seconds(session, rows) * len(rows) / len(examples)
    scale = 2 * recipe.own.rounds * len(problems) / len(texts)
    generated = sum(len(trace) - trace.prompt_length for trace in texts)
    return TrainingCost(
        updates, round(count * size), round(scale * generated), seconds + scale * wrote
    )


def _with_texts(
    session: TuningSession, cost: TrainingCost, rehearsal: Groups, count: int
) -> TrainingCost:
    """The cost with that of the texts that the model writes."""
    own, rate = session.recipe.own, len(rehearsal.texts)
    asked = len(session.material.problems) * own.group
    first = 0 if session.material.own else asked  # a file holds them
    texts = {"rewards": count, "rounds": (own.rounds - 1) * asked + first}.get(
        session.arm.trainer, first
    )
    return TrainingCost(
        cost.updates,
        cost.tokens,
        round(rehearsal.generated * texts / rate),
        cost.seconds + rehearsal.seconds * texts / rate,
        rehearsal.right,
        rehearsal.mixed,
    )


def _examples(session: TuningSession, made: Sequence) -> list[TokenizedLesson]:
    """Some of an arm's examples in tokens.

    Raises:
        NotMeasurable: None of them can be trained on.
    """
    examples, reason = [], "no examples"
    for each in made:
        for lesson in (each,) if isinstance(each, Lesson) else (each.better, each.worse):
            try:
                examples.append(tokenized(session.reader, session.lesson(lesson)))
            except NotMeasurable as why:
                reason = str(why)
    if not examples:
        raise NotMeasurable(reason)
    return examples


def _update_seconds(session: TuningSession, examples: Sequence[TokenizedLesson]) -> float:
    """Seconds of a forward and a backward over as many examples as an update has, the second of two."""
    reader = session.open_base()
    rows = [[*e.prompt, *e.completion] for e in examples][: session.recipe.batch]
    width = max(map(len, rows))
    ids = torch.tensor([row + [0] * (width - len(row)) for row in rows], device=reader.device)
    model, seconds = reader.model.requires_grad_(requires_grad=True), 0.0
    for _ in range(2):
        started = time.perf_counter()
        model(input_ids=ids, labels=ids).loss.backward()
        seconds = time.perf_counter() - started
    model.zero_grad()
    del model, reader
    release()
    return seconds * session.recipe.batch / len(rows)
