"""Read chains that were written elsewhere: JSON lines from an API, vLLM, Thought Anchors, chat logs.

Shapes of a line (several names for one thing, the first that is there counts):

    question   `question`, `problem` (text, or an object with `problem`), `prompt_text`, else the last user message
    chain      `chain`, `reasoning`, `reasoning_trace`, `solution`, `completion`, `text`, else the assistant's
               `reasoning_content` or message; a text with a closing thought mark is divided there
    written    `answer_text`, `response`, `final`: what was written after the thought
    reference  `ground_truth`, `gt_answer`, `reference`, `target`, else `answer`
    optional   `id` / `item_id` of the problem, `sample` where one problem has several chains,
               `author` / `model` / `model_name`, `prompt`; anything else goes to `meta`

Thought Anchors (arXiv 2506.19143): `problem.gt_answer` is the reference, `solution` the raw text; its
`chunks` with their importances stay in `meta`. A line of mechcot's own `traces.jsonl` is read as the chain it holds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mechcot.core.errors import UserError
from mechcot.core.problem import Problem
from mechcot.text.problems import json_lines, text_field
from mechcot.text.tags import THINK

_QUESTION = ("question", "problem", "prompt_text")
_CHAIN = ("chain", "reasoning", "reasoning_trace", "solution", "completion", "text")
_WRITTEN = ("answer_text", "response", "final")
_REFERENCE = ("ground_truth", "gt_answer", "reference", "target", "answer")
_ID = ("id", "item_id", "uuid")
_AUTHOR = ("author", "model", "model_name")
_USED = frozenset(
    {*_QUESTION, *_CHAIN, *_WRITTEN, *_REFERENCE, *_ID, *_AUTHOR, "sample", "prompt", "messages"}
)


@dataclass(frozen=True)
class ForeignChain:
    """A chain that was written elsewhere.

    Attributes:
        problem: The question with its reference answer.
        chain: The thought, without marks.
        answer: What was written after it; empty when there was nothing.
        author: Who wrote it, as the file says.
        prompt: The prompt it was written behind, if the file says so.
        closed: Whether the thought was closed.
        sample: Which of several chains for one problem; empty when the file does not say.
    """

    problem: Problem
    chain: str
    answer: str
    author: str = "imported"
    prompt: str | None = None
    closed: bool = True
    sample: str = ""

    @property
    def text(self) -> str:
        """The completion behind an opening mark: chain, closing mark, answer."""
        return f"{self.chain}{THINK.close}{self.answer}" if self.closed else self.chain


def load_chains(path: str | Path) -> list[ForeignChain]:
    """Load foreign chains.

    Args:
        path: A file of JSON lines in one of the shapes of the module's text.

    Raises:
        UserError: No such file, a line that is not a JSON object or lacks something (with its number), a
            repeated id (of one `sample`), one id with two questions or answers, or no line at all.
    """
    path = Path(path)
    found: list[ForeignChain] = []
    seen: dict[tuple[str, str], int] = {}
    asked: dict[str, tuple[int, Problem]] = {}
    for line, record in json_lines(path):
        chain = foreign_chain(record, where=f"{path}:{line}", number=line)
        key = (chain.problem.id, chain.sample)
        if key in seen:
            msg = (
                f"{path}:{line}: the id {chain.problem.id!r} stands on line {seen[key]} already; ids must differ, "
                "or several chains for one problem each have a `sample` of their own"
            )
            raise UserError(msg)
        seen[key] = line
        first, problem = asked.setdefault(chain.problem.id, (line, chain.problem))
        if (problem.question, problem.answer) != (chain.problem.question, chain.problem.answer):
            msg = f"{path}:{line}: the problem {problem.id!r} has another question or answer on line {first}"
            raise UserError(msg)
        found.append(chain)
    if not found:
        msg = f"{path}: no chains in it; expected JSON lines with question, chain, answer"
        raise UserError(msg)
    return found


def foreign_chain(record: Mapping[str, Any], *, where: str, number: int) -> ForeignChain:
    """One line of a file as a chain.

    Args:
        record: The line's object, in one of the shapes of the module's text.
        where: File and line, for messages.
        number: Number of the line; names a chain without an id.

    Raises:
        UserError: Something is missing or of the wrong kind.
    """
    record = (
        _own(record, where=where) if {"schema", "steps", "completion"} <= record.keys() else record
    )
    flat = dict(record)
    meta = {key: value for key, value in record.items() if key not in _USED}
    if isinstance(flat.get("problem"), Mapping):  # Thought Anchors
        inner = dict(flat.pop("problem"))
        meta |= {key: value for key, value in inner.items() if key not in {"problem", "gt_answer"}}
        flat |= {key: value for key, value in inner.items() if key in {"problem", "gt_answer"}}
    flat |= _from_messages(flat.get("messages"), where=where)
    question = _first(flat, _QUESTION, what="question", where=where)
    reference = _first(flat, _REFERENCE, what="answer", where=where)
    chain, answer, closed = _divided(flat, where=where)
    name = next((key for key in _ID if flat.get(key) is not None), None)
    author = next((str(flat[key]) for key in _AUTHOR if flat.get(key)), "imported")
    prompt = flat.get("prompt")
    return ForeignChain(
        problem=Problem(
            id=f"line-{number:05d}" if name is None else text_field(flat, name, where=where),
            question=question,
            answer=reference,
            meta=meta,
        ),
        chain=chain,
        answer=answer,
        author=author,
        prompt=prompt if isinstance(prompt, str) else None,
        closed=closed,
        sample="" if flat.get("sample") is None else str(flat["sample"]),
    )


def _own(record: Mapping[str, Any], *, where: str) -> dict[str, Any]:
    """A trace as mechcot writes it, as a line with question, reference and text; its tokens belong to another model."""
    problem = record.get("problem")
    if not isinstance(problem, Mapping):
        msg = f"{where}: not a trace as mechcot writes it (no problem in it); write the file anew"
        raise UserError(msg)
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


def _first(record: Mapping[str, Any], names: tuple[str, ...], *, what: str, where: str) -> str:
    name = next((name for name in names if record.get(name) is not None), None)
    if name is None:
        msg = f"{where}: no {what}: expected one of {', '.join(names)}; found {sorted(map(str, record))}"
        raise UserError(msg)
    return text_field(record, name, where=where)


def _divided(record: Mapping[str, Any], *, where: str) -> tuple[str, str, bool]:
    """Chain, what follows it, and whether the thought was closed. An empty chain is allowed: it becomes a counted row."""
    name = next((name for name in _CHAIN if isinstance(record.get(name), str)), None)
    if name is None:
        msg = f"{where}: no chain: expected one of {', '.join(_CHAIN)} or messages; found {sorted(map(str, record))}"
        raise UserError(msg)
    text = str(record[name])
    if text:
        text = text if not text.strip() else text_field(record, name, where=where)
    lead = len(text) - len(text.lstrip())
    if text.startswith(THINK.open, lead):
        text = text[lead + len(THINK.open) :]
    chain, mark, rest = text.partition(THINK.close)
    written = next(
        (
            text_field(record, key, where=where) if record[key].strip() else ""
            for key in _WRITTEN
            if isinstance(record.get(key), str)
        ),
        "",
    )
    if mark:
        return chain, rest or written, True
    reference_given = any(record.get(key) is not None for key in _REFERENCE[:-1])
    if not written and reference_given and record.get("answer") is not None:
        written = str(record["answer"])
    return chain, written, bool(written.strip())


def _from_messages(messages: Any, *, where: str) -> dict[str, str]:
    """Question and chain of a chat: its last user message and the assistant message after it."""
    if messages is None:
        return {}
    if not isinstance(messages, list) or not all(isinstance(m, Mapping) for m in messages):
        msg = f"{where}: 'messages' must be a list of objects with role and content"
        raise UserError(msg)
    question: dict[str, str] = {}
    turns: list[tuple[str, str]] = []
    for message in messages:
        text, thought = _content(message, where=where)
        if message.get("role") == "user":
            question, turns = {"question": text}, []
        elif message.get("role") == "assistant":
            turns.append((text, thought))
        elif turns:
            msg = f"{where}: a message by {message.get('role')!r} stands inside the answer; expected a chain that the model wrote alone"
            raise UserError(msg)
    if not turns:
        msg = f"{where}: no assistant message after the last user message"
        raise UserError(msg)
    if not any(thought for _, thought in turns):
        return question | {"chain": "\n\n".join(text for text, _ in turns)}
    *earlier, (answer, last) = turns
    pieces = [piece for text, thought in earlier for piece in (thought, text)]
    chain = "\n\n".join(piece for piece in (*pieces, last) if piece)
    return question | {"chain": chain, "answer_text": answer}


def _content(message: Mapping[str, Any], *, where: str) -> tuple[str, str]:
    """Text and thought of one message; the content may be text or a list of typed parts."""
    content = message.get("content") or ""
    thought = str(message.get("reasoning_content") or message.get("reasoning") or "")
    if isinstance(content, str):
        return content, thought
    if not isinstance(content, list):
        msg = f"{where}: a message's content must be text or a list of parts, got {type(content).__name__}"
        raise UserError(msg)
    parts = [part for part in content if isinstance(part, Mapping)]
    text = "".join(str(p.get("text") or "") for p in parts if p.get("type", "text") == "text")
    thought += "".join(str(p.get("reasoning") or "") for p in parts if p.get("type") == "reasoning")
    return text, thought
