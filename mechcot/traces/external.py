"""Read chains that were written elsewhere: JSON lines from an API, vLLM, Thought Anchors, chat logs, harnesses, training sets.

A record becomes one chain for each completion in it:

1. Which fields are the question, the reference and the model's text: `mechcot.text.columns`; `--field NAME=PATH` names them.
2. Which completions the model's text holds: `mechcot.text.attempts`.
3. What of a completion is thought and what is said: `mechcot.text.message` by fields, `mechcot.text.think_tags` by marks.

`id`, `sample` (which of several chains for one problem), `author` and `prompt` are optional; anything else goes to `meta`.
A record without a chain (its request failed, its thought is encrypted) is left out and counted; whatever
is ambiguous or wrong stops with file and line. A line that `mechcot import` wrote, or a trace of mechcot's own, is read as the
chain that it holds. Thought Anchors (arXiv 2506.19143): `problem.gt_answer` is the reference, `solution` the model's text.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mechcot.core.errors import UserError
from mechcot.core.problem import Problem
from mechcot.text.attempts import (
    Attempt,
    CompletionParts,
    attempts,
    check_answered,
    divide,
    was_cut,
    withheld,
)  # fmt: skip
from mechcot.text.columns import (
    AUTHOR,
    CHATS,
    IDS,
    QUESTION,
    REFERENCE,
    WRITTEN,
    Column,
    hidden_thoughts,
    named,
    or_solution,
    question_of,
    reference_of,
    text_columns,
    thought_columns,
)  # fmt: skip
from mechcot.text.lines import line_of, text_field
from mechcot.text.message import Kind, NoChain, Piece, ink_of, joined, plain_name
from mechcot.text.records import records
from mechcot.text.think_tags import THINK, ThoughtTags

_LINE = (
    "id",
    "sample",
    "question",
    "reference",
    "chain",
    "answer_text",
    "author",
    "prompt",
    "opened",
    "closed",
    "cut",
)
"""The fields of a line that `as_line` writes."""
_SEVERAL_THOUGHTS = re.compile(r"(?:reasonings|cots|chains_of_thoughts?|traces|trajectories)$")
_EMPTY = (
    "reasoning",
    "reasoning_content",
    "thinking",
    "completion",
    "text",
    "response",
    "output",
    "generation",
)
_BULK = frozenset({
    *_LINE, *CHATS, "resps", "filtered_resps", "arguments", "doc", "choices", "candidates", "message", "response", "output",
    "outputs", "content", "usage", "events", "finish_reason", "stop_reason", "generations", "text", "completion", "final",
    "reasoning", "reasoning_trace", "author", "model", "model_name",
})  # fmt: skip
"""What of a record is not kept as `meta`: what the chain itself holds, and bulk."""


@dataclass(frozen=True)
class ForeignChain:
    """A chain that was written elsewhere.

    Attributes:
        problem: The question with its reference answer.
        chain: The thought, without marks; of a plain text all of it.
        answer: What was written after it; empty when there was nothing.
        author: Who wrote it, as the file says.
        prompt: The prompt it was written behind, if the file says so.
        closed: Whether the thought was closed.
        sample: Which of several chains for one problem; empty when the file does not say.
        opened: Whether a mark or a field's name says that the chain is a thought; without it the text is plain.
        cut: Whether a token limit ended the text: the source says so, or a mark opens the thought and none closes it.
    """

    problem: Problem
    chain: str
    answer: str
    author: str = "imported"
    prompt: str | None = None
    closed: bool = True
    sample: str = ""
    opened: bool = True
    cut: bool = False

    @property
    def text(self) -> str:
        """The completion behind an opening mark: chain, closing mark, answer."""
        return f"{self.chain}{THINK.close}{self.answer}" if self.closed else self.chain


@dataclass(frozen=True)
class Loaded:
    """The chains of a file.

    Attributes:
        chains: In the order of the file.
        places: File and line of each.
        left_out: A sentence for each record without a chain, with its place.
    """

    chains: list[ForeignChain]
    places: list[str]
    left_out: list[str]

    def told(self) -> str:
        """Return how many records were left out and why the first was; empty where none was."""
        if not self.left_out:
            return ""
        n = len(self.left_out)
        return f"{n} {'record' if n == 1 else 'records'} left out, {len(self.chains)} chains read; {self.left_out[0]}"


@dataclass(frozen=True)
class Known:
    """Problems to join with records.

    Attributes:
        by_id: By their id.
        by_text: By their question, white space around it aside.
    """

    by_id: Mapping[str, Problem]
    by_text: Mapping[str, Problem]

    @classmethod
    def of(cls, problems: Iterable[Problem]) -> "Known":
        """Index some problems."""
        kept = list(problems)
        return cls({p.id: p for p in kept}, {p.question.strip(): p for p in kept})


def load_chains(path: str | Path, **options: Any) -> list[ForeignChain]:
    """Load foreign chains; `read_chains` says what was left out, too.

    Args:
        path: The file.
        options: Those of `read_chains`.

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
        fields: Where to find something (`mechcot.text.columns.FIELDS`): a map from our name to a dotted path.
        problems: Questions and references, joined by id, or by the question's text.
        tags: The marks of the thought; None for those that each text shows.

    Raises:
        UserError: No such file, a record that is wrong (with its place), a repeated id (of one `sample`), one id with two
            questions or answers, or no chain at all.
    """
    path = Path(path)
    left_out: list[str] = []
    kept = _Kept()
    known = None if problems is None else Known.of(problems)
    for where, number, record in records(path, kind=kind):
        try:
            found = foreign_chains(
                record, where=where, number=number, fields=fields, known=known, tags=tags
            )
        except NoChain as reason:
            left_out.append(str(reason))
            continue
        for chain in found:
            kept.add(chain, where=where, repeats="filter" in record)
    if not kept.chains and left_out:
        raise UserError(
            left_out[0] if len(left_out) == 1 else f"{left_out[0]} (so all {len(left_out)} records)"
        )
    if not kept.chains:
        raise UserError(
            f"{path}: no chains in it; expected JSON lines with question, chain, answer, or a format that `mechcot import --help` names"
        )
    return Loaded(kept.chains, kept.places, left_out)


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
    if marks is not None and not any(_holds(each, marks) for _, _, each in records(Path(path))):
        marks = None
    return read_chains(path, fields=fields, tags=marks)


def _holds(value: Any, marks: ThoughtTags) -> bool:
    """Return whether a text somewhere in a record has one of two marks."""
    if isinstance(value, str):
        return marks.open in value or marks.close in value
    inner = (
        value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    )
    return any(_holds(one, marks) for one in inner)


class _Kept:
    """The chains so far, and where each id was first seen."""

    def __init__(self) -> None:
        self.chains: list[ForeignChain] = []
        self.places: list[str] = []
        self._seen: dict[tuple[str, str], tuple[str, ForeignChain]] = {}
        self._asked: dict[str, tuple[str, Problem]] = {}

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
        if (problem.question, problem.answer) != (chain.problem.question, chain.problem.answer):
            raise UserError(
                f"{where}: the problem {problem.id!r} has another question or answer on {line_of(place)}"
            )
        self.chains.append(chain)
        self.places.append(where)


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

    Args:
        record: The object.
        where: File and line, for messages.
        number: Number of the line; names a chain without an id.
        fields: As for `read_chains`.
        known: Problems to join with.
        tags: As for `read_chains`.

    Raises:
        NoChain: It holds no chain: its request failed, its thought is sealed, there is only a summary, a tool was used.
        UserError: Something is missing, of the wrong kind, or ambiguous.
    """
    if _is_line(record):
        return [_of_line(_renamed(record, fields or {}, where=where), where=where)]
    if {"schema", "steps", "completion"} <= record.keys():
        record = _own(record, where=where)
    given = named(record, fields or {}, where=where)
    flat, meta = _flat(record)
    problem, used = _problem(flat, given, where=where, number=number, known=known)
    found, taken = _written(flat, given, problem.question, where=where, tags=tags)
    meta = {key: value for key, value in meta.items() if key not in _BULK | used | taken}
    problem = replace(problem, meta={**problem.meta, **meta})
    author = given.get("author") or next(
        (flat[key] for key in AUTHOR if _says(flat.get(key))), "imported"
    )
    prompt = given.get("prompt", flat.get("prompt") if "prompt" not in used else None)
    chain = ForeignChain(
        problem, "", "", author=str(author), prompt=prompt if isinstance(prompt, str) else None
    )
    sample = given.get("sample", flat.get("sample"))
    names = _samples(None if isinstance(sample, (Mapping, list)) else sample, len(found))
    return [
        replace(
            chain, chain=one.chain, answer=one.answer, opened=one.opened, closed=one.closed, cut=one.cut, sample=name
        )
        for one, name in zip(found, names, strict=True)
    ]  # fmt: skip


