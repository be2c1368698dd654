"""A chain that was written elsewhere, and the line of JSON that keeps it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mechcot.core.errors import UserError
from mechcot.core.problem import Problem
from mechcot.core.wording import count_of
from mechcot.text.field_names import can_be_answered, named
from mechcot.text.json_lines import text_field
from mechcot.text.think_tags import THINK

LINE_FIELDS = (
    "id", "sample", "question", "reference", "chain", "answer_text", "author", "prompt", "opened", "closed", "cut",
    "token_ids",
)  # fmt: skip
"""The fields of a line that `as_line` writes."""


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
        token_ids: The tokens that its author wrote, marks and end included; empty when the file does not say.
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
    token_ids: tuple[int, ...] = ()

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

    def notice(self) -> str:
        """Sentence on the records that were left out, with the first reason; empty where none was."""
        if not self.left_out:
            return ""
        n = len(self.left_out)
        return f"{count_of(n, 'record')} left out, {count_of(len(self.chains), 'chain')} read; {self.left_out[0]}"

    def repeated(self) -> str:
        """Sentence on chains whose question stands under several ids, so that they count as several items; empty where none does."""
        asked = {(chain.problem.question, chain.problem.id) for chain in self.chains}
        more = len(asked) - len({question for question, _ in asked})
        if not more:
            return ""
        return (
            f"{more} of {len(asked)} questions stand there before under another id; each counts as an item of its own, so that intervals "
            "are narrower than the questions allow; give chains of one question one id, and a `sample` each"
        )


def is_line(record: Mapping[str, Any]) -> bool:
    """True for a line that `as_line` wrote."""
    return isinstance(record.get("chain"), str) and all(
        isinstance(record.get(key), bool) for key in ("opened", "closed")
    )


def _with_fields(
    record: Mapping[str, Any], fields: Mapping[str, str], *, where: str
) -> Mapping[str, Any]:
    """A line that `as_line` wrote, with what the user named in its place."""
    given = named(record, fields, where=where)
    if "answer" in given:
        given["reference"] = given.pop("answer")
    numbers = {key: str(value) for key, value in given.items() if isinstance(value, (int, float))}
    return {**record, **given, **numbers}


def line_chain(record: Mapping[str, Any], fields: Mapping[str, str], *, where: str) -> ForeignChain:
    """The chain of a line that `as_line` wrote, to the character, with what the user named in its place."""
    record = _with_fields(record, fields, where=where)
    text = {key: record.get(key) for key in ("chain", "sample", "answer_text", "author", "prompt")}
    if not all(value is None or isinstance(value, str) for value in text.values()):
        raise UserError(
            f"{where}: {', '.join(text)} must be text in a line that `mechcot import` wrote; import the file anew"
        )
    return ForeignChain(
        problem=Problem(
            id=text_field(record, "id", where=where),
            question=text_field(record, "question", where=where),
            answer=_reference(record, where=where),
            meta={key: value for key, value in record.items() if key not in LINE_FIELDS},
        ),
        chain=record["chain"],
        answer=text["answer_text"] or "",
        author=text["author"] or "imported",
        prompt=text["prompt"],
        closed=record["closed"],
        sample=text["sample"] or "",
        opened=record["opened"],
        cut=record.get("cut") is True,
        token_ids=_token_ids(record.get("token_ids"), where=where),
    )


def _reference(record: Mapping[str, Any], *, where: str) -> str:
    unsaid = record.get("reference") == "" and not can_be_answered(record, where=where)
    return "" if unsaid else text_field(record, "reference", where=where)


def _token_ids(value: Any, *, where: str) -> tuple[int, ...]:
    """The ids of a line's tokens.

    Raises:
        UserError: They are no list of whole numbers from 0 on.
    """
    ids = [] if value is None else value
    if not isinstance(ids, list) or not all(type(i) is int and i >= 0 for i in ids):
        raise UserError(f"{where}: 'token_ids' must be a list of whole numbers; leave it out")
    return tuple(ids)


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
    line |= {"token_ids": list(chain.token_ids)} if chain.token_ids else {}
    line |= {"sample": chain.sample} if chain.sample else {}
    line |= {} if chain.prompt is None else {"prompt": chain.prompt}
    return {
        key: value for key, value in chain.problem.meta.items() if key not in LINE_FIELDS
    } | line


def line_of_trace(record: Mapping[str, Any], *, where: str) -> dict[str, Any]:
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
