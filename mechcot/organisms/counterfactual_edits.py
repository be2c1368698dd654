"""Exact counterfactual edits of a chain, and whole counterfactual items of the same layout.

Edit: one stated value of the chain becomes another digit. Predictions come from the semantics alone:
`dependents`, the words of later steps that read it directly and must follow if the later text is
teacher-forced; `answer_kept`, the answer when all later text is kept (None when it must not move);
`answer_regenerated`, the answer when all text after the edited *step* is written anew.

Item: one digit of a definition in the question becomes another. The chain is evaluated anew word for word;
a word that was off from the semantics by d (a slip, a mistake) stays off by d and verdicts stay, so the layout and the
token count are the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Literal

from mechcot.core.problem import Problem
from mechcot.core.task import QuestionChange
from mechcot.organisms.grammar import DIGITS, VERDICTS, form
from mechcot.organisms.ground_truth import follow, is_stating
from mechcot.organisms.problems import QuestionGraph, read_question
from mechcot.organisms.semantics import walk as walk_semantics


@dataclass(frozen=True)
class ValueEdit:
    """One word of a chain changed, with what must follow.

    Attributes:
        step: Step of the edited word.
        word: Its index in the step.
        old: The word that stood there.
        new: The word put there.
        dependents: (step, word, predicted word) of direct readers, later text kept.
        answer_kept: Predicted answer with the tail kept; None when it does not move.
        answer_regenerated: Predicted answer with the tail written anew; None when the chain does not determine it.
        moves: Whether `answer_regenerated` differs from the answer without the edit, the tail written anew too.
        name: The name whose value is edited; None for a constant of a definition.
    """

    step: int
    word: int
    old: str
    new: str
    dependents: tuple[tuple[int, int, str], ...]
    answer_kept: str | None
    answer_regenerated: str | None
    moves: bool
    name: str | None

    def apply(self, chain_steps: Sequence[str]) -> tuple[str, ...]:
        """The chain with this word changed and everything else kept."""
        return _replaced(chain_steps, self.step, self.word, self.new)


def _replaced(chain_steps: Sequence[str], step: int, word: int, new: str) -> tuple[str, ...]:
    """Replace one word of a chain.

    Args:
        chain_steps: The steps as text.
        step: Which step.
        word: Which of its words, split at spaces.
        new: What stands there instead.
    """
    words = chain_steps[step].split()
    words[word] = new
    return tuple(
        " ".join(words) if index == step else text for index, text in enumerate(chain_steps)
    )


def edit_at(question: str, chain_steps: Sequence[str], step: int, word: int, new: str) -> ValueEdit:
    """Predict what follows from changing one stating word.

    Args:
        question: A question of the task.
        chain_steps: A chain for it; it need not be right.
        step: Index of the step.
        word: Index of the word inside the step; a digit that states a value, or a constant of a definition.
        new: The digit put there.

    Raises:
        ValueError: The place states nothing, or the question is not of the task.
    """
    world = read_question(question)
    plain = follow(world, chain_steps)
    read = next(
        (
            read
            for read in plain.steps[step].reads
            if read.word == word and is_stating(plain, step, read)
        ),
        None,
    )
    if read is None:
        raise ValueError(
            f"word {word} of step {step} ({chain_steps[step]!r}) states no value that could be edited"
        )
    kept = follow(world, chain_steps, edit=(step, word, new))
    anew = follow(world, chain_steps, edit=(step, word, new), anew_after=step)
    usual = follow(world, chain_steps, anew_after=step)
    dependents = tuple(
        (later, after.word, after.expected)
        for later in range(step + 1, len(chain_steps))
        for before, after in zip(plain.steps[later].reads, kept.steps[later].reads, strict=True)
        if after.expected is not None and before.expected != after.expected
    )
    return ValueEdit(
        step=step,
        word=word,
        old=plain.steps[step].words[word],
        new=new,
        dependents=dependents,
        answer_kept=None if kept.answer == plain.answer else kept.answer,
        answer_regenerated=anew.answer,
        moves=anew.answer != usual.answer,
        name=read.states,
    )


def counterfactuals(
    question: str,
    chain_steps: Sequence[str],
    *,
    rng: Random | None = None,
    constants: bool = False,
) -> list[ValueEdit]:
    """One edit for every stated value, in order.

    Args:
        question: A question of this task.
        chain_steps: The chain's steps.
        rng: Chooses the new digits; the digit plus one when None.
        constants: Also edit the constants of definitions in the walk-back.
    """
    plain = follow(read_question(question), chain_steps)
    single_edits = []
    for step, settled in enumerate(plain.steps):
        for read in settled.reads:
            if is_stating(plain, step, read) and (constants or read.states is not None):
                old = settled.words[read.word]
                others = [digit for digit in DIGITS if digit != old]
                new = str((int(old) + 1) % 10) if rng is None else rng.choice(others)
                single_edits.append(edit_at(question, chain_steps, step, read.word, new))
    return single_edits


def counterfactual_item(
    question: str, chain_steps: Sequence[str], *, rng: Random
) -> tuple[str, tuple[str, ...], str, tuple[tuple[int, int], ...]]:
    """Change one digit of the question so that the answer changes, and evaluate the chain anew.

    Args:
        question: A question of this task.
        chain_steps: A chain for it.
        rng: Chooses the digit; a leaf's, or a constant of an operation where no leaf will do.

    Returns:
        The new question, the new steps, the new answer, and (step, word) of the chain's changed words.

    Raises:
        ValueError: No single digit moves the answer of this chain.
    """
    world = read_question(question)
    usual = follow(world, chain_steps)
    places = [
        (index, len(words) - 1)
        for index, (_, words) in enumerate(world.definitions)
        if words[-1] in DIGITS
    ]
    choices = [(place, digit) for place in places for digit in DIGITS]
    rng.shuffle(choices)
    choices.sort(key=lambda choice: choice[0][1])
    for place, digit in choices:
        twin = _with_digit(world, place, digit)
        if twin.answer == world.answer:
            continue
        steps, answer = reevaluate(world, twin, chain_steps)
        if answer is None or answer == usual.answer:
            continue
        changed = tuple(
            (step, word)
            for step, (old, new) in enumerate(zip(chain_steps, steps, strict=True))
            for word, (left, right) in enumerate(zip(old.split(), new.split(), strict=True))
            if left != right
        )
        return twin.text, steps, answer, changed
    raise ValueError("no single digit of the question moves this chain's answer")


def _with_digit(world: QuestionGraph, place: tuple[int, int], digit: str) -> QuestionGraph:
    index, word = place
    definitions = list(world.definitions)
    name, words = definitions[index]
    definitions[index] = (name, (*words[:word], digit, *words[word + 1 :]))
    return replace(world, definitions=tuple(definitions))


def reevaluate(
    world: QuestionGraph, twin: QuestionGraph, chain_steps: Sequence[str]
) -> tuple[tuple[str, ...], str | None]:
    """Write a world's chain for another world of the same layout; offsets from the semantics are kept.

    Args:
        world: The question that the chain was written for.
        twin: Another with the same names in the same order.
        chain_steps: The chain.

    Returns:
        The new steps, and their answer by the semantics; None when a queried name is never stated.
    """
    plain = follow(world, chain_steps)
    expected = {
        (step, read.word): read.expected
        for step, settled in enumerate(plain.steps)
        for read in settled.reads
    }

    settled, ledger = walk_semantics(
        twin,
        [form(step) for step in chain_steps],
        lambda step, word, expects: _shifted(
            plain.steps[step].words[word], expected[step, word], expects
        ),
    )
    return tuple(" ".join(step.words) for step in settled), ledger.answer()


def _shifted(old: str, usual: str | None, expects: str | None) -> str:
    """The new word that the semantics expect, as far off as the old one was; verdicts stay."""
    if old in VERDICTS or expects is None or usual is None:
        return old
    return str((int(expects) + int(old) - int(usual)) % 10)


def changed_questions(problem: Problem, *, seed: int) -> tuple[QuestionChange, ...]:
    """The question with a hint at a wrong answer, with another fact under the old hint, and without a hint.

    Args:
        problem: A problem of the task.
        seed: Chooses the wrong answer and the fact.
    """
    world, rng = read_question(problem.question), Random(seed)
    wrong = rng.choice([digit for digit in DIGITS if digit not in {world.answer, world.hint}])
    places = [
        (index, len(words) - 1, digit)
        for index, (_, words) in enumerate(world.definitions)
        for digit in DIGITS
        if words[-1] in DIGITS and (len(words) == 1 or digit != "0")
    ]
    rng.shuffle(places)
    twins = (_with_digit(world, (index, word), digit) for index, word, digit in places)
    other = next(twin for twin in twins if twin.answer not in {world.answer, world.hint})
    changes: tuple[tuple[Literal["hint", "fact", "nothing"], QuestionGraph], ...] = (
        ("hint", replace(world, hint=wrong)),
        ("fact", other),
        ("nothing", replace(world, hint=None)),
    )
    return tuple(QuestionChange(what, w.text, w.answer, w.hint) for what, w in changes)
