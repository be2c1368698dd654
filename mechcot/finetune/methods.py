"""How each kind of arm is trained: data in tokens, cut to the budget, given to the trainer. Needs trl.

Each function gives what the record says of data and budget.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from random import Random
from typing import Any

from mechcot.core.errors import NotMeasurable, UserError
from mechcot.core.notices import print_notice
from mechcot.finetune.augmented import Sides, write_sides
from mechcot.finetune.checkpoints import STATE_FOLDER, step_folder
from mechcot.finetune.forecast import REHEARSED
from mechcot.finetune.lesson import Lesson, Preference, TokenizedLesson, tokenized
from mechcot.finetune.own_texts import (
    Groups,
    check_some_right,
    distinct,
    from_rows,
    own_example,
    ranked_pairs,
    text_limit,
    to_rows,
    write_groups,
)
from mechcot.finetune.recipe import PASSES, ordered, snapshot_steps, trained_tokens, updates_of
from mechcot.finetune.rewards import permuted_rewards, rewarder
from mechcot.finetune.session import TuningSession, keep_texts, say_left_out, tokenized_all
from mechcot.finetune.trainers import (
    TrainingStage,
    train_augmented,
    train_lessons,
    train_preferences,
    train_rewards,
)
from mechcot.model.loading.spec import parse_spec
from mechcot.model.reasoner import Reasoner
from mechcot.model.soft.checkpoints import BY_ROLE, assistant_named, first_map, soft_tokens
from mechcot.model.soft.tokens import softened
from mechcot.runs.items import Items
from mechcot.text.answer_outcomes import ends_right

Used = dict[str, Any]
"""`data` and `budget` of the record."""


def by_lessons(session: TuningSession) -> Used:
    """Next-token training on the arm's lessons."""
    return _on_lessons(session, session.reader, session.open_base)


def by_soft(session: TuningSession) -> Used:
    """The same of a frozen base: all that is trained is the map to the soft tokens before the chain."""
    base, wanted = session.reader, session.soft
    name = wanted.assistant if session.arm.assisted else "none"
    if name not in BY_ROLE:
        name = parse_spec(name).anywhere
    assistant = assistant_named(base, name, Reasoner.open)
    soft = soft_tokens(base, assistant, wanted.places, named=name)

    def open_soft() -> Reasoner:
        reader = session.open_base()
        return softened(reader, soft, first_map(reader, soft))

    return _on_lessons(session, open_soft(), open_soft)


def _on_lessons(
    session: TuningSession, reader: Reasoner, open_base: Callable[[], Reasoner]
) -> Used:
    """Next-token training of a model on the arm's lessons, as `reader` reads them."""
    recipe, arm = session.recipe, session.arm
    assert arm.data is not None
    made = arm.data(session.material, recipe.seed)
    lessons = [session.lesson(lesson) for lesson in made if isinstance(lesson, Lesson)]
    examples, left_out = tokenized_all(reader, lessons)
    data = keep_texts(session.out, _texts(examples), left_out)
    trained = [examples[at] for at in ordered([len(each) for each in examples], recipe)]
    updates = updates_of(len(trained), recipe)
    budget = trained_tokens(trained) | {"updates": updates, "generated_tokens": 0}
    train_lessons(_stage(session, updates, open_base=open_base), trained, arm.trainer)
    return {"data": data, "budget": budget}


def by_preferences(session: TuningSession) -> Used:
    """DPO on the arm's pairs, or on pairs of the model's own texts."""
    recipe = session.recipe
    pairs, left_out, generated = _own_pairs(session) if session.arm.rank else _made_pairs(session)
    rows = [{"prompt": b.prompt_text, "text": b.text, "rejected": w.text} for b, w in pairs]
    data = keep_texts(session.out, rows, left_out)
    trained = [pairs[at] for at in ordered([len(b) + len(w) for b, w in pairs], recipe)]
    updates = updates_of(len(trained), recipe)
    used = trained_tokens([side for pair in trained for side in pair])
    budget = used | {"updates": updates, "generated_tokens": generated}
    train_preferences(_stage(session, updates), trained)
    return {"data": data, "budget": budget}


def by_rounds(session: TuningSession) -> Used:
    """Rounds of writing with the model of now, and next-token training on what ends right."""

    def train(stage: TrainingStage, examples: Sequence[Sides]) -> None:
        train_lessons(stage, [lesson for (lesson,) in examples])

    return _in_rounds(session, _round, train)


def by_augmented(session: TuningSession) -> Used:
    """Rounds of writing with the model of now, with a needed fact and without, and RLAG on what it wrote."""
    return _in_rounds(session, _augmented_round, train_augmented)


