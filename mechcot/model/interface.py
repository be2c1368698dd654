"""Protocols: the parts of a `Reasoner` that each module below it needs."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import torch

from mechcot.core.problem import Completion, Problem
from mechcot.core.trace import Trace
from mechcot.model.answer_cue import AnswerCue
from mechcot.model.prompts import PromptPolicy
from mechcot.text.step_kinds import Classifier


@runtime_checkable
class HasModel(Protocol):
    """Runs on token ids: all that attention, activations and caches need."""

    @property
    def model(self) -> Any:
        """Hugging Face causal language model."""
        ...


@runtime_checkable
class Scorer(HasModel, Protocol):
    """Gives log-probabilities of tokens."""

    @property
    def logit_scale(self) -> float:
        """Factor on the logits."""
        ...


@runtime_checkable
class TextReader(HasModel, Protocol):
    """Turns text into token ids and back, and questions into prompts."""

    @property
    def name(self) -> str:
        """Name in messages."""
        ...

    @property
    def tokenizer(self) -> Any:
        """Its tokenizer."""
        ...

    @property
    def policy(self) -> PromptPolicy:
        """Its prompts."""
        ...

    @property
    def cue(self) -> AnswerCue:
        """The text that asks for the answer."""
        ...

    @property
    def max_length(self) -> int:
        """Most tokens of one run."""
        ...

    @property
    def n_vocabulary(self) -> int:
        """Rows of the unembedding."""
        ...

    def encode(self, text: str) -> list[int]:
        """Token ids of a text."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids."""
        ...

    def continue_ids(self, text: str) -> list[int]:
        """Token ids of a text that follows other text."""
        ...

    def continuation(self, before: Sequence[int], ids: Sequence[int]) -> str:
        """The text that `ids` add behind `before`."""
        ...

    def render(self, problem: Problem) -> str:
        """The prompt of a problem."""
        ...


@runtime_checkable
class Author(TextReader, Scorer, Protocol):
    """Writes completions and cuts them into steps."""

    @property
    def device(self) -> torch.device:
        """Device of the token ids."""
        ...

    @cached_property
    def stop_ids(self) -> frozenset[int]:
        """Token ids that end a text."""
        ...

    def read(self, completion: Completion, *, classifier: Classifier | None = None) -> Trace:
        """Cut a completion into steps."""
        ...


@runtime_checkable
class TraceWriter(HasModel, Protocol):
    """Writes chains for problems, and says which weights wrote them."""

    @property
    def name(self) -> str:
        """Name in messages."""
        ...

    @cached_property
    def weights_hash(self) -> str:
        """Hash of the weights."""
        ...

    @property
    def write(self) -> Callable[..., list[Trace]]:
        """Writes a chain for every problem."""
        ...
