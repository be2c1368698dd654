"""What is known of a problem's task, in one value: `task_of(problem)`.

Everything above the organisms asks the task and never the toy language. What a task cannot give is None, and whoever
needs it says so before the run (`missing`). A problem names its task in `meta["task"]`; any other problem gets the
task `text`: arithmetic in the question and the chain is parsed, words are compared, nothing else is known.

    mod10           the shipped models' task: everything is exact
    lookup, ...     the tasks of the further families (`mechcot.organisms.registry.ORGANISM_FAMILIES`): exact too
    text            any file of problems

What the user's files say of a problem's chains (`mechcot.text.user_truth_files`) goes before what its task knows.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial, reduce
from operator import or_
from pathlib import Path
from random import Random

from mechcot.core.argument_kinds import checked
from mechcot.core.counterfactual import CounterfactualMaker
from mechcot.core.errors import UserError
from mechcot.core.problem import Problem
from mechcot.core.step_check import StepCheck
from mechcot.core.task import (
    ChangeQuestions,
    ContrastPair,
    DrawProblems,
    DrawUnhinted,
    MistakeWriter,
    Paraphraser,
    SameMeaning,
    ShortestChain,
    StepGraph,
    TaskShift,
)
from mechcot.core.trace import Span, Trace
from mechcot.model.interface import TextReader
from mechcot.organisms import ground_truth as mod10
from mechcot.organisms.chain_writer import leading_words, right_chain, shortest_length
from mechcot.organisms.counterfactual_edits import changed_questions
from mechcot.organisms.grammar import END, MARKERS
from mechcot.organisms.known_task import (
    OrganismMaker,
    OrganismMeaning,
    OrganismParaphraser,
    kinds_while_written,
)
from mechcot.organisms.language import own_words
from mechcot.organisms.mod10 import MOD10_FAMILY
from mechcot.organisms.mod10_shifts import MOD10_SHIFTS
from mechcot.organisms.problems import TASK, hinted, problems as draw_mod10, without_fact
from mechcot.organisms.registry import ORGANISM_FAMILIES
from mechcot.organisms.statement_counterfactuals import StatementMaker
from mechcot.organisms.statement_shifts import statement_shifts
from mechcot.organisms.statement_truth import StatementTruth
from mechcot.organisms.statements import StatementFamily
from mechcot.organisms.style_contrasts import styled, unhinted
from mechcot.text.answer_outcomes import right_names
from mechcot.text.arithmetic.counterfactual import ArithmeticMaker
from mechcot.text.arithmetic.mistakes import NumberMistake
from mechcot.text.arithmetic.similarity import TokenOverlap
from mechcot.text.arithmetic.validity import checked_steps
from mechcot.text.entity_exchange import ExchangeMaker
from mechcot.text.given_truth import (
    GivenMistakes,
    GivenParaphrases,
    GivenTwins,
    Truth,
    given_changes,
    truth_of,
    with_given_kinds,
)
from mechcot.text.json_lines import text_field
from mechcot.text.problems import check_count, load_problems
from mechcot.text.records import records
from mechcot.text.stated_answer import states_answer
from mechcot.text.step_kinds import Classifier
from mechcot.text.twins import FirstOf
from mechcot.text.user_truth_files import NO_TRUTH, TruthFiles

REASONING_WORDS = (
    *("wait", "alternatively", "maybe", "perhaps", "however", "hmm", "but", "check", "verify"),
)
"""Words that English chains reason with."""


def _instructed(problem: Problem, style: str) -> Problem:
    """The same question (same id) with an instruction behind it, on a line of its own."""
    return replace(problem, question=f"{problem.question}\n{style}")


def _hinted(problem: Problem, answer: str | None) -> Problem:
    """The same question (same id) with a hint at an answer, on a line of its own."""
    hint = "" if answer is None else f"\nHint: the answer is {answer}."
    return replace(problem, question=f"{problem.question}{hint}")


def _check_arithmetic(trace: Trace) -> tuple[StepCheck, ...]:
    return checked_steps(trace.problem.question, [step.text for step in trace.chain_steps])


@dataclass(frozen=True)
class Task:
    """All that is known of one task.

    Attributes:
        name: As problems name it.
        counterfactuals: Makes the counterfactual of a trace: one fact changed, the chain evaluated anew.
        meaning: Says whether two steps mean the same.
        paraphrases: Says a chain in other words; None where only a language model could.
        changes: Changes the hint or a fact of a question; None where nobody can.
        leads_to: Where a chain's values lead, exactly; None where only its last stated value can be taken.
        mistakes: Makes a step wrong where `counterfactuals` has no exact mistake; None where it always has one.
        draw: Draws problems; None where they come from a file.
        draw_varied: Draws problems in all wordings of the task, the hint right, wrong or absent; None as with `draw`.
        unhinted: Draws problems whose question does not give the answer away, in a style, of a split, of a depth; None as with `draw`.
        shifts: Problems at a distance from those that the models were trained on, by the name of what differs.
        kinds: The trace with the exact kinds of its steps; None where kinds are guessed from the wording.
        kinds_while_written: What names the steps of a problem's chains while they are written, exactly; None as with `kinds`.
        step_graph: Which steps read which, and the answer; None where nobody knows.
        first_right_step: Index of the first step that states the right answer, None when none does; None where nobody knows.
        check_steps: Whether each step of a chain is right by itself; by its arithmetic where nobody knows more.
        is_correct_thought: Whether a stretch of a chain (token span) is right so far; None where nobody knows.
        write_chain: Writes a right chain of a problem, from a seed; None where nobody can.
        without_fact: The question (same id) with a fact left out that its answer needs, and that fact in words; None where nobody can say.
        hinted: A question (same id) with a hint at an answer; with None a hint that the task knows is taken away.
        styled: A question (same id) asked in a style: a style word, or an instruction behind the question.
        contrast: Two styles that a vector can be read from, what it leads to first; None where the task has none of its own.
        shortest_chain: How short a right chain can be; None where nobody knows.
        reasoning_words: Words or phrases that its chains reason with.
        values: How many values a statement can have; None where nobody can say.

    Example:
        >>> import mechcot as mc
        >>> mc.task_of(mc.problems("mod10", n=1)[0]).contrast
        ('brief', 'careful')
    """

    name: str
    counterfactuals: CounterfactualMaker
    meaning: SameMeaning
    paraphrases: Paraphraser | None = None
    changes: ChangeQuestions | None = None
    leads_to: Callable[[Trace], str | None] | None = None
    mistakes: MistakeWriter | None = None
    draw: DrawProblems | None = None
    draw_varied: DrawProblems | None = None
    unhinted: DrawUnhinted | None = None
    shifts: Mapping[str, TaskShift] = field(default_factory=dict)
    kinds: Callable[[Trace], Trace] | None = None
    kinds_while_written: Callable[[Problem], Classifier] | None = None
    step_graph: Callable[[Trace], StepGraph] | None = None
    first_right_step: Callable[[Trace], int | None] | None = None
    check_steps: Callable[[Trace], tuple[StepCheck, ...]] = _check_arithmetic
    is_correct_thought: Callable[[Trace, Span], bool] | None = None
    write_chain: Callable[[Problem, int], str] | None = None
    without_fact: Callable[[Problem, Random], tuple[Problem, str]] | None = None
    hinted: Callable[[Problem, str | None], Problem] = _hinted
    styled: Callable[[Problem, str], Problem] = _instructed
    contrast: tuple[str, str] | None = None
    shortest_chain: ShortestChain | None = None
    reasoning_words: tuple[str, ...] = REASONING_WORDS
    values: int | None = None


TEXT = Task(
    name="text",
    counterfactuals=FirstOf((ArithmeticMaker(), ExchangeMaker())),
    meaning=TokenOverlap(),
    mistakes=NumberMistake(),
)
MOD10 = Task(
    name=TASK,
    counterfactuals=OrganismMaker(),
    values=10,
    meaning=OrganismMeaning(),
    paraphrases=OrganismParaphraser(),
    changes=changed_questions,
    leads_to=mod10.leads_to,
    draw=draw_mod10,
    draw_varied=partial(draw_mod10, style="random", hint="random"),
    unhinted=unhinted,
    shifts=MOD10_SHIFTS,
    kinds=mod10.with_exact_kinds,
    kinds_while_written=kinds_while_written,
    step_graph=mod10.step_graph,
    first_right_step=mod10.first_right_step,
    check_steps=mod10.check_steps,
    is_correct_thought=mod10.is_correct_thought,
    write_chain=right_chain,
    without_fact=without_fact,
    hinted=hinted,
    styled=styled,
    contrast=("brief", "careful"),
    shortest_chain=ShortestChain(
        marked=partial(shortest_length, marked=True),
        unmarked=partial(shortest_length, marked=False),
        markers=leading_words(),
        end=END,
    ),
    reasoning_words=tuple(" ".join(words) for words, _ in MARKERS),
)


def statement_task(family: StatementFamily) -> Task:
    """The task of a family whose chains are plain statements."""
    truth = StatementTruth(family)
    return Task(
        name=family.name,
        counterfactuals=StatementMaker(family),
        meaning=truth.same_meaning,
        paraphrases=truth.paraphrase,
        changes=truth.changed_questions,
        leads_to=truth.leads_to,
        mistakes=truth.mistake,
        draw=family.problems,
        draw_varied=partial(family.problems, hint="random"),
        unhinted=truth.unhinted,
        step_graph=truth.step_graph,
        first_right_step=truth.first_right_step,
        check_steps=truth.check_steps,
        is_correct_thought=truth.is_correct_thought,
        write_chain=truth.right_chain,
        hinted=truth.hinted,
        shifts=statement_shifts(family),
        kinds=truth.kinds if family.kind_of else None,
        kinds_while_written=truth.kinds_while_written if family.kind_of else None,
    )


TASKS = {MOD10.name: MOD10} | {
    name: statement_task(family)
    for name, family in ORGANISM_FAMILIES.items()
    if isinstance(family, StatementFamily)
}
"""Tasks that problems can name."""
SHIPPED_TASK = MOD10.name
"""The task of the shipped models: what is asked where no problems are named."""


def check_shipped_task(reader: TextReader, *, option: str, wanted: str) -> None:
    """Make sure that a model can read the shipped models' task, before that is asked because nothing else was named.

    Args:
        reader: The model.
        option: Where something else is named, such as `--problems`.
        wanted: What stands there, in words.

    Raises:
        UserError: Words of that task are not in its vocabulary.
    """
    words, known = own_words(MOD10_FAMILY.language).words, reader.tokenizer.get_vocab()
    lacking = [word for word in words if word not in known]
    if lacking:
        example = max(filter(str.isalpha, lacking), key=len, default=lacking[0])
        raise UserError(
            f"without {option} the shipped models' task ({SHIPPED_TASK}) is asked, and {reader.name} is no model of it: its vocabulary lacks "
            f"{len(lacking)} of {len(words)} words, such as {example!r}; give {option} {wanted}"
        )


def check_default_problems(readers: Iterable[TextReader]) -> None:
    """`check_shipped_task` for a run in which no problems are named.

    Raises:
        UserError: A model cannot read the task.
    """
    others = ", ".join(name for name in TASKS if name != SHIPPED_TASK)
    for reader in readers:
        wanted = f"FILE with problems that it can read, or the name of its task ({others})"
        check_shipped_task(reader, option="--problems", wanted=wanted)


@checked
def task_of(problem: Problem) -> Task:
    """The task of a problem; `text` when it names none that is known.

    Example:
        >>> import mechcot as mc
        >>> mc.task_of(mc.Problem("a", "Is ice cold?", "yes")).name
        'text'
    """
    return _given(_named(problem), truth_of(problem))


def task_of_all(problems: Iterable[Problem]) -> Task:
    """The task that all problems share, with what files say of any of them; `text` when they differ."""
    problems = list(problems)
    tasks = {task.name: task for task in map(_named, problems)}
    truths = [truth for truth in map(truth_of, problems) if truth is not None]
    task = next(iter(tasks.values())) if len(tasks) == 1 else TEXT
    return _given(task, reduce(or_, truths) if truths else None)


_LONGEST_QUESTION = 4000
"""Characters; no family's question comes near."""


