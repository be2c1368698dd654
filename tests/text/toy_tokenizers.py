"""Tokenizers built on the spot, as objects with the surface that `read` asks for."""

from dataclasses import dataclass
from functools import cache

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

CORPUS = (
    "So she sells 16 - 3 - 4 = <<16-3-4=9>>9 duck eggs a day.\nWait, let me check that again. ",
    "The robe takes 2 + 1 = 3 bolts.\n\nHence the total is $1,200.50 for 12 months at 20% each. ",
    "Okay, so I need to find x.  Hmm, \\frac{1}{2} of 90 is 45 because 45 * 2 = 90. ",
    "Alternatively the naïve θ ≈ 3.14 way… “quotes” and 你好。 emoji 🦆 too. ",
)


@dataclass(frozen=True)
class Toy:
    """A `tokenizers` tokenizer behind the surface of a Hugging Face one."""

    core: Tokenizer

    def __call__(self, text, *, return_offsets_mapping, add_special_tokens):
        assert return_offsets_mapping
        encoded = self.core.encode(text, add_special_tokens=add_special_tokens)
        return {"input_ids": encoded.ids, "offset_mapping": encoded.offsets}

    def decode(self, token_ids):
        return self.core.decode(list(token_ids), skip_special_tokens=False)


def _trained(core: Tokenizer, alphabet: list[str], specials: list[str]) -> Toy:
    trainer = trainers.BpeTrainer(
        vocab_size=700, initial_alphabet=alphabet, special_tokens=specials, show_progress=False
    )
    core.train_from_iterator(CORPUS * 8, trainer)
    return Toy(core)


@cache
def byte_level(
    *, digits: str = "single", specials: tuple[str, ...] = ("<think>", "</think>", "<eos>")
) -> Toy:
    """GPT-2's kind: bytes, a token begins with its space. `digits`: single, or merged as training had it."""
    core = Tokenizer(models.BPE())
    byte = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    single = pre_tokenizers.Digits(individual_digits=True)
    core.pre_tokenizer = pre_tokenizers.Sequence([single, byte]) if digits == "single" else byte
    core.decoder = decoders.ByteLevel()
    return _trained(core, pre_tokenizers.ByteLevel.alphabet(), list(specials))


@cache
def metaspace() -> Toy:
    """Llama 2's kind: a mark stands for the space, an unseen character is spelled in bytes."""
    core = Tokenizer(models.BPE(byte_fallback=True, unk_token=None))
    spaces = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="never")
    single = pre_tokenizers.Digits(individual_digits=True)
    core.pre_tokenizer = pre_tokenizers.Sequence([spaces, single])
    core.decoder = decoders.Sequence(
        [decoders.ByteFallback(), decoders.Fuse(), decoders.Replace("▁", " ")]
    )
    specials = ["<think>", "</think>", "<eos>", *(f"<0x{byte:02X}>" for byte in range(256))]
    return _trained(core, [], specials)


@cache
def word_level() -> Toy:
    """The organisms' kind: one word, one token; decoding puts single spaces between."""
    words = [
        "<unk>",
        "<think>",
        "</think>",
        "<eos>",
        "so",
        "need",
        "check",
        "g=",
        "h=",
        "h:",
        "g",
        ":",
        "?",
        "9",
        "5",
        "4",
        "3",
        "0",
        "=",
        "+",
        ".",
        "answer",
        "total",
        "wait",
    ]
    core = Tokenizer(
        models.WordLevel({word: at for at, word in enumerate(words)}, unk_token="<unk>")
    )
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    core.add_special_tokens(["<think>", "</think>", "<eos>"])
    return Toy(core)