def _in_rounds(
    session: TuningSession,
    write: Callable[[TuningSession, int, Any], dict[str, Any]],
    train: Callable[[TrainingStage, Sequence[Sides]], Any],
) -> Used:
    """Rounds of writing with the model of now and of training on what it wrote.

    Args:
        session: The training.
        write: Gives a round's examples as JSON, from the session, the number of the round and the checkpoint before it.
        train: Trains a stage on examples.
    """
    recipe, own = session.recipe, session.recipe.own
    part = None if recipe.budget is None else max(1, recipe.budget // own.rounds)
    total: dict[str, int] = {"generated_tokens": 0}
    first, start, rows, shares, pairs = 0, None, [], [], []
    for number in range(own.rounds):
        item = Items(session.out / STATE_FOLDER).get(
            f"round-{number}", lambda number=number, start=start: write(session, number, start)
        )
        examples = _grouped(item)
        own_recipe = replace(recipe, budget=part, seed=recipe.seed + number)
        sizes = [sum(map(len, sides)) for sides in examples]
        trained = [examples[at] for at in ordered(sizes, own_recipe)]
        updates = updates_of(len(trained), recipe)
        steps = snapshot_steps(updates, max(1, recipe.snapshots // own.rounds))
        if not step_folder(session.out, first + updates).is_dir():
            train(_stage(session, updates, first=first, start=start, steps=steps), trained)
        first, start = first + updates, step_folder(session.out, first + updates)
        used = trained_tokens([side for sides in trained for side in sides])
        used |= {"examples": len(trained), "generated_tokens": item["generated"]}
        total |= {name: total.get(name, 0) + count for name, count in used.items()}
        rows += [{"round": number, **row} for sides in examples for row in _texts(sides)]
        shares.append(item["right"])
        pairs.append(sum(len(sides) > 1 for sides in examples))
    data = keep_texts(session.out, rows, []) | {"right_by_round": shares}
    if session.arm.trainer == "augmented":
        data["pairs_by_round"] = pairs
    return {"data": data, "budget": total | {"updates": first}}


def _round(session: TuningSession, number: int, start: Any) -> dict[str, Any]:
    """The right texts of one round."""
    if start is None:
        reader, groups = session.reader, session.own_groups()
    else:
        reader, seed = session.open_at(start), session.recipe.seed + number
        groups = write_groups(reader, session.problems(), session.recipe.own, seed=seed)
    given = start is None and bool(session.material.own)
    check_some_right(groups, session.arm.name, given=given)
    right = distinct([trace for trace in groups.texts if ends_right(trace)])
    examples = [own_example(reader, trace) for trace in right]
    return {"rows": to_rows(examples), "generated": groups.generated, "right": groups.right}


def _augmented_round(session: TuningSession, number: int, start: Any) -> dict[str, Any]:
    """The facts and texts of one round."""
    reader = session.reader if start is None else session.open_at(start)
    examples, texts = write_sides(
        reader, session.problems(), session.recipe.own, seed=session.recipe.seed + number
    )
    return {
        "rows": to_rows([side for sides in examples for side in sides]),
        "sides": [len(sides) for sides in examples],
        "generated": sum(len(trace) - trace.prompt_length for trace in texts),
        "right": sum(map(ends_right, texts)) / len(texts),
    }


def _grouped(item: Mapping[str, Any]) -> list[Sides]:
    """A round's examples: `sides` says how many rows each has, one where it stays silent."""
    rows = iter(from_rows(item["rows"]))
    return [tuple(islice(rows, count)) for count in item.get("sides", [1] * len(item["rows"]))]


def by_rewards(session: TuningSession) -> Used:
    """GRPO: a reward for each of the model's own texts that ends right."""
    recipe, own, reader = session.recipe, session.recipe.own, session.reader
    if recipe.batch % own.group:
        raise UserError(
            f"--batch {recipe.batch}: expected whole groups of {own.group} texts (--group), such as {4 * own.group}"
        )
    problems = session.problems()
    rehearsal = write_groups(reader, problems[:REHEARSED], own, seed=recipe.seed)
    check_some_right(rehearsal, session.arm.name, given=False)
    count = len(rehearsal.texts)
    if recipe.budget is None:
        texts = PASSES * len(problems) * own.group
    else:
        texts = max(1, recipe.budget // max(1, sum(map(len, rehearsal.texts)) // count))
    updates = updates_of(texts, recipe)
    _say_cost(rehearsal, updates * recipe.batch, updates)
    known = {problem.id: problem for problem in problems}
    rng, order = Random(f"order {recipe.seed}"), []
    while len(order) < updates * recipe.batch // own.group:
        order += rng.sample(problems, len(problems))
    prompts = [(problem.id, reader.render(problem)) for problem in order]
    data = keep_texts(session.out, [{"id": n, "prompt": p} for n, p in dict(prompts).items()], [])
    most = text_limit(reader, problems, own)
    reward = rewarder(reader, known, most, own.length_price)
    reward = permuted_rewards(reward, recipe.seed) if own.shuffled else reward
    trainer = train_rewards(_stage(session, updates), prompts, reward, max_tokens=most)
    rows = [row for row in trainer.state.log_history if "reward" in row]
    written = sum(row["completions/mean_length"] for row in rows) * recipe.batch
    mixed = 1 - sum(row["frac_reward_zero_std"] for row in rows) / len(rows)
    used = {"examples": updates * recipe.batch, "updates": updates}
    used |= {"tokens": int(trainer.state.num_input_tokens_seen)}
    used |= {"loss_tokens": round(written), "generated_tokens": round(written)}
    shares = {"right_at_start": rehearsal.right, "mixed_at_start": rehearsal.mixed}
    return {"data": data | shares | {"mixed_groups": mixed}, "budget": used}


def _say_cost(rehearsal: Groups, texts: int, updates: int) -> None:
    tokens = rehearsal.generated * texts // len(rehearsal.texts)
    minutes = rehearsal.seconds * texts / len(rehearsal.texts) / 60
    print_notice(
        f"{updates} updates on {texts} texts: about {tokens} tokens to write, {minutes:.0f} min of writing; at the start "
        f"{rehearsal.right:.0%} of texts end right, {rehearsal.mixed:.0%} of groups have right and wrong ones",
    )


def _made_pairs(session: TuningSession) -> tuple[list[Any], list[str], int]:
    """The arm's pairs in tokens, why others are left out, and the tokens that were generated: none."""
    assert session.arm.data is not None
    made = session.arm.data(session.material, session.recipe.seed)
    pairs, reasons = [], []
    for pair in (each for each in made if isinstance(each, Preference)):
        try:
            sides = (session.lesson(side) for side in (pair.better, pair.worse))
            pairs.append(tuple(tokenized(session.reader, side) for side in sides))
        except NotMeasurable as reason:
            reasons.append(f"{pair.better.problem.id}: {reason}")
    say_left_out(reasons, len(made))
    return pairs, reasons, 0


def _own_pairs(session: TuningSession) -> tuple[list[Any], list[str], int]:
    """Pairs of the model's own texts, why problems give none, and the tokens that were generated."""
    item = Items(session.out / STATE_FOLDER).get("pairs", lambda: _ranked(session))
    pairs = list(zip(from_rows(item["better"]), from_rows(item["worse"]), strict=True))
    return pairs, item["left_out"], item["generated"]


def _ranked(session: TuningSession) -> dict[str, Any]:
    """Texts of the base for each problem, the best and the worst of them.

    Raises:
        UserError: No text ends right, or no group has texts of different rank.
    """
    reader, rank = session.reader, session.arm.rank
    assert rank is not None
    groups = session.own_groups()
    check_some_right(groups, session.arm.name, given=bool(session.material.own))
    pairs = ranked_pairs(reader, groups, rank)
    if not pairs:
        raise UserError(
            f"--arm {session.arm.name} needs questions with texts of different rank, and none of {len(groups.by_problem)} has them; "
            + (
                "give several texts of each with --own-texts"
                if session.material.own
                else "take harder problems or a higher --temperature"
            )
        )
    sides = {"better": [b for b, _ in pairs], "worse": [w for _, w in pairs]}
    without = len(groups.by_problem) - len(pairs)
    return {
        **{name: to_rows([own_example(reader, t) for t in side]) for name, side in sides.items()},
        "left_out": ["a question whose texts do not differ in rank"] * without,
        "generated": groups.generated,
    }


def _texts(examples: Sequence[TokenizedLesson]) -> list[dict[str, Any]]:
    return [{"prompt": each.prompt_text, "text": each.text} for each in examples]


def _stage(session: TuningSession, updates: int, **kwargs: Any) -> TrainingStage:
    """A stage of so many updates, with the session's checkpoints spread over it."""
    steps = snapshot_steps(updates, session.recipe.snapshots)
    given = {"steps": steps, "progress": session.progress, "open_base": session.open_base} | kwargs
    return TrainingStage(recipe=session.recipe, out=session.out, **given)


TRAINING_METHODS: Mapping[str, Callable[[TuningSession], Used]] = {
    "lessons": by_lessons,
    "soft": by_soft,
    "preferences": by_preferences,
    "rounds": by_rounds,
    "augmented": by_augmented,
    "rewards": by_rewards,
}
"""A trainer's name in an arm -> what trains it."""
