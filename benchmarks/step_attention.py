"""Step attention of all layers and heads against a plain SDPA forward: time, and peak extra memory.

Memory is the peak resident size of a process of its own above what it held before the run.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

from benchmarks.setting import Row, in_turn, show, small_model, tokens
from mechcot.core.trace import Span
from mechcot.model.attention import group_attention
from mechcot.model.forward import forward
from mechcot.model.probe import backbone_of

LENGTHS = (2048, 4096)
STEP = 64


def groups_of(length: int) -> list[Span]:
    """A question of 64 tokens, then steps of 64, all the way."""
    return [Span(start, start + STEP) for start in range(0, length, STEP)]


def plain(reasoner: object, length: int) -> torch.Tensor:
    """A forward through SDPA, nothing kept."""
    backbone = backbone_of(reasoner.model)
    return forward(backbone, torch.tensor([tokens(length)]))


def run() -> list[Row]:
    """Two rows per length."""
    reasoner = small_model()
    difference = _against_eager(reasoner)
    rows = []
    for length in LENGTHS:
        ids = tokens(length)
        times = in_turn(
            {
                "plain": lambda length=length: plain(reasoner, length),
                "steps": lambda ids=ids: group_attention(reasoner, ids, groups_of(len(ids))),
            }
        )
        wall = times["steps"].wall / times["plain"].wall
        cpu = times["steps"].cpu / times["plain"].cpu
        rows.append(
            Row(
                name=f"step attention, {length} tokens, time: ours / plain SDPA forward",
                slow=str(times["plain"]),
                fast=str(times["steps"]),
                ratio=f"{wall:.1f}x ({cpu:.1f}x CPU)",
                bound="<= 3x",
                holds=min(wall, cpu) <= 3.0,
                difference=f"{difference:.0e}",
            )
        )
        before, after = (_peak(side, length) for side in ("plain", "steps"))
        rows.append(
            Row(
                name=f"step attention, {length} tokens, peak extra memory: ours / plain SDPA forward",
                slow=f"{before / 1024:.0f} MB",
                fast=f"{after / 1024:.0f} MB",
                ratio=f"{after / before:.1f}x",
                bound="<= 3x",
                holds=after / before <= 3.0,
                difference=f"{difference:.0e}",
            )
        )
    return rows


def _against_eager(reasoner: object, length: int = 512) -> float:
    """Largest difference from attention matrices pooled outside, on a shorter text."""
    ids = tokens(length)
    ours = group_attention(reasoner, ids, groups_of(length)).mean
    reasoner.model.set_attn_implementation("eager")
    with torch.no_grad():
        full = reasoner.model(input_ids=torch.tensor([ids]), output_attentions=True).attentions
    reasoner.model.set_attn_implementation("sdpa")
    n = length // STEP
    blocks = torch.stack(full)[:, 0].reshape(6, 8, n, STEP, n, STEP).mean(dim=(3, 5)).numpy()
    theirs = np.swapaxes(blocks, 2, 3)
    difference = float(np.nanmax(np.abs(ours - theirs)))
    if difference > 1e-4:
        msg = f"step attention differs from pooled eager attention by {difference}"
        raise RuntimeError(msg)
    return difference


def _peak(side: str, length: int) -> int:
    """Kilobytes that a process of its own needed above its size before the run; median of five processes."""
    command = [sys.executable, "-m", "benchmarks.step_attention", side, str(length)]
    taken = [int(subprocess.check_output(command, text=True).strip()) for _ in range(5)]
    return sorted(taken)[2]


def _status(key: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return int(next(line for line in lines if line.startswith(key)).split()[1])


def child(side: str, length: int) -> None:
    """Run one side once and print the kilobytes it took."""
    reasoner = small_model()
    plain(reasoner, 64)
    group_attention(reasoner, tokens(128), groups_of(128))
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # resets the high-water mark
    before = _status("VmRSS")
    if side == "plain":
        plain(reasoner, length)
    else:
        group_attention(reasoner, tokens(length), groups_of(length))
    print(_status("VmHWM") - before)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        child(sys.argv[1], int(sys.argv[2]))
    else:
        show(run())
