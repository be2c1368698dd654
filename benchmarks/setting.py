"""What all benchmarks share: the small model, the clock, and how a row is printed.

fp32, one thread, everything of one comparison in one process, its sides in turn (first, second, first,
...), five times after one warm-up; ratios are of medians. CPU seconds are printed beside wall seconds: on a
shared machine they are the steadier ones. Every script checks in the same run that both sides give the same numbers.
"""

import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

ROUNDS = 5


@dataclass(frozen=True)
class Row:
    """One comparison.

    Attributes:
        name: What is compared.
        slow: The obvious way, with its median seconds (or bytes).
        fast: Ours.
        ratio: How many times more the first side of the claim costs than the second.
        bound: The claim, e.g. `>= 3.5`.
        holds: Whether it holds.
        difference: Largest difference between the outputs of both sides.
    """

    name: str
    slow: str
    fast: str
    ratio: str
    bound: str
    holds: bool
    difference: str


def small_model(
    *, d_vocab: int = 1000, context: int = 8192, layers: int = 6, width: int = 256
) -> Any:
    """`layers` layers, 8 heads, random Llama weights; anything that the model layer takes for a reasoner."""
    from transformers import LlamaConfig, LlamaForCausalLM
    from transformers.utils import logging

    logging.set_verbosity_error()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=d_vocab,
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=layers,
        num_attention_heads=8,
        num_key_value_heads=8,
        max_position_embeddings=context,
        initializer_range=0.05,
    )
    model = LlamaForCausalLM(config).eval().requires_grad_(requires_grad=False)
    return SimpleNamespace(model=model, logit_scale=1.0, name="small", weights_hash="small")


def tokenizer(folder: Path, *, d_vocab: int = 1000) -> Any:
    """A word-level tokenizer of numbers, saved and loaded: the bridge wants one, and loads it again."""
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    words = models.WordLevel({str(i): i for i in range(d_vocab)}, unk_token="0")
    made = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(words),
        bos_token="1",
        eos_token="2",
        pad_token="2",
        unk_token="0",
    )
    made.save_pretrained(folder)
    return PreTrainedTokenizerFast.from_pretrained(folder)


def tokens(n: int, *, d_vocab: int = 1000, seed: int = 0) -> list[int]:
    """Random token ids."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(3, d_vocab, (n,), generator=generator).tolist()


@dataclass(frozen=True)
class Timing:
    """Median seconds of one side."""

    wall: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.wall:.2f} s ({self.cpu:.2f} s CPU)"


def in_turn(sides: Mapping[str, Callable[[], Any]]) -> dict[str, Timing]:
    """Median times of all sides, run in turn."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    for side in sides.values():
        side()
    for _ in range(ROUNDS):
        for name, side in sides.items():
            wall, cpu = time.perf_counter(), time.process_time()
            side()
            taken[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return {
        name: Timing(*(statistics.median(column) for column in zip(*times, strict=True)))
        for name, times in taken.items()
    }


def faster(name: str, slow: Timing, fast: Timing, *, least: float, difference: float) -> Row:
    """A row that claims: ours is at least `least` times faster."""
    wall, cpu = slow.wall / fast.wall, slow.cpu / fast.cpu
    return Row(
        name=name,
        slow=str(slow),
        fast=str(fast),
        ratio=f"{wall:.1f}x ({cpu:.1f}x CPU)",
        bound=f">= {least}x",
        holds=max(wall, cpu) >= least,
        difference=f"{difference:.0e}",
    )


def show(rows: Iterable[Row]) -> list[Row]:
    """Print rows as a Markdown table, each as soon as it is there."""
    print("| comparison | obvious | ours | ratio | bound | holds | largest difference |")
    print("|---|---|---|---|---|---|---|", flush=True)
    shown = []
    for r in rows:
        holds = "yes" if r.holds else "NO"
        cells = (r.name, r.slow, r.fast, r.ratio, r.bound, holds, r.difference)
        print(f"| {' | '.join(cells)} |", flush=True)
        shown.append(r)
    return shown
