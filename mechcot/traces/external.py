"""Read chains that were written elsewhere: JSON lines from an API, vLLM, Thought Anchors, chat logs, harnesses, training sets.

A record becomes one chain for each completion in it:

1. Which fields are the question, the reference and the model's text: `mechcot.text.completion_columns`; `--field NAME=PATH` names them.
2. Which completions the model's text holds: `mechcot.text.responses`.
3. What of a completion is thought and what is said: `mechcot.text.message_parts` by fields, `mechcot.text.think_tags` by marks.

`id`, `sample` (which of several chains for one problem), `author` and `prompt` are optional; anything else goes to `meta`.
Records that name no problem and ask the same are samples of one.
A record without a chain (its request failed, its thought is encrypted) is left out and counted; whatever
is ambiguous or wrong stops with file and line. A line that `mechcot import` wrote, or a trace of mechcot's own, is read as the
chain that it holds. Thought Anchors (arXiv 2506.19143): `problem.gt_answer` is the reference, `solution` the model's text.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain as chained, count
from pathlib import Path
from typing import Any

from mechcot.core.errors import UserError
from mechcot.core.problem import Problem
from mechcot.core.wording import count_of
from mechcot.text.field_names import (
    AUTHOR,
    CHATS,
    IDS,
    QUESTION_FIELDS,
    REFERENCE,
    can_be_answered,
    named,
    named_columns,
    question_of,
    reference_of,
)
from mechcot.text.json_lines import line_of, text_field
from mechcot.text.message_parts import NoChain
from mechcot.text.records import records
from mechcot.text.think_tags import ThoughtTags
from mechcot.text.usual_names import usual_names
from mechcot.traces.completions import completions_of, says
from mechcot.traces.foreign_chain import (
    LINE_FIELDS,
    ForeignChain,
    Loaded,
    is_line,
    line_chain,
    line_of_trace,
)
from mechcot.traces.known_problems import AsksOtherwise, Known, asks_otherwise

_BULK = frozenset({
    *LINE_FIELDS, *CHATS, "resps", "filtered_resps", "arguments", "doc", "choices", "candidates", "message", "response", "output",
    "outputs", "content", "usage", "events", "finish_reason", "stop_reason", "generations", "text", "completion", "final",
    "reasoning", "reasoning_trace", "author", "model", "model_name",
})  # fmt: skip
"""What of a record is not kept as `meta`: what the chain itself holds, and bulk."""
_NAMES = _BULK | {
    *QUESTION_FIELDS,
    *REFERENCE,
    *IDS,
    "prompt",
    "chain_of_thought",
    "cot",
    "rationale",
    "reasoning_content",
    "solution",
    "thinking",
}
"""Names of columns that mean something here, however a file writes them (`Chain of Thought`)."""


def load_chains(path: str | Path, **options: Any) -> list[ForeignChain]:
    """Load foreign chains; `read_chains` says what was left out, too.

    Raises:
        UserError: As `read_chains`.
    """
    return read_chains(path, **options).chains


def read_chains(
    path: str | Path,
    *,
    kind: str | None = None,
    fields: Mapping[str, str] | None = None,
    problems: Sequence[Problem] | None = None,
    tags: ThoughtTags | None = None,
) -> Loaded:
    """Load foreign chains.

    Args:
        path: A file, or a folder of Thought Anchors, in one of the formats of `mechcot.text.records`.
        kind: Its format; None for the one that it shows.
        fields: Where to find something (`mechcot.text.field_names.FIELDS`): a map from our name to a dotted path.
        problems: Questions and references, joined by id, or by the question's text; an id counts only where the record asks nothing else.
        tags: The marks of the thought; None for those that each text shows.

    Raises:
        UserError: No such file, a record that is wrong (with its place), a repeated id (of one `sample`), one id with two
            questions or answers, ids of problems that ask something else, or no chain at all.
    """
    path = Path(path)
    left_out: list[str] = []
    others: list[AsksOtherwise] = []
    count_read = 0
    collected = _Kept()
    known = None if problems is None else Known.of(problems)
    kept = named_columns(fields or {})
    for where, number, written in records(path, kind=kind):
        count_read += 1
        record = usual_names([written], _NAMES, kept=kept)[0][0]
        try:
            chains = foreign_chains(
                record, where=where, number=number, fields=fields, known=known, tags=tags
            )
        except NoChain as reason:
            left_out.append(str(reason))
            continue
        except AsksOtherwise as error:
            others.append(error)
            continue
        own, repeats = is_line(record) or _is_trace(record), "filter" in record
        given = {} if own else named(record, fields or {}, where=where)
        counted = own or repeats or given.get("sample", record.get("sample")) is not None
        said = None if own else _id(record, given, where=where)[0]
        for chain in chains:
            name = chain.problem.id if own else said
            sample = collected.sampled(chain, name=name, counted=counted)
            collected.add(sample, where=where, repeats=repeats)
    if others:
        raise UserError(asks_otherwise(others, of=f"{count_of(count_read, 'record')} of {path}"))
    if not collected.chains:
        raise _no_chains(path, left_out)
    return Loaded(collected.chains, collected.places, left_out)


def _no_chains(path: Path, left_out: Sequence[str]) -> UserError:
    """What is said of a file that holds no chain: why its records have none, or what was expected."""
    if not left_out:
        return UserError(
            f"{path}: no chains in it; expected JSON lines with question, chain, answer, or a format that `mechcot import --help` names"
        )
    first, n = left_out[0], len(left_out)
    return UserError(first if n == 1 else f"{first} (so all {n} records)")


def read_given(
    path: str | Path,
    *,
    fields: Mapping[str, str] | None = None,
    think: Sequence[str] | None = None,
) -> Loaded:
    """The chains of a file that a command was given.

    Args:
        path: The file.
        fields: As for `read_chains`.
        think: What `--think` says of the model: the two marks of a thought, which are the file's where its texts have them; or `none`.

    Raises:
        UserError: As `read_chains`.
    """
    marks = None if think is None or isinstance(think, str) else ThoughtTags(*think)
    if marks is not None and not any(_holds(record, marks) for _, _, record in records(Path(path))):
        marks = None
    return read_chains(path, fields=fields, tags=marks)


def _holds(record: Mapping[str, Any], marks: ThoughtTags) -> bool:
    """Return whether a text somewhere in a record has one of two marks."""
    return any(marks.open in text or marks.close in text for text in _texts(record))


def _texts(value: Any) -> Iterator[str]:
    """Every text in a value of JSON, however deep."""
    if isinstance(value, str):
        yield value
    inner = (
        value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    )
    for part in inner:
        yield from _texts(part)


class _Kept:
    """The chains so far, and where each id was first seen."""

    def __init__(self) -> None:
        self.chains: list[ForeignChain] = []
        self.places: list[str] = []
        self._seen: dict[tuple[str, str], tuple[str, ForeignChain]] = {}
        self._asked: dict[str, tuple[str, Problem]] = {}
        self._nameless: dict[tuple[str, str], str] = {}

    def sampled(self, chain: ForeignChain, *, name: str | None, counted: bool) -> ForeignChain:
        """A chain as one more sample of a problem that was there before, where its record does not say which sample it is, or of another author.

        Args:
            chain: The chain.
            name: The problem that its record names. Where it names none, or another one's, the problem is the one that asks the same.
            counted: Whether the record says which sample it is.
        """
        if chain.problem.id == name:
            _, before = self._seen.get((chain.problem.id, chain.sample), ("", chain))
            other = before.author != chain.author
            known = (counted and not other) or before == chain
            if known or not _ask_the_same(before.problem, chain.problem):
                return chain
        else:
            asked = chain.problem.question, chain.problem.answer
            name = self._nameless.setdefault(asked, chain.problem.id)
        more = (f"{n}.{chain.sample}".removesuffix(".") for n in count(1))
        sample = next(one for one in chained([chain.sample], more) if (name, one) not in self._seen)
        return replace(chain, problem=replace(chain.problem, id=name), sample=sample)

    def add(self, chain: ForeignChain, *, where: str, repeats: bool) -> None:
        """Keep a chain; one that a harness repeats for each filter is kept once."""
        key = (chain.problem.id, chain.sample)
        place, before = self._seen.setdefault(key, (where, chain))
        if before is not chain:
            if repeats and (before.chain, before.answer) == (chain.chain, chain.answer):
                return
            raise UserError(
                f"{where}: the id {chain.problem.id!r} stands on {line_of(place)} already; ids must differ, "
                "or several chains for one problem each have a `sample` of their own"
            )
        place, problem = self._asked.setdefault(chain.problem.id, (where, chain.problem))
        if not _ask_the_same(problem, chain.problem):
            raise UserError(
                f"{where}: the problem {problem.id!r} has another question or answer on {line_of(place)}"
            )
        self.chains.append(chain)
        self.places.append(where)


def _ask_the_same(one: Problem, other: Problem) -> bool:
    return (one.question, one.answer) == (other.question, other.answer)


def foreign_chains(
    record: Mapping[str, Any],
    *,
    where: str,
    number: int,
    fields: Mapping[str, str] | None = None,
    known: Known | None = None,
    tags: ThoughtTags | None = None,
) -> list[ForeignChain]:
    """One record of a file as chains, one for each completion in it.

    Raises:
        NoChain: It holds no chain: its request failed, its thought is sealed, there is only a summary, a tool was used.
        UserError: Something is missing, of the wrong kind, or ambiguous.
    """
    if is_line(record):
        return [line_chain(record, fields or {}, where=where)]
    if _is_trace(record):
        record = line_of_trace(record, where=where)
    given = named(record, fields or {}, where=where)
    flat, meta = _flat(record)
    problem, used = _problem(flat, given, where=where, number=number, known=known)
    completions, taken = completions_of(flat, given, problem.question, where=where, tags=tags)
    meta = {key: value for key, value in meta.items() if key not in _BULK | used | taken}
    problem = replace(problem, meta={**problem.meta, **meta})
    author = given.get("author") or next(
        (flat[key] for key in AUTHOR if says(flat.get(key))), "imported"
    )
    prompt = given.get("prompt", flat.get("prompt") if "prompt" not in used else None)
    chain = ForeignChain(
        problem, "", "", author=str(author), prompt=prompt if isinstance(prompt, str) else None
    )
    sample = given.get("sample", flat.get("sample"))
    names = _samples(None if isinstance(sample, (Mapping, list)) else sample, len(completions))
    return [
        replace(
            chain, chain=parts.chain, answer=parts.answer, opened=parts.opened, closed=parts.closed, cut=parts.cut, sample=name
        )
        for parts, name in zip(completions, names, strict=True)
    ]  # fmt: skip


def _is_trace(record: Mapping[str, Any]) -> bool:
    return {"schema", "steps", "completion"} <= record.keys()


def _samples(sample: Any, n: int) -> list[str]:
    own = "" if sample is None else str(sample)
    return [own] if n == 1 else [f"{own}.{index}" if own else str(index) for index in range(n)]


def _flat(record: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The record with a problem that is an object (Thought Anchors) opened, and what may become `meta`."""
    flat, meta = dict(record), dict(record)
    if isinstance(flat.get("problem"), Mapping):
        inner = flat.pop("problem")
        del meta["problem"]
        meta |= {name: inner[name] for name in inner if name not in {"problem", "gt_answer"}}
        flat |= {
            name: inner[name] for name in ("problem", "question", "gt_answer") if name in inner
        }
    return flat, meta


