"""Whose a folder is: a run is never replaced by another unless that was asked for."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from mechcot.core.errors import UserError
from mechcot.core.store import digest, read_json, write_json
from mechcot.core.trace import Trace
from mechcot.model.reasoner import Reasoner
from mechcot.text.given_truth import KEY

STAMP = "run.json"


def claim(out: Path, command: str, settings: Mapping[str, Any], *, overwrite: bool = False) -> None:
    """Note in a folder which run it holds; the same run goes on in it, and so does one that began before this was noted.

    Args:
        out: The folder.
        command: Name of the command, such as `compare`.
        settings: Whatever decides what its report says, as JSON-able data.
        overwrite: Take the folder over: finished items that fit are used, the report is replaced.

    Raises:
        UserError: The folder holds another run.
    """
    path = out / STAMP
    own = json.loads(json.dumps({"command": command, "settings": settings}))
    if path.is_file() and not overwrite:
        held = read_json(path, what="the settings of a run")
        if held.get("command") != command:
            raise UserError(
                f"{out} holds a run of `mechcot {held.get('command')}`; choose another --out, or add --overwrite"
            )
        if held != own:
            raise UserError(
                f"{out} holds a run with other settings ({_differing(held.get('settings'), own['settings'])}); choose another --out, "
                "or add --overwrite: its report is replaced, its finished items are used where they fit"
            )
    write_json(path, own)


def read_by(readers: Sequence[Reasoner], traces: Sequence[Trace]) -> dict[str, Any]:
    """Name models and traces for `claim`."""
    return {
        "models": [
            [r.weights_hash, r.logit_scale, r.policy.asking.key, *precision(r)] for r in readers
        ],
        "traces": digest([[t.id, t.problem.answer, list(t.ids)] for t in traces]),
        **({"truth": digest(truth)} if (truth := _truths(traces)) else {}),
    }


def _truths(traces: Sequence[Trace]) -> list[Any]:
    """What the user's files say of the traces' problems."""
    return [[t.id, t.problem.meta[KEY]] for t in traces if KEY in t.problem.meta]


def precision(reader: Reasoner) -> list[str]:
    """Name the type that a model computes with, for the key of an item: its weights' hash is of their files, whatever they are loaded as.

    float32 goes without saying, so that keys of earlier versions stay.
    """
    return [] if reader.dtype == torch.float32 else [str(reader.dtype)]


def _differing(held: Any, own: Mapping[str, Any]) -> str:
    """Name the settings that differ."""
    if not isinstance(held, dict):
        return "all of them"
    names = [n for n in sorted(held.keys() | own.keys()) if held.get(n) != own.get(n)]
    return ", ".join(n.replace("_", " ") for n in names)
