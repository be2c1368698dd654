"""Step attention of all layers and heads against a plain SDPA forward: time, and peak extra memory.

Memory is the peak resident size of a child process above what it held before the run. The children are
forked before anything large has run, so that no freed memory of the parent's can be used again.
"""

import multiprocessing
import statistics
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from benchmarks.setting import (
    ROUNDS,
    Row,
    faster,
    in_turn,
    show,
    small_model,
    tokenizer,
    tokens,
)
from mechcot.core.trace import Span
from mechcot.model.attention import group_attention
from mechcot.model.internals.forward import forward
from mechcot.model.internals.self_test import backbone_of
from mechcot.model.loading.transformer_lens_bridge import open_lens

LENGTHS = (2048, 4096)
STEP = 64


def groups_of(length: int) -> list[Span]:
    """A question of 64 tokens, then steps of 64, all the way."""
    return [Span(start, start + STEP) for start in range(0, length, STEP)]


def plain(reasoner: Any, length: int) -> torch.Tensor:
    """A forward through SDPA, nothing kept."""
    backbone = backbone_of(reasoner.model)
    return forward(backbone, torch.tensor([tokens(length)]))


def run() -> Iterator[Row]:
    """Two rows per length, and one beside the bridge."""
    reasoner = small_model()
    plain(reasoner, 64)
    group_attention(reasoner, tokens(128), groups_of(128))
    peaks = {
        length: [_peak(reasoner, side, length) for side in ("plain", "steps")] for length in LENGTHS
    }
    difference = f"{_against_eager(reasoner):.0e}"
    for length, (before, after) in peaks.items():
        yield Row(
            name=f"step attention, {length} tokens, peak extra memory: ours / plain SDPA forward",
            slow=f"{before / 1024:.0f} MB",
            fast=f"{after / 1024:.0f} MB",
            ratio=f"{after / before:.1f}x",
            bound="<= 3x",
            holds=after / before <= 3.0,
            difference=difference,
        )
        yield _times(reasoner, length, difference=difference)
    yield _beside_the_bridge(reasoner, LENGTHS[0])


def _beside_the_bridge(reasoner: Any, length: int) -> Row:
    """The same numbers from the bridge: all attention patterns cached, then pooled into steps."""
    ids, n = tokens(length), length // STEP
    batch = torch.tensor([ids])
    with TemporaryDirectory() as folder:
        bridge = open_lens(reasoner.model, tokenizer(Path(folder)), name="small")

    @torch.no_grad()
    def theirs() -> np.ndarray:
        cache = bridge.run_with_cache(batch, names_filter=lambda name: name.endswith("pattern"))[1]
        layers = [
            cache[f"blocks.{layer}.attn.hook_pattern"][0]
            .reshape(8, n, STEP, n, STEP)
            .mean(dim=(2, 4))
            for layer in range(6)
        ]
        return torch.stack(layers).transpose(2, 3).numpy()

    def ours() -> np.ndarray:
        return group_attention(reasoner, ids, groups_of(length)).mean

    difference = float(np.nanmax(np.abs(ours() - theirs())))
    if difference > 1e-4:
        msg = f"step attention differs from the bridge's pooled patterns by {difference}"
        raise RuntimeError(msg)
    times = in_turn({"bridge": theirs, "steps": ours})
    return faster(
        f"step attention, {length} tokens, time: bridge's patterns cached and pooled / ours",
        times["bridge"],
        times["steps"],
        least=1.0,
        difference=difference,
    )


def _times(reasoner: Any, length: int, *, difference: str) -> Row:
    ids = tokens(length)
    times = in_turn(
        {
            "plain": lambda: plain(reasoner, length),
            "steps": lambda: group_attention(reasoner, ids, groups_of(length)),
        }
    )
    wall = times["steps"].wall / times["plain"].wall
    cpu = times["steps"].cpu / times["plain"].cpu
    return Row(
        name=f"step attention, {length} tokens, time: ours / plain SDPA forward",
        slow=str(times["plain"]),
        fast=str(times["steps"]),
        ratio=f"{wall:.1f}x ({cpu:.1f}x CPU)",
        bound="<= 3x",
        holds=min(wall, cpu) <= 3.0,
        difference=difference,
    )


def _against_eager(reasoner: Any, length: int = 512) -> float:
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


def _peak(reasoner: Any, side: str, length: int) -> float:
    """Kilobytes that a run took above what its process held before; median of five processes."""
    context = multiprocessing.get_context("fork")
    taken = []
    for _ in range(ROUNDS):
        mine, theirs = context.Pipe()
        process = context.Process(target=_child, args=(reasoner, side, length, theirs))
        process.start()
        taken.append(mine.recv())
        process.join()
    return statistics.median(taken)


def _child(reasoner: Any, side: str, length: int, answer: Connection) -> None:
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # resets the high-water mark
    before = status("VmRSS")
    if side == "plain":
        plain(reasoner, length)
    else:
        group_attention(reasoner, tokens(length), groups_of(length))
    answer.send(status("VmHWM") - before)


def status(key: str) -> int:
    """Kilobytes under a name of this process's status."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return int(next(line for line in lines if line.startswith(key)).split()[1])


if __name__ == "__main__":
    show(run())