def _problem(
    flat: Mapping[str, Any],
    given: Mapping[str, Any],
    *,
    where: str,
    number: int,
    known: Known | None,
) -> tuple[Problem, set[str]]:
    """The problem of a record, and the fields that it took."""
    asked_in = {"question": given["question"]} if "question" in given else flat
    question, asked = question_of(asked_in, where=where)
    name, column = _id(flat, given, where=where)
    if known is not None:
        return _joined(known, name, question, flat, where=where), {asked, column}
    answered_in = {"answer": given["answer"]} if "answer" in given else flat
    knowable = can_be_answered(flat, where=where)
    if not knowable:
        answered_in = {key: value for key, value in answered_in.items() if value != ""}
    reference, answered = reference_of(answered_in, where=where)
    if question is None:
        raise _missing("question", (*QUESTION_FIELDS, "messages or prompt"), flat, where=where)
    if reference is None and knowable:
        raise _missing("answer", REFERENCE, flat, where=where)
    problem = Problem(name or f"line-{number:05d}", question, reference or "")
    return problem, {asked, answered, column, "answer"}


def _missing(what: str, names: Sequence[str], flat: Mapping[str, Any], *, where: str) -> UserError:
    expected = ", ".join(name for name in names if "." not in name)
    nulls = [name for name in names if name in flat and flat[name] is None]
    null = f" ({' and '.join(map(repr, nulls))} null)" if nulls else ""
    return UserError(
        f"{where}: no {what}{null}: expected one of {expected}; found {sorted(map(str, flat))}; "
        f"name it with `--field {what}=COLUMN`, or join problems by id with `mechcot import --problems FILE`"
    )


def _id(flat: Mapping[str, Any], given: Mapping[str, Any], *, where: str) -> tuple[str | None, str]:
    """The problem's id and its field; a response's own id (`chatcmpl-...`) names no problem."""
    if "id" in given:
        return text_field(given, "id", where=where), ""
    for key in IDS:
        if flat.get(key) is None or (
            key == "id" and {"object", "choices"} & flat.keys() and "question" not in flat
        ):
            continue
        return text_field(flat, key, where=where), key
    return None, ""


def _joined(
    known: Known, name: str | None, question: str | None, flat: Mapping[str, Any], *, where: str
) -> Problem:
    """The problem of a record; what its author was given, too, may say that it asks this one."""
    prompts = [*_texts([flat.get(key) for key in (*CHATS, "prompt", "arguments")])]
    problem = known.joined(name, question, where=where, prompts=prompts)
    if problem is None:
        raise UserError(
            f"{where}: the id {name!r} stands in none of {count_of(len(known.by_id), 'problem')} of --problems, nor does its question; "
            "name the field that holds the problem's id with --field id=PATH"
        )
    return problem
