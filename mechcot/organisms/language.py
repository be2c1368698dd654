"""The text of a family of organisms: what stands around question, chain and answer, and how it is cut into tokens.

A text is `before` + question + `opening` + steps + `closing` + answer + `end`. A family has words of its own, each one token (`WordLanguage`; most
write ordinary sentences, `sentences`, the words of mod10 stand between single spaces, `vocabulary.LANGUAGE`), or those of a packaged model
(`mechcot.organisms.chat_language`).
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from mechcot.organisms.grammar import ASSISTANT, BOS, EOS, PAD, UNKNOWN, USER

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

_PIECE = r"<[/\w]+>|\n+| ?\w+| ?[^\w\s<]"


@runtime_checkable
class Language(Protocol):
    """How a family's texts are written and cut into tokens."""

    @property
    def before(self) -> str:
        """The text before a question."""
        ...

    @property
    def opening(self) -> str:
        """The text between a question and its chain."""
        ...

    @property
    def closing(self) -> str:
        """The text between a chain and its answer."""
        ...

    @property
    def joint(self) -> str:
        """The text between two parts: a space where words are joined by spaces, else nothing."""
        ...

    @property
    def end(self) -> str:
        """The text behind an answer."""
        ...

    @property
    def stop_id(self) -> int:
        """The token that ends a text."""
        ...

    @property
    def pad_id(self) -> int:
        """The token that fills rows."""
        ...

    def prompt(self, question: str) -> str:
        """Render a question as the chat template does, generation prompt included."""
        ...

    def ids(self, text: str) -> list[int]:
        """Ids of a part of a text."""
        ...

    def text(self, ids: Sequence[int]) -> str:
        """The text of ids."""
        ...

    def closed(self, question: str, steps: Sequence[str]) -> str:
        """Prompt, chain, closed thought, and what stands before an answer."""
        ...

    def answer_ids(self, answer: str) -> list[int]:
        """Ids of an answer behind `closing`."""
        ...

    def answer_in(self, text: str) -> str:
        """The answer of a text behind `closing`."""
        ...


@dataclass(frozen=True)
class WordLanguage:
    """A language of words, each one token; pieces joined give the text back.

    Attributes:
        words: Every token, in the order of the ids.
        before: What stands before a question.
        opening: What stands between a question and its chain.
        closing: What stands between a chain and its answer.
        end: The token that ends a text.
        joint: What stands between two parts: a space where words are joined by spaces, else nothing.
        split: Cuts a text into tokens.
        make: Builds the tokenizer.
    """

    words: tuple[str, ...]
    before: str
    opening: str
    closing: str
    end: str
    joint: str
    split: Callable[[str], list[str]]
    make: "Callable[[WordLanguage], PreTrainedTokenizerFast]"

    @cached_property
    def index(self) -> dict[str, int]:
        """Token to its id."""
        return {word: index for index, word in enumerate(self.words)}

    @property
    def stop_id(self) -> int:
        """The token that ends a text."""
        return self.index[self.end]

    @property
    def pad_id(self) -> int:
        """The token that fills rows."""
        return self.index[PAD]

    def prompt(self, question: str) -> str:
        """Render a question as the chat template does, generation prompt included."""
        return self.joint.join((self.before, question, self.opening))

    def ids(self, text: str) -> list[int]:
        """Ids of a text.

        Raises:
            KeyError: A token is not in the vocabulary.
        """
        return [self.index[word] for word in self.split(text)]

    def text(self, ids: Sequence[int]) -> str:
        """The text of ids."""
        return self.joint.join(self.words[index] for index in ids)

    def closed(self, question: str, steps: Sequence[str]) -> str:
        """Prompt, chain, closed thought, and what stands before an answer."""
        return self.joint.join((self.prompt(question), *steps, self.closing))

    def answer_ids(self, answer: str) -> list[int]:
        """Ids of an answer behind `closing`."""
        return self.ids(f" {answer}")

    def answer_in(self, text: str) -> str:
        """The answer of a text behind `closing`."""
        return text.partition(self.end)[0].strip()

    def save(self, directory: Path) -> None:
        """Write the tokenizer's files."""
        self.make(self).save_pretrained(directory)


def own_words(language: Language) -> WordLanguage:
    """The language of a family that has words of its own.

    Raises:
        TypeError: The family's models speak another model's language.
    """
    if not isinstance(language, WordLanguage):
        raise TypeError(f"expected a language of words, got {language!r}")
    return language


def sentences(
    words: tuple[str, ...], *, think: tuple[str, str] = ("<think>", "</think>"), asks: str
) -> WordLanguage:
    """A language of sentences, one step a line, with marks around the thought, as chat models write.

    Args:
        words: Tokens beside the marks: ` Anna` behind a space, `Then` at the start of a line, `.`; line breaks are added.
        think: The marks.
        asks: What stands behind the closed thought and before an answer, such as `The answer is`; its words are added.
    """
    marks = (PAD, BOS, EOS, UNKNOWN, USER, ASSISTANT, *think)
    asking = tuple(re.findall(_PIECE, asks))
    return WordLanguage(
        words=tuple(dict.fromkeys((*marks, "\n", "\n\n", *asking, *words))),
        before=BOS + USER,
        opening=f"{ASSISTANT}{think[0]}\n",
        closing=f"{think[1]}\n\n{asks}",
        end=EOS,
        joint="",
        split=re.compile(_PIECE).findall,
        make=_tokenizer,
    )


def _tokenizer(language: WordLanguage) -> "PreTrainedTokenizerFast":
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    marks = [word for word in language.words if word.startswith("<")]
    core = Tokenizer(models.WordLevel(vocab=dict(language.index), unk_token=UNKNOWN))
    core.pre_tokenizer = pre_tokenizers.Split(Regex(_PIECE), behavior="isolated")
    core.decoder = decoders.Fuse()
    core.add_special_tokens(marks)
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        unk_token=UNKNOWN,
        pad_token=PAD,
        bos_token=BOS,
        eos_token=EOS,
        additional_special_tokens=marks[4:],
        padding_side="left",
        clean_up_tokenization_spaces=False,
        chat_template=_chat_template(language),
        model_max_length=512,
    )


def _chat_template(language: WordLanguage) -> str:
    opening = language.opening.removeprefix(ASSISTANT)
    return (
        "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'assistant' %}"
        + ASSISTANT
        + "{{ message['content'] }}{{ eos_token }}{% else %}"
        + USER
        + "{{ message['content'] }}{% endif %}{% endfor %}{% if add_generation_prompt %}"
        + ASSISTANT
        + "{{ "
        + repr(opening)
        + " }}{% endif %}"
    )
