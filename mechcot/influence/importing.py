r"""Foreign traces into the lines that `compare --traces`, `prune --traces` and `influence --traces` read.

    thought-anchors  {"problem": {"problem", "gt_answer"}, "solution", "chunks": [...]}; the sentences with tags
                     and importances stay in the line as `anchors`; `importances` loads them as results
    chat             {"messages": [{"role", "content", "reasoning_content"}], ...} with a reference answer
    inspect          samples of an Inspect log: {"id", "input", "target", "messages"}, one a line
    text             plain text: texts apart by a line `---`, each the question, a blank line, then the chain; the
                     reference answer may stand in a last line `answer: ...`

Every line written holds `id`, `question`, `chain`, `answer_text` (what followed the thought), `answer` (the reference), `author`
and whatever else the source says. Errors name the file and the line.
Sources: Thought Anchors (Bogdan et al. 2025, arXiv 2506.19143); Inspect (UK AI Security Institute), `EvalSample`.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mechcot.core.errors import UserError
from mechcot.core.result import StepVector
from mechcot.core.store import digest, write_text
from mechcot.text.problems import json_lines
from mechcot.text.tags import THINK
from mechcot.text.traces_in import ForeignChain, foreign_chain

ANCHORS = "anchors"
IMPORTANCES = (
    "resampling_importance_accuracy",
    "resampling_importance_kl",
    "counterfactual_importance_accuracy",
    "counterfactual_importance_kl",
    "forced_importance_accuracy",
    "forced_importance_kl",
)


@dataclass(frozen=True)
class Anchor:
    """One sentence of a Thought Anchors trace with what its rollouts say.

    Attributes:
        text: The sentence as their splitter cut it.
        tags: Their labels, one of eight as a rule.
        depends: Earlier sentences it depends on, as their labeller says.
        importance: Name of an importance -> value; absent ones, and those that are not finite, are left out.
    """

    text: str
    tags: tuple[str, ...]
    depends: tuple[int, ...]
    importance: Mapping[str, float]


def importances(path: Path, *, name: str) -> list[StepVector]:
    """One importance of every sentence of every trace, as results that can be ranked against ours.

    Args:
        path: Thought Anchors traces, one a line.
        name: One of `IMPORTANCES`; accuracies are differences of probability over about 100 rollouts, the others KL in nats.

    Raises:
        UserError: An unknown name, or a line that is not a Thought Anchors trace.
    """
    if name not in IMPORTANCES:
        msg = f"unknown importance {name!r}: expected one of {', '.join(IMPORTANCES)}"
        raise UserError(msg)
    found = []
    for line, record in json_lines(path):
        anchors = _thought_anchors(record, f"{path}:{line}")[ANCHORS]
        chain = foreign_chain(record, where=f"{path}:{line}", number=line)
        found.append(
            StepVector(
                values=np.array([a["importance"].get(name, math.nan) for a in anchors]),
                measure="thought_anchors",
                name=name,
                unit="nats" if name.endswith("kl") else "probability",
                trace=chain.problem.id,
                reader=chain.author,
                tokens=digest([a["text"] for a in anchors]),
            )
        )
    return found


def _same(record: dict[str, Any], where: str) -> dict[str, Any]:  # noqa: ARG001
    return record


def _thought_anchors(record: dict[str, Any], where: str) -> dict[str, Any]:
    if not isinstance(record.get("chunks"), list) or not isinstance(record.get("problem"), dict):
        msg = f"{where}: not a Thought Anchors trace: expected 'problem' (an object) and 'chunks' (a list), found {sorted(record)}"
        raise UserError(msg)
    kept = dict(record)
    anchors = [_anchor(chunk, f"{where}, chunk {i}") for i, chunk in enumerate(kept.pop("chunks"))]
    return kept | {ANCHORS: [anchor_json(anchor) for anchor in anchors]}


def _inspect(record: dict[str, Any], where: str) -> dict[str, Any]:
    if "messages" not in record:
        msg = (
            f"{where}: not a sample of an Inspect log: expected 'messages', found {sorted(record)}"
        )
        raise UserError(msg)
    kept = dict(record)
    target = kept.get("target")
    if isinstance(target, list):
        kept["target"] = target[0] if target else None
    if kept.get("epoch") is not None:  # one id, several tries
        kept["sample"] = str(kept["epoch"])
    if isinstance(kept.get("output"), Mapping) and not kept.get("model"):
        kept["model"] = kept["output"].get("model")
    return {
        key: kept[key]
        for key in ("id", "sample", "target", "messages", "model", "metadata")
        if kept.get(key) is not None
    }


FORMATS: Mapping[str, Callable[[dict[str, Any], str], dict[str, Any]]] = {
    "thought-anchors": _thought_anchors,
    "chat": _same,
    "inspect": _inspect,
}


def import_traces(source: Path, out: Path, *, kind: str) -> int:
    """Write the traces of `source` to `out`; gives their number.

    Args:
        source: The file.
        out: JSON lines, written whole or not at all.
        kind: `text` or one of `FORMATS`.

    Raises:
        UserError: An unknown kind, a line that is wrong, a repeated id, or no trace at all.
    """
    lines: list[str] = []
    seen: dict[tuple[str, str], int] = {}
    for number, chain in _chains(source, kind=kind):
        key = (chain.problem.id, chain.sample)
        if key in seen:
            msg = f"{source}:{number}: the id {chain.problem.id!r} stands on line {seen[key]} already; ids must differ, or have a `sample` each"
            raise UserError(msg)
        seen[key] = number
        lines.append(json.dumps(as_line(chain), ensure_ascii=False, sort_keys=True))
    if not lines:
        msg = f"{source}: no traces in it; expected the format {kind}"
        raise UserError(msg)
    write_text(out, "".join(f"{line}\n" for line in lines))
    return len(lines)


def _chains(source: Path, *, kind: str) -> Iterator[tuple[int, ForeignChain]]:
    if kind == "text":
        records = _texts(source)
    elif kind in FORMATS:
        change = FORMATS[kind]
        records = (
            (line, change(record, f"{source}:{line}")) for line, record in json_lines(source)
        )
    else:
        msg = f"unknown format {kind!r}: expected one of text, {', '.join(FORMATS)}"
        raise UserError(msg)
    for line, record in records:
        yield line, foreign_chain(record, where=f"{source}:{line}", number=line)


def as_line(chain: ForeignChain) -> dict[str, Any]:
    """A foreign chain in the shape that `mechcot.text.traces_in` reads back to an equal chain."""
    line = {
        "id": chain.problem.id,
        "question": chain.problem.question,
        "reference": chain.problem.answer,
        "chain": f"{chain.chain}{THINK.close}{chain.answer}" if chain.closed else chain.chain,
        "author": chain.author,
    }
    line |= {"sample": chain.sample} if chain.sample else {}
    line |= {} if chain.prompt is None else {"prompt": chain.prompt}
    return dict(chain.problem.meta) | line


def _texts(source: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The texts of a plain file with the lines they start on."""
    try:
        data = source.read_bytes()
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        msg = f"{source}:{line}: not UTF-8 (byte {error.start} of the file); save the file as UTF-8"
        raise UserError(msg) from error
    except OSError as error:
        msg = f"{source}: cannot read the file ({error.strerror or error}); expected text"
        raise UserError(msg) from error
    start, held = 1, []
    for number, line in enumerate([*text.splitlines(keepends=True), "---\n"], start=1):
        if line.strip() != "---":
            held.append(line)
            continue
        if "".join(held).strip():
            yield start, _text("".join(held), f"{source}:{start}")
        start, held = number + 1, []


