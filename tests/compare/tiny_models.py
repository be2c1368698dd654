"""Tiny checkpoints with byte-level tokenizers, and problems that they can be asked."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

SENTENCES = (
    "Question: What is 3 + 4? Answer: Let's think step by step.",
    "First we add 3 and 4. So the sum is 7. Wait, let me check this again.",
    "The final answer is \\boxed{7}. The answer is 12. Therefore x = 5.",
)


NOTHING = "\N{ZERO WIDTH SPACE}"
"""A text that these tokenizers drop."""


def byte_tokenizer(
    *, merges: int, shift: int = 0, texts: Sequence[str] = SENTENCES
) -> PreTrainedTokenizerFast:
    """A byte-level BPE of some texts; `shift` unused rows in front give every text other ids."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    core = Tokenizer(models.BPE())
    core.normalizer = normalizers.Replace(NOTHING, "")
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    special = ["<|end|>", *(f"<|unused{i}|>" for i in range(shift))]
    core.train_from_iterator(
        [*texts] * 3,
        trainers.BpeTrainer(
            vocab_size=len(special) + len(alphabet) + merges,
            special_tokens=special,
            initial_alphabet=alphabet,
            show_progress=False,
        ),
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core, eos_token="<|end|>", clean_up_tokenization_spaces=False
    )


def save_tiny(
    folder: Path,
    tokenizer: PreTrainedTokenizerFast,
    *,
    seed: int,
    layers: int = 2,
    context: int = 256,
    stop: list[int] | None = None,
    spoil: Callable[[LlamaForCausalLM], None] = lambda _: None,
) -> str:
    """A random Llama that speaks with this tokenizer; `stop` are further ends of a text, `spoil` changes weights."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=len(tokenizer),
                hidden_size=32,
                intermediate_size=64,
                num_hidden_layers=layers,
                num_attention_heads=4,
                max_position_embeddings=context,
                initializer_range=0.2,
                bos_token_id=None,
                eos_token_id=0,
            )
        )
    model.generation_config = GenerationConfig(eos_token_id=[0, *(stop or [])])
    spoil(model.requires_grad_(False))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def sum_of(i: int) -> dict[str, str]:
    return {"id": f"sum-{i}", "question": f"What is {i} + 4?", "answer": str(i + 4)}


def chain_of(i: int) -> dict[str, str]:
    """A sum with a chain that was written elsewhere."""
    chain = f"First we add {i} and 4. So {i} + 4 = {i + 4}. So the sum is {i + 4}."
    return sum_of(i) | {"chain": chain, "answer_text": f"\nThe answer is {i + 4}"}


def write_rows(path: Path, rows: list[dict[str, str]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path
