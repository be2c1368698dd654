"""The chains of a study: written by each model in fixed batches, or read from a file.

Batches are fixed by the list of problems, and a batch is written anew as a whole when one of its
chains is missing, so that a killed and resumed run gives the same text as an undisturbed one. A problem
that a model cannot be asked (no tokens, longer than the context) leaves a file with the reason.
"""

import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator

from mechcot import tasks, text
from mechcot.compare.completion_length import UNENDING, room
from mechcot.compare.models import Models, models_of_process
from mechcot.compare.reference_words import other_words
from mechcot.compare.settings import MOST, Study
from mechcot.core.errors import NotMeasurable, UserError
from mechcot.core.problem import Problem
from mechcot.core.progress import progress_bar
from mechcot.core.store import digest, file_digest, trace_from_json, trace_to_json
from mechcot.core.trace import Trace
from mechcot.core.wording import count_of
from mechcot.model import answer_cue, plain_prompt, prompts, think_marks
from mechcot.model.compatibility import check_questions
from mechcot.model.reasoner import Reasoner
from mechcot.runs.executor import Failed, executor_of
from mechcot.runs.items import Items, json_items
from mechcot.tasks import with_kinds
from mechcot.text.answer_leads import misread
from mechcot.text.answer_outcomes import ends_right
from mechcot.text.unread_answers import ADVICE, check_read, misread_example, unread_example
from mechcot.traces.external import read_given
from mechcot.traces.foreign_chain import Loaded
from mechcot.traces.load import bind_chains


def problems_of(study: Study) -> list[Problem]:
    """Load the problems of a study before any model is loaded.

    Raises:
        UserError: The file is missing or a line of it is wrong.
    """
    if study.problems is None:
        raise UserError("expected a file of problems")
    fields = dict(study.fields)
    return tasks.problems(
        study.problems, n=study.most, seed=study.seed, fields=fields, truth=study.truth
    )


@dataclass(frozen=True)
class Unwritten:
    """A problem for which a model could not write a chain.

    Attributes:
        problem: The problem's id.
        author: Name of the model.
        reason: Why.
    """

    problem: str
    author: str
    reason: str


@dataclass(frozen=True)
class Chains:
    """All chains of a study.

    Attributes:
        by_author: Author -> chains, the headline's author first.
        author: Who wrote the headline's chains; None when every model reads its own.
        used: The headline's chains that are judged.
        unwritten: Problems without a chain.
        unanswerable: Author -> chains of questions that cannot be answered; they are in nothing else.
    """

    by_author: dict[str, list[Trace]]
    author: str | None
    used: tuple[Trace, ...]
    unwritten: tuple[Unwritten, ...] = ()
    unanswerable: Mapping[str, list[Trace]] = field(default_factory=dict)

    @property
    def every(self) -> list[Trace]:
        """All chains by their authors, also those of questions that cannot be answered."""
        both = (*self.by_author.values(), *self.unanswerable.values())
        return [trace for traces in both for trace in traces]

    @property
    def headline(self) -> tuple[Trace, ...]:
        """The headline's chains, judged or not."""
        authors = self.by_author if self.author is None else (self.author,)
        return tuple(trace for author in authors for trace in self.by_author[author])


def check_comparable(study: Study, models: Models, problems: Sequence[Problem]) -> None:
    """Load all models that stay together, and see that they can read each other's chains: before anything is written.

    Raises:
        UserError: One cannot be loaded, or a tokenizer gives the first model's tokens another meaning.
    """
    if study.residency == "together":
        readers = [models.get(name) for name in models.names]
        if study.author == "first":
            for other in readers[1:]:
                check_questions(readers[0], other, [problem.question for problem in problems])


def collect(study: Study, models: Models, problems: Sequence[Problem]) -> Chains:
    """Write or read all chains, and see that every model can read those of the headline.

    Args:
        study: The settings.
        models: Its models, loaded as they are needed.
        problems: What to write about; not used when the study reads chains from a file.

    Raises:
        UserError: A file is wrong, tokenizers differ, or no chain can be used.
    """
    if study.traces is not None:
        every = imported(study, models.get(models.first))
        by_author = {every[0].author: every}
        _readable(models, every)
    else:
        write_side_by_side(study, models, models.names, problems)
        by_author = {}
        for name in models.names:
            by_author[name] = written_chains(study, models, name, problems)
            if name == models.first and study.author == "first":
                _readable(models, by_author[name])
    by_author, unanswerable = _parted(by_author)
    missing = [
        each
        for name in (by_author if study.traces is None else ())
        for each in unwritten(study, models, name, problems)
    ]
    author = None if study.author == "own" else next(iter(by_author))
    for name in by_author if author is None else (author,):
        check_read(by_author[name], author=name)
    used = [
        trace
        for name in (by_author if author is None else (author,))
        for trace in _usable(study, models, name, by_author[name], missing)
    ]
    return Chains(by_author, author, tuple(used), tuple(missing), unanswerable)


