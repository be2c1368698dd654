"""What models and traces are called in the key of an item and in the note of a run."""

from collections.abc import Sequence
from typing import Any

import torch

from mechcot.core.store import digest
from mechcot.core.trace import Trace
from mechcot.model.reasoner import Reasoner
from mechcot.text.given_truth import KEY


def read_by(readers: Sequence[Reasoner], traces: Sequence[Trace]) -> dict[str, Any]:
    """Name models and traces for `mechcot.runs.output_claims.claimed`, which finds the way of asking at `ASKED_AT`."""
    return {
        "models": [
            [r.weights_hash, r.logit_scale, r.policy.asking.key, *precision(r)] for r in readers
        ],
        "traces": digest([[t.id, t.problem.answer, list(t.ids)] for t in traces]),
        **({"truth": digest(truth)} if (truth := _truths(traces)) else {}),
    }


def precision(reader: Reasoner) -> list[str]:
    """Name the type that a model computes with, for the key of an item: its weights' hash is of their files, whatever they are loaded as.

    float32 goes without saying, so that keys of earlier versions stay.
    """
    return [] if reader.dtype == torch.float32 else [str(reader.dtype)]


def _truths(traces: Sequence[Trace]) -> list[Any]:
    """What the user's files say of the traces' problems."""
    return [[t.id, t.problem.meta[KEY]] for t in traces if KEY in t.problem.meta]
