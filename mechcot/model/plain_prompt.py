r"""Prompts of models without a chat template: the text around a question.

    the user says       the prompt
    nothing             `PLAIN_TEMPLATE`; the question alone where the tokenizer lacks its words
    no instruction      the question and a line break
    a text              the question, a line break, the text, a line break; with `{question}` in it, the text as it stands

In front stands what the tokenizer puts before any text (BOS).
"""

from dataclasses import dataclass
from typing import Any

from mechcot.core.problem import QUESTION_PLACE, with_instruction
from mechcot.model.internals.token_text import spells

PLAIN_TEMPLATE = "Question: {question}\nAnswer: Let's think step by step.\n"

INSTRUCTION_SHAPE = f"TEXT BEFORE {QUESTION_PLACE} TEXT BEHIND"
"""What a proposed command has for `--instruction`, for the user to fill in."""


@dataclass(frozen=True)
class Frame:
    """The text around a question.

    Attributes:
        text: With `{question}` in it.
        alone: The frame of a question without the default words; "" where `text` has none.
        source: In words, for the report.
    """

    text: str
    alone: str
    source: str

    def fill(self, question: str) -> str:
        """The prompt of a question."""
        return self.text.replace(QUESTION_PLACE, question)


def plain_frame(tokenizer: Any, instruction: str | None, *, breaks: bool) -> Frame:
    """The frame of a model without a chat template.

    Args:
        tokenizer: A Hugging Face tokenizer.
        instruction: What the user says; None for nothing.
        breaks: Whether a line break ends the prompt where the user says something.
    """
    head = _head(tokenizer)
    placed = QUESTION_PLACE in (instruction or "")
    end = "\n" if breaks and not placed else ""
    alone = head + QUESTION_PLACE + end
    if instruction is not None:
        asked = head + with_instruction(QUESTION_PLACE, instruction) + end
        return Frame(alone, "", f"no chat template, asked as {asked!r}")
    if all(spells(tokenizer, part) for part in PLAIN_TEMPLATE.split(QUESTION_PLACE)):
        source = f"no chat template, plain text {PLAIN_TEMPLATE!r}"
        return Frame(head + PLAIN_TEMPLATE, alone, source)
    return Frame(head + QUESTION_PLACE, "", "no chat template, the question alone")


def _head(tokenizer: Any) -> str:
    """What the tokenizer puts before any text."""
    with_special, without = tokenizer.encode(""), tokenizer.encode("", add_special_tokens=False)
    bos = getattr(tokenizer, "bos_token", None)
    leads = len(with_special) > len(without) and bos and with_special[0] == tokenizer.bos_token_id
    return str(bos) if leads else ""