def _parted(
    by_author: Mapping[str, list[Trace]],
) -> tuple[dict[str, list[Trace]], dict[str, list[Trace]]]:
    """The chains of questions that can be answered, and those of the others.

    Raises:
        UserError: An author has none of the first.
    """
    known = {name: [t for t in ts if t.problem.answerable] for name, ts in by_author.items()}
    others = {name: [t for t in ts if not t.problem.answerable] for name, ts in by_author.items()}
    for name, traces in known.items():
        if others[name] and not traces:
            raise UserError(
                f"all {count_of(len(others[name]), 'question')} of {name} are marked as unanswerable; add questions that have an answer: whether the chain is used is measured on those"
            )
    return known, {name: traces for name, traces in others.items() if traces}


def _readable(models: Models, traces: Sequence[Trace]) -> None:
    """See that every model gives the chains' tokens the same meaning, before hours are spent.

    Raises:
        UserError: One does not.
    """
    for name in models.names:
        reader = models.get(name)
        for trace in traces:
            with suppress(NotMeasurable):  # counted when it is read
                reader.view(trace)


def _usable(
    study: Study,
    models: Models,
    author: str,
    traces: Sequence[Trace],
    missing: Sequence[Unwritten],
) -> list[Trace]:
    """The chains of one author that are judged.

    Raises:
        UserError: None is left.
    """
    found = [trace for trace in traces if study.chains == "all" or ends_right(trace)]
    if found:
        return found
    reasons = [each.reason for each in missing if each.author == author]
    if reasons and not traces:
        raise UserError(
            f"{author} could not write a chain for any of {count_of(len(reasons), 'problem')}: {reasons[0]}"
        )
    cut = [trace for trace in traces if not trace.finished]
    unread = [trace for trace in traces if trace.finished and trace.answer.text is None]
    wrong = len(traces) - len(cut) - len(unread)
    why = (
        "cut at the longest completion"
        if study.traces is None
        else "cut (a mark opens their thought and none closes it, or the file says so)"
    )
    counts = {why: len(cut), "without an answer that can be read": len(unread), "wrong": wrong}
    listed = ", ".join(f"{count} {reason}" for reason, count in counts.items() if count)
    words = other_words(traces)
    column = words.column(dict(study.fields)) if words else ""
    if column:
        option = shlex.join(["--field", f"answer={column}"])
        raise UserError(
            f"none of {count_of(len(traces), 'chain')} of {author} can be used (chains: {study.chains}): {words}. Next: the same command with --overwrite and {option}"
        )
    wrongly = misread(traces)
    if 2 * len(wrongly) > len(traces):
        shown = misread_example(wrongly, count_of(len(traces), "chain"))
        raise UserError(f"{author}: {shown}. {ADVICE}")
    step = "the same command with --overwrite and --chains all"
    if study.traces is None and 2 * len(cut) > len(traces):
        left = room(models.get(author), [trace.problem for trace in traces])
        longer = f"the same command with --overwrite and --max-tokens {left}"
        step = longer if (study.max_tokens or MOST) < left else UNENDING
    raise UserError(
        f"none of {count_of(len(traces), 'chain')} of {author} can be used (chains: {study.chains}): {listed}. "
        f"Next: {step}. {unread_example(traces[0])}"
    )


def _batches(study: Study, problems: Sequence[Problem]) -> list[Sequence[Problem]]:
    size = study.batch_size
    return [problems[start : start + size] for start in range(0, len(problems), size)]


def write_side_by_side(
    study: Study, models: Models, authors: Sequence[str], problems: Sequence[Problem]
) -> None:
    """Put the missing chains of some models on disk, their batches written where the study's measurements are taken.

    Nothing is done where all is written in this process: `written_chains` does it then.

    Args:
        study: The settings.
        models: Its models, for the hashes of weights and tokenizers.
        authors: Who writes.
        problems: As for `written_chains`.

    Raises:
        UserError: A batch could not be written.
    """
    parts = [
        (author, batch)
        for author in authors
        for batch in _batches(study, problems)
        if not _is_written(study, models, author, batch)
    ]
    if not study.side_by_side or len(parts) < 2:
        return
    work = partial(_write_alone, study)
    with progress_bar(total=len(parts), desc="writing", unit="batch", leave=False) as bar:
        for index, result in executor_of(study.workers, study.engine).map(work, parts):
            if isinstance(result, Failed):
                raise UserError(f"{parts[index][0]} could not write: {result.reason}")
            bar.update()


def _write_alone(study: Study, task: tuple[str, Sequence[Problem]]) -> None:
    models, (author, batch) = models_of_process(study), task
    if not _is_written(study, models, author, batch):
        _write(study, models, author, batch)
        return
    for problem in batch:  # by a job that was sent again: what was read goes where it was asked for
        _items(study, models, author).read(_key(study, models, author, problem))


