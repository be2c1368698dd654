"""The language of a family whose models are adapters of a packaged chat model: tokenizer, chat template and question for the answer are that model's own.

A text reads as `mechcot compare` renders, closes and asks it for that model, so that its organisms need no settings.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mechcot.core.problem import Problem
from mechcot.model.internals.token_text import decode_ids, encode_text
from mechcot.model.loading.spec import parse_spec
from mechcot.model.loading.weights import load_tokenizer
from mechcot.model.prompts import PromptPolicy, policy_of

_QUESTION = "\N{OBJECT REPLACEMENT CHARACTER}"


@dataclass(frozen=True)
class ChatLanguage:
    """See `mechcot.organisms.language.Language`. The tokenizer is loaded when it is first needed.

    Attributes:
        model: Spec of the model.
        joint: Nothing stands between two parts.
    """

    model: str
    joint: str = ""

    def __reduce__(self) -> Any:
        """Send it to another process without its tokenizer, which is loaded there."""
        return type(self), (self.model, self.joint)

    @cached_property
    def tokenizer(self) -> Any:
        """The model's tokenizer.

        Raises:
            UserError: The model is not installed.
        """
        return load_tokenizer(parse_spec(self.model), trust_remote_code=False)

    @cached_property
    def policy(self) -> PromptPolicy:
        """How the model is asked."""
        return policy_of(self.tokenizer, owner=self.model)

    @cached_property
    def _around(self) -> tuple[str, str]:
        before, _, opening = self.policy.render(Problem("a", _QUESTION, "")).partition(_QUESTION)
        return before, opening

    @property
    def before(self) -> str:
        """The text before a question."""
        return self._around[0]

    @property
    def opening(self) -> str:
        """The text between a question and its chain; it ends in a line break."""
        return self._around[1]

    @property
    def closing(self) -> str:
        """The text between a chain and its answer: the cue, one line break of which ends the last step."""
        return self.policy.cue.text.removeprefix("\n")

    @property
    def end(self) -> str:
        """The text behind an answer."""
        return self.policy.cue.end + self.tokenizer.eos_token

    @property
    def stop_id(self) -> int:
        """The token that ends a text."""
        return self.tokenizer.eos_token_id

    @property
    def pad_id(self) -> int:
        """The token that fills rows; the one that ends a text where the tokenizer has none."""
        pad = self.tokenizer.pad_token_id
        return self.stop_id if pad is None else pad

    def prompt(self, question: str) -> str:
        """Render a question as the chat template does, generation prompt included."""
        return f"{self.before}{question}{self.opening}"

    def ids(self, text: str) -> list[int]:
        """Ids of a part of a text, as behind a line break: parts begin where no token goes across.

        Raises:
            ValueError: The tokenizer joins the part with the line break.
        """
        head, whole = (encode_text(self.tokenizer, f"\n{part}") for part in ("", text))
        if whole[: len(head)] != head:
            raise ValueError(f"{self.model} joins {text[:20]!r} with the line break before it")
        return whole[len(head) :]

    def text(self, ids: Sequence[int]) -> str:
        """The text of ids."""
        return decode_ids(self.tokenizer, ids)

    def closed(self, question: str, steps: Sequence[str]) -> str:
        """Prompt, chain, closed thought, and what stands before an answer."""
        return "".join((self.prompt(question), *steps, self.closing))

    def answer_ids(self, answer: str) -> list[int]:
        """Ids of an answer behind `closing`."""
        return self.ids(f"{self.policy.cue.lead}{answer}")

    def answer_in(self, text: str) -> str:
        """The answer of a text behind `closing`."""
        return text.partition(self.policy.cue.end)[0].strip()