def _named(problem: Problem) -> Task:
    """The task that a problem names, where its question is one of it."""
    name = str(problem.meta.get("task"))
    return TASKS[name] if name in TASKS and _is_of(name, problem.question) else TEXT


@lru_cache(maxsize=4096)
def _is_of(task: str, question: str) -> bool:
    if len(question) > _LONGEST_QUESTION:
        return False
    try:
        ORGANISM_FAMILIES[task].read(question)
    except ValueError:
        return False
    return True


def _given(task: Task, truth: Truth | None) -> Task:
    """The task with what the user's files say of its problems."""
    if truth is None:
        return task
    given = {
        "counterfactuals": GivenTwins() if truth.patches else None,
        "paraphrases": GivenParaphrases(truth.paraphrases) if truth.paraphrases else None,
        "changes": given_changes if truth.twins else None,
        "mistakes": GivenMistakes(truth.mistakes) if truth.mistakes else None,
        "kinds": with_given_kinds if truth.kinds else None,
    }
    return replace(task, **{name: value for name, value in given.items() if value is not None})


def with_kinds(trace: Trace) -> Trace:
    """The trace with its steps' exact kinds where its task knows them; else unchanged."""
    kinds = task_of(trace.problem).kinds
    return trace if kinds is None else kinds(trace)


