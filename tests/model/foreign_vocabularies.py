"""Small tokenizers of other kinds than the project's own, made on the spot."""

from collections.abc import Sequence
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

SPECIAL = ("<|end|>", "<s>", "<|user|>", "<|assistant|>")
THINK = ("<think>", "</think>")
TURN = (
    "{% for m in messages %}{% if m['role'] == 'assistant' %}<|assistant|>{{ m['content'] }}<|end|>"
    "{% else %}<|user|>{{ m['content'] }}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>OPEN{% endif %}"
)
WORDS = (
    "red",
    "green",
    "blue",
    "fox",
    "hen",
    "dog",
    "walks",
    "runs",
    "sees",
    "the",
    "then",
    "so",
    "answer",
    ":",
    "is",
    "big",
    "small",
    ".",
)
SENTENCES = (
    "Question: What is 3 + 4? Answer: Let's think step by step.",
    "First we add 3 and 4. So the sum is 7. Wait, let me check this again.",
    "The final answer is \\boxed{7}. Please reason step by step, and put your final answer within \\boxed{}.",
)


def wrapped(core: Tokenizer, template: str | None, **about: Any) -> Any:
    made = PreTrainedTokenizerFast(
        tokenizer_object=core,
        **{"eos_token": "<|end|>", "bos_token": "<s>", "pad_token": "<|end|>"} | about,
        clean_up_tokenization_spaces=False,
    )
    made.chat_template = template
    return made


def word_level(
    words: Sequence[str] = WORDS,
    *,
    unknown: bool = True,
    special: Sequence[str] = (),
    template: str | None = TURN.replace("OPEN", ""),
) -> Any:
    """One word, one token; without an unknown token other words cannot be encoded at all."""
    first = [*SPECIAL, *special, *(["<unk>"] if unknown else [])]
    kept = {word: index for index, word in enumerate([*first, *words])}
    core = Tokenizer(models.WordLevel(kept, **({"unk_token": "<unk>"} if unknown else {})))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    core.add_special_tokens([*SPECIAL, *special])
    return wrapped(core, template, unk_token="<unk>" if unknown else None)


def byte_level(
    *,
    prefix: bool = False,
    bos: bool = False,
    special: Sequence[str] = THINK,
    template: str | None = TURN.replace("OPEN", "<think>\n"),
    **about: Any,
) -> Any:
    """Like GPT-2 (`prefix`: with a space put before a text) or Llama 3 (`bos`: a token put before a text)."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=340,
        special_tokens=[*SPECIAL, *special],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    core.train_from_iterator(SENTENCES * 3, trainer)
    if bos:
        core.post_processor = processors.TemplateProcessing(
            single="<s> $A", special_tokens=[("<s>", 1)]
        )
    return wrapped(core, template, **about)


def metaspace(scheme: str) -> Any:
    """Like Llama 2: spaces are characters, one may be put in front, unknown characters are bytes."""
    core = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme)
    core.decoder = decoders.Sequence(
        [decoders.ByteFallback(), decoders.Metaspace(prepend_scheme=scheme)]
    )
    bytes_ = [f"<0x{value:02X}>" for value in range(256)]
    trainer = trainers.BpeTrainer(
        vocab_size=600, special_tokens=[*SPECIAL, *THINK, "<unk>", *bytes_], show_progress=False
    )
    core.train_from_iterator(SENTENCES * 3, trainer)
    return wrapped(core, TURN.replace("OPEN", "<think>\n"), unk_token="<unk>")


def unigram() -> Any:
    """Like T5: pieces with probabilities, no line break."""
    core = Tokenizer(models.Unigram())
    core.pre_tokenizer, core.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=120,
        special_tokens=[*SPECIAL, *THINK, "<unk>"],
        unk_token="<unk>",
        show_progress=False,
    )
    core.train_from_iterator(SENTENCES * 3, trainer)
    return wrapped(core, TURN.replace("OPEN", "<think>"), unk_token="<unk>")
