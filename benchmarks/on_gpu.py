"""Measures on a GPU, on random models of a real size: tokens a second beside a plain forward of the same chains, and memory.

    python -m benchmarks.on_gpu [--shape 1.5B] [--dtype bfloat16] [--tokens 1000] [--steps 32] [--chains 16] [measure ...]
    python -m benchmarks.on_gpu --shape 7B --tokens 8000 --steps 150 --chains 1

A plain forward is the model's own, all chains in one batch, logits of the last position only. A measure takes the chains side by side, as `mechcot compare`
does. `rate` is the measure's tokens a second (counted at the blocks) over those of the plain forward; `forwards` is its time over that of the plain forward.
Peak memory is beyond the weights. Wall seconds after a warm-up, since the work is the device's. With `--device cpu` it runs anywhere, on the shape `tiny`.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from benchmarks.measures import reader_of, side_by_side, work_of
from mechcot.core.errors import DoesNotFit, NotMeasurable
from mechcot.core.trace import Trace
from mechcot.measures.inputs import Inputs
from mechcot.measures.registry import STANDARD
from mechcot.model.reasoner import Reasoner
from mechcot.model.token_count import counted

SHAPES = {
    "tiny": (4, 128, 4, 2, 512, 1_000),
    "1.5B": (28, 1536, 12, 2, 8960, 151_936),
    "7B": (28, 3584, 28, 4, 18_944, 152_064),
}
"""Blocks, width, heads, key/value heads, width of the MLPs, and vocabulary of models that people tune."""


def random_reader(shape: str, *, context: int, device: str, dtype: torch.dtype) -> Reasoner:
    """A random Llama of a shape on a device; it reads and writes ASCII, and never a token beyond."""
    from transformers import AutoModelForCausalLM, LlamaConfig

    layers, width, heads, pairs, mlp, rows = SHAPES[shape]
    tokenizer = reader_of(context=context, layers=1, width=32).tokenizer
    config = LlamaConfig(
        vocab_size=rows,
        hidden_size=width,
        intermediate_size=mlp,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=pairs,
        max_position_embeddings=context,
    )
    torch.manual_seed(0)
    with torch.device(device):
        model = AutoModelForCausalLM.from_config(config, dtype=dtype).eval()
    # some token of the tokenizer has a logit above 0
    model.lm_head.weight.data[len(tokenizer) :] = 0
    return Reasoner.of(model, tokenizer, name=shape)


def seconds(run: Callable[[], Any]) -> float:
    """Wall seconds of a run, the device's work included."""
    _wait()
    started = time.perf_counter()
    run()
    _wait()
    return time.perf_counter() - started


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def peak(reader: Reasoner) -> Callable[[], float]:
    """Start over with the device's high-water mark; gives GB beyond what is held now, when it is asked."""
    if reader.device.type != "cuda":
        return lambda: float("nan")
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    held = torch.cuda.memory_allocated()
    return lambda: (torch.cuda.max_memory_allocated() - held) / 1e9


@torch.no_grad()
def plain(reader: Reasoner, traces: Sequence[Trace]) -> None:
    """The model's own forward of all chains in one batch, padded on the right."""
    ids = [trace.ids[: trace.cuts()[-1]] for trace in traces]
    width = max(map(len, ids))
    rows = torch.tensor([[*row, *[0] * (width - len(row))] for row in ids], device=reader.device)
    reader.model(input_ids=rows, use_cache=False, logits_to_keep=1).logits.sum().item()


def line(reader: Reasoner, name: str, work: Sequence[tuple[Trace, Inputs]], alone: float) -> str:
    """The table's line of a measure.

    Args:
        reader: The model.
        name: The measure.
        work: The chains, with what it is given.
        alone: Seconds of the plain forward.
    """
    size = sum(trace.cuts()[-1] for trace, _ in work)
    try:
        side_by_side(reader, name, work[:2])
        memory = peak(reader)
        with counted(reader) as count:
            took = seconds(lambda: side_by_side(reader, name, work))
    except (NotMeasurable, DoesNotFit) as reason:
        return f"| {name} | {str(reason)[:60]} | | | | |"
    rate = count.tokens / took / (size / alone)
    cells = (count.tokens / size, took / alone, took, memory(), rate)
    return f"| {name} | {' | '.join(f'{cell:.3g}' for cell in cells)} |"


def main() -> None:
    """Print the table of one shape."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", choices=list(SHAPES), default="1.5B")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--tokens", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=32)
    parser.add_argument("--chains", type=int, default=16)
    parser.add_argument("measures", nargs="*", default=list(STANDARD))
    args = parser.parse_args()
    if args.device != "cpu" and not torch.cuda.is_available():
        sys.exit("torch finds no CUDA device here; try --device cpu --shape tiny")
    dtype = getattr(torch, args.dtype)
    context = 2 * args.tokens + 512
    reader = random_reader(args.shape, context=context, device=args.device, dtype=dtype)
    lengths = np.linspace(0.9 * args.tokens, args.tokens, max(2, args.chains)).round()
    np.random.default_rng(0).shuffle(lengths)
    work = work_of(reader, reader, lengths=lengths, steps=args.steps, chains=args.chains)
    traces = [trace for trace, _ in work]
    plain(reader, traces)
    memory = peak(reader)
    alone = min(seconds(lambda: plain(reader, traces)) for _ in range(3))
    size = sum(trace.cuts()[-1] for trace in traces)
    where = torch.cuda.get_device_name() if reader.device.type == "cuda" else "CPU"
    print(
        f"{args.shape}, {args.dtype}, {args.chains} x {args.tokens} tokens, {args.steps} steps, {where}: "
        f"a plain forward takes {alone:.3g} s, {size / alone:,.0f} tokens a second, {memory():.3g} GB\n"
    )
    print("| measure | traces run | forwards | seconds | GB beyond the weights | rate over plain |")
    print("|---|---|---|---|---|---|", flush=True)
    for name in args.measures:
        print(line(reader, name, work, alone), flush=True)


if __name__ == "__main__":
    main()
