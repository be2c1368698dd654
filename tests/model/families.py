"""Tiny random models of many families, with weights large enough that attention matters."""

from functools import cache
from types import SimpleNamespace
from typing import Any

import torch

from mechcot.core.problem import Problem
from mechcot.core.trace import Answer, Phase, Span, Step, StepKind, Trace

NAMED = ("llama", "qwen2", "qwen3", "gemma", "neox", "gpt2")
AWKWARD = ("gemma2", "gemma3", "mistral", "qwen2_window", "neox_sequential", "phi", "olmo2")
EVERY = NAMED + AWKWARD
D_VOCAB = 64
WINDOW = 6


def make(family: str, *, dtype: torch.dtype = torch.float32) -> Any:
    """Anything that the running half takes for a reasoner (`mechcot.model.interface`); it cannot write."""
    about = {"logit_scale": 1.0, "name": family, "weights_hash": f"hash of {family}", "write": None}
    return SimpleNamespace(model=_model(family, dtype), **about)


def tokens(n: int, *, seed: int = 0) -> list[int]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(1, D_VOCAB, (n,), generator=generator).tolist()


@torch.no_grad()
def plain_logprobs(reasoner: Any, ids: list[int]) -> torch.Tensor:
    """The slow and obvious way: the Hugging Face model on one whole sequence."""
    batch = torch.tensor([ids])
    logits = reasoner.model(input_ids=batch, attention_mask=torch.ones_like(batch)).logits[0]
    return torch.log_softmax(logits.float() * reasoner.logit_scale, dim=-1)


def make_trace(name: str, lengths: list[int], *, prompt: int = 5, seed: int = 0) -> Trace:
    """A trace with steps of given token lengths; the last one is the answer."""
    kinds = list(StepKind)
    steps, position = [], prompt
    for index, length in enumerate(lengths):
        text = f"s{index} "
        steps.append(
            Step(
                index=index,
                text=text,
                chars=Span(3 * index, 3 * index + 3),
                tokens=Span(position, position + length),
                kind=kinds[index % 3],
                phase=Phase.ANSWER if index == len(lengths) - 1 else Phase.CHAIN,
            )
        )
        position += length
    return Trace(
        id=name,
        problem=Problem(f"item {name}", "?", "1"),
        author="somebody",
        prompt="q",
        completion="".join(step.text for step in steps),
        ids=tuple(tokens(position, seed=seed)),
        prompt_length=prompt,
        steps=tuple(steps),
        answer=Answer("1", "tag"),
    )


@cache
def _model(family: str, dtype: torch.dtype) -> Any:
    import transformers as tf

    shape: dict[str, Any] = {
        "vocab_size": D_VOCAB,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "max_position_embeddings": 256,
        "initializer_range": 0.3,
        "bos_token_id": 1,
        "eos_token_id": 0,
        "pad_token_id": 0,
    }
    grouped = shape | {"num_key_value_heads": 2}
    headed = grouped | {"head_dim": 8}
    gemma = headed | {"sliding_window": WINDOW, "query_pre_attn_scalar": 8}
    config = {
        "llama": lambda: tf.LlamaConfig(**grouped),
        "qwen2": lambda: tf.Qwen2Config(**grouped),
        "qwen2_window": lambda: tf.Qwen2Config(
            **grouped, use_sliding_window=True, sliding_window=WINDOW, max_window_layers=1
        ),
        "qwen3": lambda: tf.Qwen3Config(**headed),
        "gemma": lambda: tf.GemmaConfig(**headed),
        "gemma2": lambda: tf.Gemma2Config(**gemma),
        "gemma3": lambda: tf.Gemma3TextConfig(
            **gemma, layer_types=["sliding_attention", "full_attention", "sliding_attention"]
        ),
        "mistral": lambda: tf.MistralConfig(**grouped, sliding_window=WINDOW),
        "phi": lambda: tf.PhiConfig(**grouped),
        "olmo2": lambda: tf.Olmo2Config(**grouped),
        "cohere": lambda: tf.CohereConfig(**grouped),
        "granite": lambda: tf.GraniteConfig(**grouped, logits_scaling=3.0, residual_multiplier=0.5),
        "neox": lambda: tf.GPTNeoXConfig(**shape),
        "neox_sequential": lambda: tf.GPTNeoXConfig(**shape, use_parallel_residual=False),
        "bloom": lambda: tf.BloomConfig(
            vocab_size=D_VOCAB, hidden_size=32, n_layer=3, n_head=4, bos_token_id=1, eos_token_id=0
        ),
        "gpt2": lambda: tf.GPT2Config(
            vocab_size=D_VOCAB,
            n_embd=32,
            n_layer=3,
            n_head=4,
            n_positions=256,
            initializer_range=0.3,
            bos_token_id=1,
            eos_token_id=0,
            pad_token_id=0,
        ),
    }[family]()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(len(family))
        return tf.AutoModelForCausalLM.from_config(config).eval().to(dtype)