def kinds_of(problem: Problem) -> Classifier | None:
    """What names the steps of a problem's chains while they are written; None where no exact one is known."""
    namer = task_of(problem).kinds_while_written
    return None if namer is None else namer(problem)


def first_right_step(trace: Trace) -> int | None:
    """The first step that states the right answer; None when none does.

    Exact where the task knows it. Elsewhere the last number or box of a step counts, or an answer in words with which a step ends,
    so an intermediate result that equals the answer by accident is taken for it.
    """
    exact_step = task_of(trace.problem).first_right_step
    if exact_step is not None:
        return exact_step(trace)
    names = right_names(trace.problem)
    return next(
        (s.index for s in trace.chain_steps if any(states_answer(s.text, name) for name in names)),
        None,
    )


def is_correct_thought(trace: Trace, span: Span) -> bool:
    """Whether a stretch of a chain is right: exact where the task knows it, elsewhere one of its whole steps states the right answer."""
    exact = task_of(trace.problem).is_correct_thought
    if exact is not None:
        return exact(trace, span)
    steps = (s for s in trace.chain_steps if span.start <= s.tokens.start < s.tokens.stop)
    whole, names = [s for s in steps if s.tokens.stop <= span.stop], right_names(trace.problem)
    return any(states_answer(s.text, name) for s in whole for name in names)