def written_chains(
    study: Study, models: Models, author: str, problems: Sequence[Problem]
) -> list[Trace]:
    """The chains that one model writes for the problems; those on disk are not written again.

    Problems that it cannot be asked are left out; `unwritten` names them afterwards.

    Args:
        study: The settings; its batch size cuts `problems` into batches.
        models: Its models; the author is loaded only if a chain is missing.
        author: Name of the model that writes.
        problems: The whole list: a batch holds its neighbours.

    Returns:
        Chains in the order of the problems.
    """
    items = _items(study, models, author)
    batches = _batches(study, problems)
    for batch in progress_bar(batches, desc=f"{author} writes", unit="batch", leave=False):
        if not _is_written(study, models, author, batch):
            _write(study, models, author, batch)
    found = ((problem, items.read(_key(study, models, author, problem))) for problem in problems)
    return [
        with_kinds(replace(trace_from_json(each), problem=problem))
        for problem, each in found
        if "unwritten" not in each
    ]


def _check_chain(item: dict[str, Any]) -> dict[str, Any]:
    """See that a finished item is a trace, or says why there is none.

    Raises:
        ValueError: It is neither.
    """
    if not isinstance(item.get("unwritten"), str):
        try:
            trace_from_json(item)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"no trace: {type(error).__name__}: {error}") from error
    return item


_ITEM = json_items(Annotated[dict[str, Any], AfterValidator(_check_chain)])


def to_write(study: Study, models: Models, problems: Sequence[Problem]) -> int:
    """Return how many texts of the study are not on disk, of all its models, its samples included."""
    return sum(
        _key(writes, models, name, problem) not in _items(writes, models, name)
        for writes in (study, *study.drawn)
        for name in models.names
        for problem in problems
        if writes is study or problem.answerable
    )


def unwritten(
    study: Study, models: Models, author: str, problems: Sequence[Problem]
) -> list[Unwritten]:
    """The problems that `written_chains` left out for one model, with the reasons.

    Args:
        study: The settings.
        models: Its models.
        author: Name of the model that wrote.
        problems: The list that was given to `written_chains`.

    Raises:
        UserError: A problem was not given to `written_chains`, so that nothing is on disk.
    """
    items = _items(study, models, author)
    found = ((problem, items.read(_key(study, models, author, problem))) for problem in problems)
    return [
        Unwritten(problem.id, author, each["unwritten"])
        for problem, each in found
        if "unwritten" in each
    ]


def _is_written(study: Study, models: Models, author: str, batch: Sequence[Problem]) -> bool:
    items = _items(study, models, author)
    return all(_key(study, models, author, problem) in items for problem in batch)


def _write(study: Study, models: Models, author: str, batch: Sequence[Problem]) -> None:
    items = _items(study, models, author)
    keys = {problem.id: _key(study, models, author, problem) for problem in batch}

    def skip(problem: Problem, reason: NotMeasurable) -> None:
        items.put(keys[problem.id], {"unwritten": str(reason)})

    traces = models.get(author).write(
        batch,
        max_tokens=study.max_tokens or MOST,
        temperature=study.temperature,
        seed=study.seed,
        batch_size=study.batch_size,
        skip=skip,
    )
    for trace in traces:
        items.put(keys[trace.problem.id], trace_to_json(trace))


def _items(study: Study, models: Models, author: str) -> Items[dict[str, Any]]:
    traces = study.out / "traces"
    return Items(traces / models.file_name(author), _ITEM, shards=traces)


def _key(study: Study, models: Models, author: str, problem: Problem) -> str:
    settings = (study.seed, study.max_tokens, study.temperature, study.batch_size, study.most)
    model = (models.weights_hash(author), models.text_hash(author), study.loading.dtype)
    renders = models.text_hash(models.first) if study.template == "shared" else ""
    return digest(problem.id, problem.question, model, study.template, renders, settings, _rules())


@cache
def _rules() -> str:
    """Hash of the sources that say how a question is put and a text divided: what a version with other rules wrote is written anew."""
    modules = (prompts, plain_prompt, think_marks, answer_cue)
    files = [
        *sorted(Path(text.__path__[0]).glob("*.py")),
        *(Path(str(m.__file__)) for m in modules),
    ]
    return digest([file_digest(file) for file in files])


def foreign(study: Study) -> Loaded:
    """Return what the file of a study holds; no model is needed.

    Raises:
        UserError: There is no file, or a line of it is wrong.
    """
    if study.traces is None:
        raise UserError("expected a file of traces")
    loaded = read_given(study.traces, fields=dict(study.fields), think=study.loading.asking.think)
    return replace(loaded, chains=study.truth.bind_chains(loaded.chains))


def imported(study: Study, reader: Reasoner) -> list[Trace]:
    """Chains written elsewhere, cut into steps and tokens by the first model.

    Raises:
        UserError: The file is missing or a line of it is wrong.
    """
    loaded = foreign(study)
    authors = {chain.author for chain in loaded.chains[: study.most]}
    author = authors.pop() if len(authors) == 1 else "several authors"
    return bind_chains(reader, loaded, n=study.most, author=author)
