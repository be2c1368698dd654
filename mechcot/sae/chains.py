"""The chains that features are read on, with exact kinds where they are known: of a file, or half written by each checkpoint.

Chains are written in parts of `PART` problems; every finished part is on disk at once, so the same
command goes on where it stopped.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from mechcot.core.errors import NotMeasurable, UserError
from mechcot.core.notices import print_notice
from mechcot.core.pair import Pair
from mechcot.core.problem import Problem
from mechcot.core.store import digest, parse_traces, traces_content
from mechcot.core.trace import Phase, Trace
from mechcot.core.wording import count_of
from mechcot.model.compatibility import check_tokenizers
from mechcot.model.loading.preflight import preflight, rendered
from mechcot.model.reasoner import Reasoner
from mechcot.runs.executor import SERIAL, Executor
from mechcot.runs.items import Format, Items
from mechcot.runs.reader_keys import precision
from mechcot.tasks import SHIPPED_TASK, TASKS, check_default_problems, missing_for, with_kinds
from mechcot.text.problems import load_problems, say_repeated
from mechcot.text.user_truth_files import NO_TRUTH, TruthFiles
from mechcot.traces.load import load_traces
from mechcot.traces.own_truth import say_truth

PART = 32


@dataclass(frozen=True)
class ChainSource:
    """Problems that are asked.

    Attributes:
        source: What `load_problems` reads; None: problems of the organisms' task.
        n: How many.
        seed: Of the draw, and of the writing.
        without: Ids that must not occur (what a dictionary was trained on).
        max_tokens: Longest completion.
        fields: Our names for columns of the file, with the columns.
        traces: A file of chains; None: the two checkpoints write them.
        truth: Files of the user's own truth.
        uses: Names out of `mechcot.tasks.LACKS` -> the part of the run that needs it; what the problems lack is said on the console.
    """

    source: str | None
    n: int
    seed: int
    without: frozenset[str] = frozenset()
    max_tokens: int = 512
    fields: tuple[tuple[str, str], ...] = ()
    traces: Path | None = None
    truth: TruthFiles = NO_TRUTH
    uses: Mapping[str, str] = field(default_factory=dict)

    def problems(self) -> list[Problem]:
        """The problems.

        Raises:
            UserError: None are left.
        """
        task = TASKS.get(self.source or SHIPPED_TASK)
        if task is not None and task.draw_varied is not None:
            problems = self.truth.bind(task.draw_varied(self.n, seed=self.seed))
        else:
            fields = dict(self.fields)
            problems = load_problems(
                str(self.source), seed=self.seed, fields=fields, truth=self.truth, taken=False
            )
        left = [problem for problem in problems if problem.id not in self.without][: self.n]
        if self.source is not None and task is None:
            say_repeated(self.source, left)
        if len(left) < 2:
            unseen = " that the dictionary was not trained on" if self.without else ""
            more = "raise --n" if self.n < 2 else "give more"
            raise UserError(
                f"{self.source or SHIPPED_TASK}: expected 2 problems or more{unseen}, got {len(left)}; {more}"
            )
        return left


def chains(
    readers: Pair[Reasoner], asked: ChainSource, *, folder: Path, executor: Executor = SERIAL
) -> list[Trace]:
    """Read the chains of a file; or write them, or take up those that are there.

    Args:
        readers: The two checkpoints; both write behind the first's prompt (`load_models`).
        asked: Which chains, or which problems and how long a chain may get.
        folder: Where finished parts lie.
        executor: Where parts are written.

    Returns:
        Chains with exact kinds where they are known; of those that are written the first model's (every first of two problems), then the second's.

    Raises:
        UserError: A model is not fit, the tokenizers give the chains' tokens different meanings, or too few chains are left.
    """
    if asked.traces is None:
        traces = _written(readers, asked, folder, executor)
        say_truth(asked.truth, readers.before, traces)
    else:
        traces = _of_file(readers, asked, asked.traces)
    check_tokenizers(readers.before, readers.after, traces)
    return [with_kinds(trace) for trace in traces]


def chains_of(reader: Reasoner, asked: ChainSource) -> list[Trace]:
    """Read the chains of a file, or let one model write them; nothing is kept on disk.

    Raises:
        UserError: The model is not fit, or too few chains are left.
    """
    if asked.traces is not None:
        return _of_file(Pair(reader, reader), asked, asked.traces)
    if asked.source is None:
        check_default_problems([reader])
    problems = asked.problems()
    preflight(reader, problems)
    return reader.write(problems, max_tokens=asked.max_tokens, seed=asked.seed)


def _name_missing(problems: Sequence[Problem], asked: ChainSource) -> None:
    """Say what these problems lack for a run, before anything is written or read."""
    for what, why in missing_for(problems, asked.uses).items():
        print_notice(f"{what}: {why}")


def _written(
    readers: Pair[Reasoner], asked: ChainSource, folder: Path, executor: Executor
) -> list[Trace]:
    if asked.source is None:
        check_default_problems(readers)
    problems = asked.problems()
    for reader in readers:
        preflight(reader, problems)
    _name_missing(problems, asked)
    parts = {
        _key(reader, part, asked): (number, part)
        for number, reader in enumerate(readers)
        for part in _cut(problems[number::2])
    }
    items = Items(folder, Format(".jsonl", parse_traces, traces_content))
    compute = partial(_write, tuple(readers), asked)
    written = items.made(parts, compute, executor=executor, desc="parts of chains", unit="part")
    asked_now = {problem.id: problem for problem in problems}
    return [
        replace(trace, problem=asked_now[trace.problem.id]) for part in written for trace in part
    ]


def _of_file(readers: Pair[Reasoner], asked: ChainSource, path: Path) -> list[Trace]:
    """The chains of a file that both models can read and the dictionary has not seen; what is left out is counted on the console."""
    every = load_traces(path, readers.before, fields=dict(asked.fields), truth=asked.truth)
    for reader in readers:
        preflight(reader, rendered(reader, every))
    _name_missing([trace.problem for trace in every], asked)
    usable: list[Trace] = []
    reasons: Counter[str] = Counter()
    for trace in every:
        if trace.problem.id in asked.without:
            reasons["the dictionary was trained on the problem"] += 1
        elif not len(trace.phase(Phase.CHAIN)):
            reasons["the chain has no steps"] += 1
        else:
            try:
                readers.after.view(readers.before.view(trace))
                usable.append(trace)
            except NotMeasurable as error:
                reasons[str(error)] += 1
    left_out = "; ".join(f"{count} left out: {reason}" for reason, count in reasons.items())
    if len(usable) < 2:
        raise UserError(
            f"{path}: {len(usable)} of {count_of(len(every), 'chain')} can be used ({left_out or 'give more'})"
        )
    if left_out:
        print_notice(f"{path}: {left_out}")
    return usable[: asked.n]


def _cut(problems: Sequence[Problem]) -> list[Sequence[Problem]]:
    return [problems[start : start + PART] for start in range(0, len(problems), PART)]


def _key(reader: Reasoner, part: Sequence[Problem], asked: ChainSource) -> str:
    settings = [reader.policy.asking.key] if reader.policy.asking.key else []
    settings += precision(reader)
    return digest(
        reader.weights_hash, asked.max_tokens, [(p.id, p.question) for p in part], *settings
    )


def _write(
    readers: Sequence[Reasoner], asked: ChainSource, task: tuple[int, Sequence[Problem]]
) -> list[Trace]:
    number, part = task
    return readers[number].write(
        part, max_tokens=asked.max_tokens, seed=asked.seed, batch_size=PART
    )
