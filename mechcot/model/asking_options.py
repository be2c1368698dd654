"""Settings of a user for asking for answers and reading them."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal


@dataclass(frozen=True)
class Asking:
    """Settings of a user for asking for answers and reading them; the defaults leave it to the model's files.

    Attributes:
        cue: The exact text behind a chain that asks for the answer, closing mark included; with `{answer}` in it, what stands behind that ends the answer.
        answer_after: What stands before an answer that a model wrote; `{answer}` as in the cue. Without a cue it asks for the answer, too.
        think: The two marks of the thought, or `none`: the model has none.
        last_number: Whether the last number is read where no answer is stated.
        instruction: What is written behind a question, or around it with `{question}` in it; "" or "none" for nothing. Without a chat template it takes the
            place of the default words (`mechcot.model.plain_prompt`).

    Example:
        >>> import mechcot as mc
        >>> asked = mc.load("organism:base").asked_with(mc.Asking(cue=" </think> answer", instruction="none"))
        >>> asked.cue.text, asked.policy.instruction
        (' </think> answer', '')
    """

    cue: str | None = None
    answer_after: str | None = None
    think: tuple[str, str] | Literal["none"] | None = None
    last_number: bool = False
    instruction: str | None = None

    def __post_init__(self) -> None:
        if self.instruction == "none":
            object.__setattr__(self, "instruction", "")

    @property
    def boxes(self) -> bool:
        r"""Return whether what the user says of cue and answers leaves room for an answer in `\boxed{}`."""
        texts = [text for text in (self.cue, self.answer_after) if text is not None]
        return not texts or any("boxed" in text for text in texts)

    @property
    def key(self) -> str:
        """For the names of finished items: "" where nothing was said."""
        return "" if self == AS_FOUND else repr(self)

    def to_json(self) -> dict[str, Any]:
        """The user's settings as JSON-able data; empty where nothing was said."""
        said = {f.name: getattr(self, f.name) for f in fields(self)}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in said.items()
            if value != getattr(AS_FOUND, name)
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Asking":
        """Take the settings of `to_json`."""
        names = {f.name for f in fields(cls)}
        known: dict[str, Any] = {name: value for name, value in data.items() if name in names}
        if isinstance(known.get("think"), list):
            known["think"] = tuple(known["think"])
        return cls(**known)


AS_FOUND = Asking()
"""As the model's files say."""
