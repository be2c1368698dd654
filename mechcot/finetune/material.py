"""What an arm trains on, before it is made into data: problems, and right chains for them.

Chains come from `--traces` (those that end right, by the project's own reading), else from the task, which can write them for its own
problems. Problems that a task draws are of its training side, so that `compare` on its test side is held out.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mechcot.core.errors import UserError
from mechcot.core.notices import print_notice
from mechcot.core.problem import Problem
from mechcot.core.trace import Trace
from mechcot.core.wording import count_of
from mechcot.finetune.arm import Material, TrainingArm
from mechcot.finetune.lesson import Lesson, lesson_trace
from mechcot.model.reasoner import Reasoner
from mechcot.tasks import TASKS, task_of
from mechcot.text.answer_leads import answer_mark, common_lead
from mechcot.text.answer_outcomes import ends_right
from mechcot.text.problems import check_count, load_problems
from mechcot.text.user_truth_files import NO_TRUTH, TruthFiles
from mechcot.traces.known_problems import AsksOtherwise, Known, asks_otherwise
from mechcot.traces.load import load_traces

TASK_PROBLEMS = 512
"""Problems that a task draws where no number is given."""


@dataclass(frozen=True)
class MaterialSource:
    """Where problems and chains come from.

    Attributes:
        problems: A task, a file or a data set; None: those of the chains.
        traces: A file of chains; None: the task writes them.
        n: Most problems; None: all of a file, `TASK_PROBLEMS` of a task.
        fields: Where the file has something under another name.
        truth: Files of the user's own truth.
        depth: Fewest and most operations of a task's questions; None: what it draws by itself.
        own_texts: A file of texts that the base wrote elsewhere, several of each problem, for arms that train on its own; None: it writes them.
    """

    problems: str | None = None
    traces: Path | None = None
    n: int | None = None
    fields: Mapping[str, str] | None = None
    truth: TruthFiles = NO_TRUTH
    depth: tuple[int, int] | None = None
    own_texts: Path | None = None


def gather(source: MaterialSource, arm: TrainingArm, reader: Reasoner, *, seed: int) -> Material:
    """Read or draw problems, and the right chains that an arm needs.

    Raises:
        UserError: Nothing is named, a file is wrong, no chain ends right, or an arm needs chains that nobody can give.
    """
    if source.own_texts is not None:
        return _of_own_texts(source.own_texts, source, arm, reader)
    problems = None if source.problems is None else drawn_problems(source, seed)
    if source.traces is not None:
        return _of_traces(source, reader, problems)
    if problems is None:
        raise UserError("nothing to train on: give --problems FILE or a task, or --traces FILE")
    if not arm.chains:
        return Material(reader, tuple(problems))
    chains = tuple(_written(reader, problem, arm, seed + at) for at, problem in enumerate(problems))
    return Material(reader, tuple(problems), chains)


def drawn_problems(source: MaterialSource, seed: int) -> list[Problem]:
    """The problems that a source names: drawn by a task, of its training side, or read.

    Raises:
        UserError: A file is wrong.
    """
    task = TASKS.get(str(source.problems))
    if task is None or task.unhinted is None:
        assert source.problems is not None
        return load_problems(
            source.problems, n=source.n, seed=seed, fields=source.fields, truth=source.truth
        )
    check_count(source.n)
    drawn = task.unhinted(
        source.n or TASK_PROBLEMS, seed=seed, split="train", style="random", depth=source.depth
    )
    return source.truth.bind(drawn)


def _of_traces(
    source: MaterialSource, reader: Reasoner, problems: Sequence[Problem] | None
) -> Material:
    """The chains of a file that end right; with problems, those of these problems."""
    assert source.traces is not None
    fields = source.fields if problems is None else None
    traces = load_traces(source.traces, reader, fields=fields, truth=source.truth)
    if problems is not None:
        traces = _of_problems(traces, problems, source)
    right = tuple(trace for trace in traces if ends_right(trace))
    if not right:
        first = traces[0]
        raise UserError(
            f"none of the {len(traces)} chains of {source.traces} ends in the reference answer; "
            f"{first.problem.id} ends in {first.answer.text!r}, the reference is {first.problem.answer!r}{_told(traces, reader)}"
        )
    asked = tuple({trace.problem.id: trace.problem for trace in traces}.values())
    return Material(reader, asked, right[: source.n])


def _of_problems(
    traces: Sequence[Trace], problems: Sequence[Problem], source: MaterialSource
) -> list[Trace]:
    """The chains of some problems, each with its problem; those whose ids are of problems that ask something else are counted on the console.

    Raises:
        UserError: There are none.
    """
    known = Known.of(problems)
    paired: list[Trace] = []
    others: list[AsksOtherwise] = []
    for trace in traces:
        named, asked = trace.problem.id, trace.problem.question
        try:
            problem = known.joined(named, asked, where=f"chain {trace.id}")
        except AsksOtherwise as error:
            others.append(error)
            continue
        if problem is not None:
            paired.append(replace(trace, problem=problem))
    of = f"{count_of(len(traces), 'chain')} of {source.traces}"
    said = asks_otherwise(others, of=of) if others else ""
    if not paired:
        raise UserError(
            f"no chain of {source.traces} is of a problem of {source.problems}: {said or 'their ids and their questions differ'}"
        )
    if said:
        print_notice(f"left out: {said}")
    return paired


def _told(traces: Sequence[Trace], reader: Reasoner) -> str:
    """Where most texts state the right answer, and the option that reads it there; "" where nothing shows."""
    lead = common_lead(traces)
    mark = answer_mark(lead, reader.policy.tags)
    if mark is None:
        return ""
    asked, read = (shlex.quote(text.replace("\n", "\\n")) for text in (lead, mark))
    return f". Most state the right answer behind {lead!r}: add --cue {asked} --answer-after {read}"


def _of_own_texts(
    path: Path, source: MaterialSource, arm: TrainingArm, reader: Reasoner
) -> Material:
    """The texts of a file, right or not, for an arm that trains on the base's own.

    Raises:
        UserError: The arm trains on no texts of its own, or other problems or chains are named besides.
    """
    if arm.chains or arm.trainer == "rewards":
        raise UserError(
            f"--own-texts: --arm {arm.name} does not start from texts of the model's own; leave it out, or take --arm rejection or rlsf"
        )
    if source.problems is not None or source.traces is not None:
        raise UserError(
            "--own-texts holds texts and their problems; leave --problems and --traces out"
        )
    traces = load_traces(path, reader, fields=source.fields, truth=source.truth)
    asked = tuple({trace.problem.id: trace.problem for trace in traces}.values())[: source.n]
    names = {problem.id for problem in asked}
    return Material(reader, asked, own=tuple(t for t in traces if t.problem.id in names))


def _written(reader: Reasoner, problem: Problem, arm: TrainingArm, seed: int) -> Trace:
    write = task_of(problem).write_chain
    if write is None:
        raise UserError(
            f"--arm {arm.name} trains on right chains, and nobody can write them for {problem.id}; give them with --traces FILE, "
            "or take --arm rejection, which trains on the model's own"
        )
    return lesson_trace(reader, Lesson(problem, write(problem, seed), problem.answer))
