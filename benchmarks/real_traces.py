"""`python -m benchmarks.real_traces FILE OUT [N] [MOST]`: influence and pruning from end to end on real traces with small random models.

FILE holds traces as JSON lines (Thought Anchors traces are imported first, other shapes are read as they are). Two random Llamas (2 layers, width 64, 4 heads)
with a byte-level tokenizer trained on the file are saved and loaded again like any checkpoint. Random models know nothing: this shows that real text of real length goes through,
and what it costs; its figures mean nothing. N traces are taken, evenly spread over the lengths up to MOST tokens. A run that was stopped goes on.
"""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.setting import small_model
from mechcot.core.trace import Trace
from mechcot.influence.run import run_influence as influence
from mechcot.model.reasoner import Reasoner
from mechcot.pruning.run import PruneSettings, run_pruning as prune
from mechcot.traces.formats import import_traces
from mechcot.traces.load import load_traces

CONTEXT = 16_384


def checkpoint(folder: Path, *, text: str, seed: int) -> str:
    """Save a random Llama with a tokenizer trained on `text`."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=2000,
        special_tokens=["<|end|>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    core.train_from_iterator([text], trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, eos_token="<|end|>", clean_up_tokenization_spaces=False
    )
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=CONTEXT,
        initializer_range=0.2,
        bos_token_id=None,
        eos_token_id=0,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def spread(traces: Sequence[Trace], *, n: int | None, most: int) -> list[Trace]:
    """As many traces as asked, from the shortest with a step to the longest of at most so many tokens."""
    fitting = sorted((t for t in traces if t.chain_steps and len(t) <= most), key=len)
    if n is None or n >= len(fitting):
        return fitting
    return [fitting[round(i * (len(fitting) - 1) / max(n - 1, 1))] for i in range(n)]


def main(arguments: Sequence[str]) -> int:
    """Run both commands' functions and print what they took."""
    source, out = Path(arguments[0]), Path(arguments[1])
    n = int(arguments[2]) if len(arguments) > 2 else None
    most = int(arguments[3]) if len(arguments) > 3 else CONTEXT
    small_model()  # one thread, quiet
    text = source.read_text(encoding="utf-8")
    traces_file = source
    if "chunks" in json.loads(text.splitlines()[0]):
        traces_file = out / "imported.jsonl"
        print(f"imported: {len(import_traces(source, traces_file).chains)}")
    first = Reasoner.load(checkpoint(out / "one", text=text, seed=0), dtype="float32")
    second = Reasoner.load(
        checkpoint(out / "two", text=text, seed=1), dtype="float32", policy=first.policy.shared()
    )
    traces = spread(load_traces(traces_file, first), n=n, most=most)
    sizes = sorted(len(trace) for trace in traces)
    steps = sorted(len(trace.chain_steps) for trace in traces)
    print(
        f"traces: {len(traces)}, tokens {sizes[0]} to {sizes[-1]} (median {sizes[len(sizes) // 2]}), steps {steps[0]} to {steps[-1]}"
    )
    for name, go in (
        ("influence", lambda: influence([first, second], traces, out=out / "influence", seed=0)),
        (
            "prune",
            lambda: prune(
                first,
                traces,
                settings=PruneSettings(keep=0.3, shares=(0.5,), answer_tokens=4),
                out=out / "prune",
            ),
        ),
    ):
        began = time.perf_counter()
        found: dict[str, Any] = go()
        said = [each["reason"] for each in found["left_out"]]
        print(
            f"{name}: {found['n']} traces in {time.perf_counter() - began:.0f} s, left out {said}"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