@checked
def problems(
    source: str | Path,
    n: int | None = None,
    *,
    seed: int = 0,
    fields: Mapping[str, str] | None = None,
    truth: TruthFiles = NO_TRUTH,
) -> list[Problem]:
    """Problems of a task, of a file, or of a data set.

    Args:
        source: `mod10` (the shipped models' task), a file of JSON lines `{"id", "question", "answer"}`, `gsm8k`, or a name of the
            `datasets` library.
        n: How many; a task draws them, a file's are drawn without replacement in the file's order. None: 100 of a task, all of a file.
        seed: Of the draw.
        fields: Where a file has `id`, `question`, `answer` under other names.
        truth: Files of your own truth: twins, rewordings, mistakes, kinds of the steps of chains.

    Raises:
        UserError: No such task, file or data set, a bad line, or n < 1.

    Example:
        >>> import mechcot as mc
        >>> mc.problems("mod10", n=2)[0].answer
        '8'
    """
    task = TASKS.get(str(source))
    if task is None or task.draw is None:
        return load_problems(source, n=n, seed=seed, fields=fields, truth=truth)
    if fields:
        raise UserError(f"{source} is a task: it has no columns to name with fields")
    check_count(n)
    return truth.bind(task.draw(100 if n is None else n, seed=seed))


def at_least(source: str, n: int | None, fields: Mapping[str, str] | None = None) -> list[Problem]:
    """All problems of a file or a data set, of a task as many as are needed.

    Args:
        source: As for `problems`.
        n: How many are needed; None: what a task gives by itself.
        fields: As for `problems`.

    Raises:
        UserError: As for `problems`.
    """
    return problems(source, n if source in TASKS else None, fields=fields)


def shifted_draw(task: str, shift: str) -> TaskShift:
    """What draws a task's problems at a distance from those that its models were trained on.

    Args:
        task: Name of the task.
        shift: Name of what differs, such as `length`.

    Raises:
        UserError: The task has no such shift.
    """
    shifts = TASKS[task].shifts
    if shift not in shifts:
        known = ", ".join(sorted(shifts)) or "none"
        raise UserError(f"--shift {shift}: the shifts of {task} are: {known}")
    return shifts[shift]


def shifted_draws(
    task: str, shifts: Sequence[str], levels: Sequence[float]
) -> dict[tuple[str, float], Callable[..., list[Problem]]]:
    """What draws a task's problems, by shift and level: of each shift all levels that are asked for, or all that it has.

    Args:
        task: Name of the task.
        shifts: Names such as `length`; `format:.2` names its level too.
        levels: Distances.

    Raises:
        UserError: The task has no such shift, or the shift no such level.
    """
    if levels and not shifts:
        raise UserError("--level says how far a --shift goes; name the shift")
    draws = {}
    for text in shifts:
        name, colon, own = text.partition(":")
        shift = shifted_draw(task, name)
        for level in [_level(text, own)] if colon else levels or shift.levels:
            if not shift.can(level):
                raise UserError(
                    f"--shift {text}: level {level:g} is none of {task}'s; expected {shift.expected}"
                )
            draws[name, float(level)] = partial(shift.draw, level=float(level))
    return draws


