"""Traces for one reader: mechcot's own JSON lines, or chains written elsewhere."""

from itertools import islice
from pathlib import Path

from mechcot.core.errors import UserError
from mechcot.core.store import trace_from_json
from mechcot.core.trace import Trace
from mechcot.model.foreign import read_chain
from mechcot.model.reasoner import Reasoner
from mechcot.organisms.exact import with_exact_kinds
from mechcot.text.problems import json_lines
from mechcot.text.traces_in import load_chains


def load_traces(path: Path, reader: Reasoner, *, n: int | None = None) -> list[Trace]:
    """Read traces of either sort; the organisms' steps get their exact kinds.

    Args:
        path: JSON lines: `{"schema": ..., "ids": ...}` as mechcot writes them, or any shape that
            `mechcot.text.traces_in` reads.
        reader: Who cuts foreign chains into steps and tokens.
        n: Most traces; None for all.

    Raises:
        UserError: A line is wrong (file and line are named), or no trace is there.
    """
    first = next(iter(json_lines(path)), None)
    if first is None:
        msg = f"{path}: no traces in it; expected JSON lines with question, chain, answer"
        raise UserError(msg)
    if {"schema", "ids", "steps"} <= first[1].keys():
        return [with_exact_kinds(trace) for trace in islice(_own(path), n)]
    return [with_exact_kinds(read_chain(reader, chain)) for chain in load_chains(path)[:n]]


def _own(path: Path) -> list[Trace]:
    found = []
    for line, record in json_lines(path):
        try:
            found.append(trace_from_json(record))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            msg = f"{path}:{line}: not a trace as mechcot writes it ({type(error).__name__}: {error}); write the file anew"
            raise UserError(msg) from error
    return found
