"""The tokenizer: one word, one token; decoding joins words by single spaces and gives the text back.

Special words (`<bos> <user> <assistant> <think> </think> <eos>`) are added tokens, so they are found even where no
space stands beside them: a prompt that ends in `<think>` joins a completion without one. The canonical
text of ids is their words joined by single spaces; on it, encode and decode are inverses.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from mechcot.organisms.grammar import (
    ANSWER,
    ASSISTANT,
    BOS,
    CLOSE,
    EOS,
    PAD,
    SPECIALS,
    THINK,
    UNKNOWN,
    USER,
    WORDS,
)
from mechcot.organisms.language import WordLanguage

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

ID: dict[str, int] = {word: index for index, word in enumerate(WORDS)}

CHAT_TEMPLATE = (
    "{{ bos_token }}"
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %} "
    + ASSISTANT
    + " {{ message['content'] }} {{ eos_token }}"
    "{% else %} " + USER + " {{ message['content'] }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %} " + ASSISTANT + " " + THINK + "{% endif %}"
)


def prompt(question: str) -> str:
    """Render a question as the chat template does, generation prompt included."""
    return f"{BOS} {USER} {question} {ASSISTANT} {THINK}"


def completion_text(chain: str, answer: str) -> str:
    """Render what follows the prompt: the chain, the closed thought, the answer."""
    return " ".join(part for part in (chain, CLOSE, ANSWER, answer, EOS) if part)


def encode(text: str) -> list[int]:
    """Ids of a canonical text, without the tokenizers package (for writing training data fast).

    Raises:
        KeyError: A word is not in the vocabulary.
    """
    return [ID[word] for word in text.split()]


def decode(ids: list[int]) -> str:
    """The canonical text of ids."""
    return " ".join(WORDS[index] for index in ids)


def tokenizer() -> "PreTrainedTokenizerFast":
    """Build the fast tokenizer."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.WordLevel(vocab=dict(ID), unk_token=UNKNOWN))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    core.add_special_tokens(list(SPECIALS))
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        unk_token=UNKNOWN,
        pad_token=PAD,
        bos_token=BOS,
        eos_token=EOS,
        additional_special_tokens=[USER, ASSISTANT, THINK, CLOSE],
        padding_side="left",
        clean_up_tokenization_spaces=False,
        chat_template=CHAT_TEMPLATE,
        model_max_length=512,
    )


def save(directory: Path) -> None:
    """Write the tokenizer's files."""
    tokenizer().save_pretrained(directory)


LANGUAGE = WordLanguage(
    words=WORDS,
    before=f"{BOS} {USER}",
    opening=f"{ASSISTANT} {THINK}",
    closing=f"{CLOSE} {ANSWER}",
    end=EOS,
    joint=" ",
    split=str.split,
    make=lambda _: tokenizer(),
)
