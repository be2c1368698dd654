"""What a training spares that keeps freed memory: CPU seconds of an update of a language model, in the program and in the kernel for it.

    python -m benchmarks.freed_memory [--rows 8] [--tokens 220] [--updates 3]

One process, weights at random in the shape of SmolLM2 (30 blocks of width 576, 49,152 words), an adapter of rank 16 and the loss of trl; the last 120
tokens of a row carry it. First as a C library does by itself, then with `keep_freed_memory`, which cannot be undone.
"""

import argparse
import resource
import warnings
from collections.abc import Callable
from functools import partial

import torch
from peft import get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM
from trl.trainer.utils import add_fused_lm_head

from mechcot.core.garbage import keep_freed_memory
from mechcot.finetune.trainers import IGNORED, lora_config

SHAPE = LlamaConfig(
    hidden_size=576,
    intermediate_size=1536,
    num_hidden_layers=30,
    num_attention_heads=9,
    num_key_value_heads=3,
    vocab_size=49152,
    tie_word_embeddings=True,
)


def update(model: torch.nn.Module, ids: torch.Tensor, labels: torch.Tensor) -> None:
    """One forward and backward."""
    model(input_ids=ids, labels=labels, fused_lm_head=True).loss.backward()
    model.zero_grad(set_to_none=True)


def row(name: str, updates: int, once: Callable[[], None]) -> float:
    """Print the row of a way; gives its CPU seconds an update."""
    once()  # makes what stays
    before = resource.getrusage(resource.RUSAGE_SELF)
    for _ in range(updates):
        once()
    after = resource.getrusage(resource.RUSAGE_SELF)
    program = (after.ru_utime - before.ru_utime) / updates
    kernel = (after.ru_stime - before.ru_stime) / updates
    faults = (after.ru_minflt - before.ru_minflt) // updates
    print(f"| {name} | {program:.1f} | {kernel:.1f} | {faults:,} | {after.ru_maxrss >> 10:,} |")
    return program + kernel


def main() -> None:
    """Print the table, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("rows", 8), ("tokens", 220), ("updates", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    told = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    warnings.filterwarnings("ignore", ".*is_gradient_checkpointing.*", FutureWarning)
    model = LlamaForCausalLM(SHAPE)
    add_fused_lm_head(model)
    ids = torch.randint(0, SHAPE.vocab_size, (told.rows, told.tokens))
    labels = ids.clone()
    labels[:, : max(told.tokens - 120, 1)] = IGNORED
    once = partial(update, get_peft_model(model, lora_config(16)), ids, labels)
    print("| | program, s | kernel, s | page faults | most memory, MB |\n|---|---|---|---|---|")
    given_back = row("given back", told.updates, once)
    keep_freed_memory()
    kept = row("kept", told.updates, once)
    print(f"\n{given_back / kept:.2f} times as fast.")


if __name__ == "__main__":
    main()
