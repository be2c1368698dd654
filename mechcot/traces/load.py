"""Traces for one reader: mechcot's own JSON lines, or chains written elsewhere."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from mechcot.core.errors import UserError
from mechcot.core.store import read_traces
from mechcot.core.trace import Trace
from mechcot.model.reasoner import Reasoner
from mechcot.tasks import with_kinds
from mechcot.text.records import records
from mechcot.traces.bind import read_chain
from mechcot.traces.external import read_given


def load_traces(
    path: Path | str,
    reader: Reasoner,
    *,
    n: int | None = None,
    fields: Mapping[str, str] | None = None,
) -> list[Trace]:
    """Read traces of either sort; the organisms' steps get their exact kinds.

    Args:
        path: JSON lines: `{"schema": ..., "ids": ...}` as mechcot writes them, or any shape that
            `mechcot.traces.external` reads.
        reader: Who cuts foreign chains into steps and tokens.
        n: Most traces; None for all.
        fields: Where to find something: a map from `mechcot.text.columns.FIELDS` to the file's columns.

    Raises:
        UserError: A line is wrong (file and line are named), or no trace is there.

    Example:
        >>> import mechcot as mc, pathlib, tempfile
        >>> file = pathlib.Path(tempfile.mkdtemp()) / "chains.jsonl"
        >>> line = '{"question": ": c: 2 ; find c ?", "chain": " so c= 2 .", "answer_text": " answer 2", "answer": "2"}'
        >>> _ = file.write_text(line)
        >>> mc.read_traces(str(file), mc.load("organism:base"))[0].answer.text
        '2'
    """
    path = Path(path)
    if n is not None and n < 1:
        raise UserError(f"expected --n of at least 1, got {n}")
    first = next(records(path), None)
    if first is None:
        raise UserError(
            f"{path}: no traces in it; expected JSON lines with question, chain, answer"
        )
    if not fields and {"schema", "ids", "steps"} <= first[2].keys():
        traces = read_traces(path)[:n]
        if reader.policy.asking.key:  # the file's answers were read as its author's files say
            traces = [_answered(reader, trace) for trace in traces]
        return [with_kinds(trace) for trace in traces]
    loaded = read_given(path, fields=fields, think=reader.policy.asking.think)
    if loaded.left_out:
        Console(stderr=True).print(loaded.told(), markup=False)
    return [with_kinds(read_chain(reader, chain)) for chain in loaded.chains[:n]]


def _answered(reader: Reasoner, trace: Trace) -> Trace:
    """The trace with the answer that its text states to this reader."""
    return replace(trace, answer=reader.retoken(trace, trace.prompt, trace.completion).answer)