def _text(text: str, where: str) -> dict[str, Any]:
    question, gap, rest = text.strip("\r\n").replace("\r\n", "\n").partition("\n\n")
    body, mark, answer = rest.rstrip().rpartition("\nanswer:")
    if not gap or not mark or not answer.strip() or "\n" in answer.strip():
        msg = f"{where}: expected the question, a blank line, the chain, and a last line 'answer: ...'"
        raise UserError(msg)
    return {"question": question.strip(), "chain": body, "answer": answer.strip()}


def _anchor(chunk: Any, where: str) -> Anchor:
    try:
        text, depends = chunk["chunk"], chunk.get("depends_on") or []
        if not isinstance(text, str) or not isinstance(depends, list):
            raise TypeError("'chunk' must be text, 'depends_on' a list")
        tags = chunk.get("function_tags") or ()
        given = {name: float(chunk[name]) for name in IMPORTANCES if chunk.get(name) is not None}
        return Anchor(
            text=text,
            tags=(tags,) if isinstance(tags, str) else tuple(str(tag) for tag in tags),
            depends=tuple(int(step) for step in depends),
            importance={name: value for name, value in given.items() if math.isfinite(value)},
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        msg = f"{where}: not a sentence of Thought Anchors ({type(error).__name__}: {error})"
        raise UserError(msg) from error


def anchor_json(anchor: Anchor) -> dict[str, Any]:
    """An anchor as JSON-able data."""
    return {
        "text": anchor.text,
        "tags": list(anchor.tags),
        "depends": list(anchor.depends),
        "importance": dict(anchor.importance),
    }
