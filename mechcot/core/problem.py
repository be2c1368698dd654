"""A question with its answer, and what a model wrote for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

QUESTION_PLACE = "{question}"
"""Where the question stands in a text around it."""
_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def answerable(record: Mapping[str, Any]) -> bool:
    """Whether a question can be answered, as `answerable` or `should_abstain` (AbstentionBench) says; True where neither stands there.

    Raises:
        ValueError: One of them is neither true nor false.
    """
    for key, sense in (("answerable", True), ("should_abstain", False)):
        value = record.get(key)
        if value is not None and value == value and value != "":
            flag = _FLAGS.get(str(value).strip().removesuffix(".0").lower())
            if flag is None:
                raise ValueError(f"{key!r} must be true or false, got {value!r}")
            return flag is sense
    return True


def with_instruction(question: str, instruction: str) -> str:
    """A question with an instruction: behind it, in a line of its own, or around it where `{question}` stands in it."""
    if QUESTION_PLACE in instruction:
        return instruction.replace(QUESTION_PLACE, question)
    return "\n".join(part for part in (question, instruction) if part)


@dataclass(frozen=True)
class Problem:
    """A question whose right answer is known.

    Attributes:
        id: Unique within one file of problems.
        question: The text put to the model, without any template.
        answer: The reference answer, as text.
        meta: Anything JSON can hold; `stratum` (a string) splits the report, `answerable: false` says that a needed fact is missing.

    Example:
        >>> import mechcot as mc
        >>> mc.Problem("a", "What is 3 + 4?", "7", meta={"stratum": "easy"}).stratum
        'easy'
    """

    id: str
    question: str
    answer: str
    meta: Mapping[str, Any] = field(default_factory=dict)

    @property
    def stratum(self) -> str | None:
        """The subgroup this problem belongs to, if it names one."""
        value = self.meta.get("stratum")
        return None if value is None else str(value)

    @property
    def answerable(self) -> bool:
        """Return whether the question can be answered, see `answerable`; of one that cannot, the right answer is to say so."""
        return answerable(self.meta)


@dataclass(frozen=True)
class Completion:
    """The text that a model wrote: `prompt + text` is the whole string the model saw and made.

    Attributes:
        problem: The question.
        prompt: The rendered prompt, template included.
        text: Everything written after the prompt.
        model: Name of the author.
        ids: The generated token ids with the prompt's in front, when they are known. They are kept
            because decoding and encoding again is not the identity.
        prompt_ids: How many of `ids` belong to the prompt.
        finished: False when the token limit cut the text.
        answer_at: Where in `text` the answer begins, where its source keeps it in a field of its own; None: the text itself is to tell.

    Example:
        >>> import mechcot as mc
        >>> problem = mc.Problem("a", "What is 3 + 4?", "7")
        >>> mc.Completion(problem, prompt="What is 3 + 4? ", text="3 + 4 = 7.", model="by hand").finished
        True
    """

    problem: Problem
    prompt: str
    text: str
    model: str
    ids: tuple[int, ...] | None = None
    prompt_ids: int | None = None
    finished: bool = True
    answer_at: int | None = None