def _says(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _samples(sample: Any, n: int) -> list[str]:
    own = "" if sample is None else str(sample)
    return [own] if n == 1 else [f"{own}.{index}" if own else str(index) for index in range(n)]


def _flat(record: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The record with a problem that is an object (Thought Anchors) opened, and what may become `meta`."""
    flat, meta = dict(record), dict(record)
    if isinstance(flat.get("problem"), Mapping):
        inner = dict(flat.pop("problem"))
        meta.pop("problem")
        meta |= {key: value for key, value in inner.items() if key not in {"problem", "gt_answer"}}
        flat |= {
            key: value
            for key, value in inner.items()
            if key in {"problem", "question", "gt_answer"}
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
    question, asked = question_of(flat, where=where) if "question" not in given else (None, "")
    if "question" in given:
        question, _ = question_of({"question": given["question"]}, where=where)
    name, column = _id(flat, given, where=where)
    if known is not None:
        return _joined(known, name, question, where=where), {asked, column}
    reference, held = reference_of(
        {"answer": given["answer"]} if "answer" in given else flat, where=where
    )
    if question is None:
        expected = ", ".join(key for key in QUESTION if "." not in key)
        raise UserError(
            f"{where}: no question: expected one of {expected}, messages or prompt; found {sorted(map(str, flat))}; "
            "name it with `--field question=COLUMN`, or join problems by id with `mechcot import --problems FILE`"
        )
    if reference is None:
        expected = ", ".join(key for key in REFERENCE if "." not in key)
        raise UserError(
            f"{where}: no answer: expected one of {expected}; found {sorted(map(str, flat))}; "
            "name it with `--field answer=COLUMN`, or join problems by id with `mechcot import --problems FILE`"
        )
    return Problem(name or f"line-{number:05d}", question, reference), {
        asked,
        held,
        column,
        "answer",
    }


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


def _joined(known: "Known", name: str | None, question: str | None, *, where: str) -> Problem:
    problem = known.by_id.get(name or "") or known.by_text.get((question or "").strip())
    if problem is None:
        raise UserError(
            f"{where}: the id {name!r} stands in none of the {len(known.by_id)} problems of --problems, nor does its question; "
            "name the field that holds the problem's id with --field id=PATH"
        )
    return problem


def _written(
    flat: Mapping[str, Any],
    given: Mapping[str, Any],
    question: str,
    *,
    where: str,
    tags: ThoughtTags | None,
) -> tuple[list[CompletionParts], set[str]]:
    """The completions of a record, and the fields they stand in."""
    found, taken = _attempts(flat, given, question, where=where, tags=tags)
    cut, counted = was_cut(flat), withheld(flat)
    hidden = [] if "chain" in taken else hidden_thoughts(flat, where=where)
    whole = (
        replace(one, turns=(*counted, *hidden, *one.turns), cut=one.cut or cut) for one in found
    )
    return [divide(one, tags=tags, where=where) for one in whole], taken


def _attempts(
    flat: Mapping[str, Any],
    given: Mapping[str, Any],
    question: str,
    *,
    where: str,
    tags: ThoughtTags | None,
) -> tuple[list[Attempt], set[str]]:
    said = _said(flat, given, where=where)
    value = given.get("chain", flat.get("chain"))
    if value is not None:
        kind = Kind.SAID if "chain" in given and not said else Kind.THOUGHT
        empty = [Attempt(((Piece(kind, ""),),))]
        found = [] if value == "" else attempts(value, where=where, kind=kind)
        return [_then(_as_thought(one, Kind.SUMMARY), said) for one in found or empty], {"chain"}
    thought = thought_columns(flat, question, where=where, tags=tags)
    if thought is not None and said and thought.text.strip():
        return [_then(one, said) for one in _merged(thought)], {thought.name}
    text = text_columns(flat, question, where=where, tags=tags)
    if thought is not None and text is None:
        return [_then(one, said) for one in _beside(thought, None, where=where)], {thought.name}
    if thought is not None and thought.text.strip():
        return _beside(thought, text, where=where), {thought.name, text.name if text else ""}
    text = or_solution(text, flat, where=where, tags=tags)
    if text is None:
        return [_nothing(flat, where=where)], set()
    found = [_behind_prompt(one, flat.get("prompt")) for one in text.attempts]
    after = next((flat[key] for key in ("answer_text", "final") if _says(flat.get(key))), "")
    if after:
        found = [_then(_as_thought(one, Kind.SAID), after) for one in found]
    return found, {text.name}


def _said(flat: Mapping[str, Any], given: Mapping[str, Any], *, where: str) -> str:
    """Return what stands behind a thought: a field that says so, or an `answer` that is not the reference."""
    value = given.get("answer_text")
    if value is None:
        value = next((flat[key] for key in WRITTEN if _says(flat.get(key))), None)
    if value is None and "answer" not in given and flat.get("answer") is not None:
        _, column = reference_of(flat, where=where)
        value = flat["answer"] if column != "answer" else None
    return (
        str(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else ""
    )


def _then(attempt: Attempt, said: str) -> Attempt:
    """A completion with something said behind it."""
    *earlier, last = attempt.turns or ((),)
    return replace(attempt, turns=(*earlier, (*last, *([Piece(Kind.SAID, said)] if said else []))))


def _as_thought(attempt: Attempt, kind: Kind) -> Attempt:
    """A completion of which pieces of one kind are taken for the thought, because the user or another field says so."""
    turns = (
        tuple(replace(p, kind=Kind.THOUGHT) if p.kind is kind else p for p in turn)
        for turn in attempt.turns
    )
    return replace(attempt, turns=tuple(turns))


def _merged(thought: Column) -> list[Attempt]:
    """The texts of a list as one thought."""
    if len(thought.attempts) == 1:
        return list(thought.attempts)
    turns = tuple(turn for one in thought.attempts for turn in one.turns)
    texts = joined([piece.text for turn in turns for piece in turn if piece.kind is Kind.THOUGHT])
    others = tuple(piece for turn in turns for piece in turn if piece.kind is not Kind.THOUGHT)
    return [Attempt(((*others, Piece(Kind.THOUGHT, texts)),))]


def _beside(thought: Column, text: Column | None, *, where: str) -> list[Attempt]:
    """Thoughts with the texts that were said behind them.

    Raises:
        UserError: Their numbers differ, or the text holds another thought.
    """
    if text is None:
        several = _SEVERAL_THOUGHTS.search(plain_name(thought.name))
        return list(thought.attempts) if several else _merged(thought)
    thoughts = _merged(thought) if len(text.attempts) == 1 else list(thought.attempts)
    if len(thoughts) != len(text.attempts):
        raise UserError(
            f"{where}: {thought.name!r} holds {len(thoughts)} thoughts and {text.name!r} {len(text.attempts)} texts; expected as many"
        )
    found = []
    for one, said in zip(thoughts, text.attempts, strict=True):
        inner = ink_of(said.pieces, Kind.THOUGHT)
        if inner and inner != ink_of(one.pieces, Kind.THOUGHT):
            raise UserError(
                f"{where}: {thought.name!r} and the thought in {text.name!r} differ; name the one with `--field chain=PATH`"
            )
        whole = (*one.pieces, *(piece for piece in said.pieces if piece.kind is not Kind.THOUGHT))
        found.append(Attempt((whole,), cut=one.cut or said.cut))
    return found


def _behind_prompt(attempt: Attempt, prompt: Any) -> Attempt:
    """A completion without the prompt that its text begins with."""
    turns = attempt.turns
    if not isinstance(prompt, str) or not prompt.strip() or not turns or not turns[0]:
        return attempt
    first = turns[0][0]
    rest = replace(first, text=first.text.removeprefix(prompt))
    return replace(attempt, turns=((rest, *turns[0][1:]), *turns[1:]))


def _nothing(flat: Mapping[str, Any], *, where: str) -> Attempt:
    """An empty completion, where a field for it is there and empty.

    Raises:
        NoChain: The record says that its request failed.
        UserError: There is no field for it.
    """
    check_answered(flat, where=where)
    if any(isinstance(flat.get(key), list) for key in CHATS):
        raise NoChain(f"{where}: no assistant message after the last user message")
    raise UserError(
        f"{where}: no chain: expected one of chain, {', '.join(_EMPTY)}, solution or messages; "
        f"found {sorted(map(str, flat))}; name it with `--field chain=COLUMN`"
    )


def _is_line(record: Mapping[str, Any]) -> bool:
    return isinstance(record.get("chain"), str) and all(
        isinstance(record.get(key), bool) for key in ("opened", "closed")
    )


def _renamed(
    record: Mapping[str, Any], fields: Mapping[str, str], *, where: str
) -> Mapping[str, Any]:
    """A line that `as_line` wrote, with what the user named in its place."""
    given = {
        "reference" if key == "answer" else key: str(value)
        if isinstance(value, (int, float))
        else value
        for key, value in named(record, fields, where=where).items()
    }
    return {**record, **given}


def _of_line(record: Mapping[str, Any], *, where: str) -> ForeignChain:
    """The chain of a line that `as_line` wrote, to the character."""
    text = {key: record.get(key) for key in ("chain", "sample", "answer_text", "author", "prompt")}
    if not all(value is None or isinstance(value, str) for value in text.values()):
        raise UserError(
            f"{where}: {', '.join(text)} must be text in a line that `mechcot import` wrote; import the file anew"
        )
    return ForeignChain(
        problem=Problem(
            id=text_field(record, "id", where=where),
            question=text_field(record, "question", where=where),
            answer=text_field(record, "reference", where=where),
            meta={key: value for key, value in record.items() if key not in _LINE},
        ),
        chain=record["chain"],
        answer=text["answer_text"] or "",
        author=text["author"] or "imported",
        prompt=text["prompt"],
        closed=record["closed"],
        sample=text["sample"] or "",
        opened=record["opened"],
        cut=record.get("cut") is True,
    )


def as_line(chain: ForeignChain) -> dict[str, Any]:
    """A foreign chain as the line that is read back to an equal chain."""
    line = {
        "id": chain.problem.id,
        "question": chain.problem.question,
        "reference": chain.problem.answer,
        "chain": chain.chain,
        "answer_text": chain.answer,
        "author": chain.author,
        "opened": chain.opened,
        "closed": chain.closed,
    }
    line |= {"cut": True} if chain.cut else {}
    line |= {"sample": chain.sample} if chain.sample else {}
    line |= {} if chain.prompt is None else {"prompt": chain.prompt}
    return {key: value for key, value in chain.problem.meta.items() if key not in _LINE} | line


def _own(record: Mapping[str, Any], *, where: str) -> dict[str, Any]:
    """A trace as mechcot writes it, as a line with question, reference and text; its tokens belong to another model."""
    problem = record.get("problem")
    if not isinstance(problem, Mapping):
        raise UserError(
            f"{where}: not a trace as mechcot writes it (no problem in it); write the file anew"
        )
    meta = problem.get("meta")
    sample = str(record.get("id", "")).removeprefix(f"{problem.get('id')}/{record.get('author')}")
    return (dict(meta) if isinstance(meta, Mapping) else {}) | {
        "id": problem.get("id"),
        "question": problem.get("question"),
        "reference": problem.get("answer"),
        "completion": record["completion"],
        "author": record.get("author"),
        "sample": sample.removeprefix("/") or None,
    }
