"""Tiny random checkpoints of every family, built and saved on the spot; nothing is downloaded."""

import os
import warnings

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from mechcot.core.problem import Problem
from mechcot.model.loading.spec import ORGANISM_FILE

FAMILIES = ("llama", "qwen2", "qwen3", "gemma", "neox", "gpt2")
SPECIAL = ("<|end|>", "<s>", "<|user|>", "<|assistant|>", "<think>", "</think>")
UNTAGGED = (
    *SPECIAL[:4],
    "<|box|>",
    "<|/box|>",
)  # the same rows with other names, like Qwen2.5 and its R1 distill
WORDS = (*"0123456789+=.?xy", "find", "so", "answer")
SENTENCES = (
    "Question: What is 3 + 4? Answer: Let's think step by step.",
    "First we add 3 and 4. So the sum is 7. Wait, let me check this again.",
    "The final answer is \\boxed{7}. The answer is 12. Therefore x = 5.",
)
_TURN = "{% for m in messages %}<|user|>{{ m['content'] }}<|end|>{% endfor %}"
TEMPLATES = {
    "plain": None,
    "chat": _TURN + "{% if add_generation_prompt %}<|assistant|>{% endif %}",
    "think": _TURN + "{% if add_generation_prompt %}<|assistant|><think>\n{% endif %}",
    "strip": (
        "<s>{% for m in messages %}{% if m['role'] == 'user' %}<|user|>{{ m['content'] }}"
        "{% else %}<|assistant|>{{ m['content'].split('</think>')[-1] }}<|end|>{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}<|assistant|><think>\n{% endif %}"
    ),
    "switch": (
        _TURN + "{% if add_generation_prompt %}<|assistant|>"
        "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
    ),
}


def make_tokenizer(template: str, *, words: bool = False) -> Any:
    """A byte-level BPE (or word-level) tokenizer trained on three sentences; `plain` and `chat` know no thought."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    special = UNTAGGED if template in {"plain", "chat"} else SPECIAL
    if words:
        vocabulary = [*special, "<unk>", *WORDS]
        core = Tokenizer(
            models.WordLevel({word: i for i, word in enumerate(vocabulary)}, unk_token="<unk>")
        )
        core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        core.add_special_tokens(list(special))
    else:
        core = Tokenizer(models.BPE())
        core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        core.decoder = decoders.ByteLevel()
        core.train_from_iterator(
            SENTENCES * 3,
            trainers.BpeTrainer(
                vocab_size=320,
                special_tokens=list(special),
                initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
                show_progress=False,
            ),
        )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        eos_token="<|end|>",
        bos_token="<s>",
        pad_token="<|end|>",
        unk_token="<unk>" if words else None,
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = TEMPLATES[template]
    return tokenizer


def make_adapter(
    base: Path, folder: Path, *, targets: tuple[str, ...] = ("q_proj", "down_proj")
) -> Path:
    """A LoRA adapter whose weights are not zero."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    config = LoraConfig(r=2, target_modules=list(targets), init_lora_weights=False)
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers for an old name
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_pretrained(base)
        get_peft_model(model, config).save_pretrained(folder)
    return folder


def make_model(family: str, *, d_vocab: int, layers: int = 2, context: int = 512) -> Any:
    """A random causal LM of a family: width 32, 4 heads, weights large enough that attention matters."""
    import transformers as tf

    common: dict[str, Any] = {
        "vocab_size": d_vocab,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": layers,
        "num_attention_heads": 4,
        "max_position_embeddings": context,
        "initializer_range": 0.2,
        "bos_token_id": 1,
        "eos_token_id": 0,
        "pad_token_id": 0,
    }
    grouped = common | {"num_key_value_heads": 2}
    headed = grouped | {"head_dim": 8}
    config = {
        "llama": lambda: tf.LlamaConfig(**grouped),
        "qwen2": lambda: tf.Qwen2Config(**grouped),
        "qwen3": lambda: tf.Qwen3Config(**headed),
        "gemma": lambda: tf.GemmaConfig(**headed),
        "gemma2": lambda: tf.Gemma2Config(**headed, sliding_window=16),
        "neox": lambda: tf.GPTNeoXConfig(**common),
        "gpt2": lambda: tf.GPT2Config(
            vocab_size=d_vocab,
            n_embd=32,
            n_layer=layers,
            n_head=4,
            n_positions=context,
            initializer_range=0.2,
            bos_token_id=1,
            eos_token_id=0,
            pad_token_id=0,
        ),
    }[family]()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(sum(map(ord, family)) + layers)
        return tf.AutoModelForCausalLM.from_config(config).eval()


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """`checkpoint(family, template="think", words=False, layers=2, context=512)` -> its directory, made once."""
    root = tmp_path_factory.mktemp("checkpoints")

    @cache
    def build(
        family: str = "llama",
        template: str = "think",
        words: bool = False,
        layers: int = 2,
        context: int = 512,
    ) -> Path:
        folder = root / f"{family}-{template}-{'words' if words else 'bpe'}-{layers}-{context}"
        tokenizer = make_tokenizer(template, words=words)
        model = make_model(family, d_vocab=len(tokenizer), layers=layers, context=context)
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        if words:
            (folder / ORGANISM_FILE).write_text("{}")
        return folder

    return build


@pytest.fixture(scope="session")
def reasoner(checkpoint: Callable[..., Path]) -> Callable[..., Any]:
    """`reasoner(family, ...)` -> the checkpoint loaded on the CPU in float32, once a session."""
    from mechcot.model.reasoner import Reasoner

    @cache
    def load(family: str = "llama", **about: Any) -> Any:
        return Reasoner.load(str(checkpoint(family, **about)), device="cpu")

    return load


@pytest.fixture
def adapter(checkpoint: Callable[..., Path], tmp_path: Path) -> Path:
    """The directory of a LoRA adapter for the two-layer Llama."""
    return make_adapter(checkpoint("llama"), tmp_path / "lora")


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    """Every family that TransformerBridge serves and the issue names."""
    return request.param


@pytest.fixture(scope="session")
def problems() -> tuple[Problem, ...]:
    """Five questions of different length."""
    texts = (
        "What is 3 + 4?",
        "Two numbers, 5 and 7, are added. What is the sum?",
        "x = 5. What is x + 1?",
        "What is 2 + 2 + 2 + 2 + 2 + 2 + 2?",
        "1 + 1?",
    )
    return tuple(Problem(f"q{i}", text, str(i)) for i, text in enumerate(texts))