def _level(text: str, level: str) -> float:
    try:
        return float(level)
    except ValueError:
        raise UserError(
            f"--shift {text}: expected a number behind the colon, such as format:0.2"
        ) from None


@checked
def contrast_pairs(
    source: str | Path,
    n: int | None = None,
    *,
    seed: int = 1,
    depth: tuple[int, int] | None = (2, 4),
) -> list[ContrastPair]:
    """Pairs of one question in two wordings, for a vector.

    Args:
        source: `mod10`: its questions asked briefly (positive) against carefully; or a file of records with `id`, `positive` and `negative`,
            two wordings of one question: JSON lines, an array, csv, tsv or parquet.
        n: How many; None: 50 of a task, all of a file. Of a file the first ones are taken.
        seed: Of a task's draw.
        depth: Of a task's questions: fewest and most operations.

    Raises:
        UserError: No such task or file, a bad line, no pairs.

    Example:
        >>> import mechcot as mc
        >>> mc.contrast_pairs("mod10", n=1)[0].positive.question.split()[0]
        'brief'
    """
    task = TASKS.get(str(source))
    if n is not None and n < 1:
        raise UserError(f"expected at least 1 pair, got n = {n}")
    if task is None:
        return read_pairs(Path(source))[:n]
    if task.unhinted is None or task.contrast is None:
        raise UserError(f"the task {task.name} has no pairs of its own; give a file of pairs")
    drawn = task.unhinted(50 if n is None else n, seed=seed, split="train", depth=depth)
    return [
        ContrastPair(*(task.styled(problem, style) for style in task.contrast)) for problem in drawn
    ]


def read_pairs(path: Path) -> list[ContrastPair]:
    """Read pairs: records with `id`, `positive` and `negative` (two wordings of one question), as JSON lines, an array, csv, tsv or parquet.

    Raises:
        UserError: No such file, a bad line, no pairs.
    """
    pairs = []
    for where, _, record in records(path, kind="jsonl"):
        name, *sides = (
            text_field(record, key, where=where) for key in ("id", "positive", "negative")
        )
        answer = str(record.get("answer", ""))
        pairs.append(
            ContrastPair(*(Problem(id=name, question=side, answer=answer) for side in sides))
        )
    if not pairs:
        raise UserError(f"{path} holds no pairs; give records with id, positive, negative")
    return pairs


LACKS: Mapping[str, str] = {
    "kinds": "kinds of steps are guessed from the wording; --kinds FILE names them",
    "paraphrases": "paraphrase is not measurable; --paraphrases FILE gives steps in other words",
    "changes": "no question has another hint or fact to be written anew for; --counterfactuals FILE gives such questions",
    "counterfactuals": "twins are made where a chain's arithmetic can be evaluated anew or names exchanged; --counterfactuals FILE gives others",
    "step_graph": "nobody knows which steps the answer needs, so nothing can be compared with them",
    "first_right_step": "the first right step is the first one that states the reference answer",
    "is_correct_thought": "a thought counts as correct where a step of it states the reference answer",
    "contrast": "there are no contrast pairs but those that you give",
    "shortest_chain": "nobody knows how short a right chain could be, or which words could be left out of it",
}
"""What may not be known of a task, and what follows."""


def missing(items: Sequence[Problem], names: Iterable[str] = LACKS) -> dict[str, str]:
    """What is not known of these problems, and what follows; empty when all is known.

    Args:
        items: The problems.
        names: What is asked for, out of `LACKS`.
    """
    tasks = list(map(task_of, items))
    return {name: LACKS[name] for name in names if any(_unknown(task, name) for task in tasks)}


def _unknown(task: Task, name: str) -> bool:
    """Whether a task does not know something, or makes it from the text alone."""
    value = getattr(task, name)
    return value is None or (name == "counterfactuals" and value is TEXT.counterfactuals)


def missing_for(items: Sequence[Problem], uses: Mapping[str, str]) -> dict[str, str]:
    """Parts of a run that these problems' tasks leave unknown or inexact -> what follows; empty when all is known.

    Args:
        items: The problems.
        uses: Names out of `LACKS` -> the part of the run that needs it.
    """
    return {uses[name]: follows for name, follows in missing(items, uses).items()}
