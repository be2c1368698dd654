"""Chains of the organisms' task with steps that nothing needs, as a file of foreign chains."""

import json
from dataclasses import asdict
from pathlib import Path

from mechcot.core.store import write_text
from mechcot.organisms.unused_steps import WRITER, with_unused_steps


def write_unused(path: Path, *, n: int, spares: int, seed: int) -> int:
    """Write the chains; gives their number. The unused steps stand before, between and after the needed ones.

    Args:
        path: The file; one that is there is overwritten.
        n: How many chains.
        spares: Unused names that each chain computes.
        seed: Of problems and chains.
    """
    lines = []
    for problem, draft in with_unused_steps(n, seed=seed, spares=spares):
        row = asdict(problem)
        text = {"chain": f" {draft.text}", "answer_text": f" answer {draft.answer}"}
        lines.append(json.dumps(row.pop("meta") | row | text | {"author": WRITER}, sort_keys=True))
    write_text(path, "".join(f"{line}\n" for line in lines))
    return len(lines)
