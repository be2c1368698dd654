r"""Prompts for questions and cues for answers: one declared policy per study.

A policy holds a template, the tags around the thought, and the *cue*: the text that closes the
thought and asks for the answer. `shared` means that the first model's policy renders the text of every
model; `own` means each model's own. A model's family follows from its files:

    family   fact                                        closes the thought with   candidates for the question
    spaced   its files say so (`has_spaced_text`)        ` </think>`               ` answer`
    tagged   marks of a thought were found               what its template shows   boxed, sentence, label, word
    chat     has a chat template without such marks      an empty line             boxed, sentence, label, word
    plain    has no chat template                        nothing                   sentence, label, word, boxed

What the user says stands before a written answer (`Asking.answer_after`) goes before all candidates. The first
candidate that the tokenizer can spell is taken: `The final answer is \boxed{` (boxed), `The answer is` (sentence), `Answer:` and `answer :` (label), `answer` (word). `Asking` holds what a user says instead. Prompts
without a chat template are those of `mechcot.model.plain_prompt`. The marks are found by `mechcot.model.think_marks`.

Templates that strip earlier thoughts do no harm: a completion is never rendered, it is appended to the
rendered question as it was written. `enable_thinking` and `thinking` (two names of one switch) are
always passed; templates that do not know them ignore them.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from mechcot.core.errors import UserError
from mechcot.core.problem import Problem, with_instruction
from mechcot.model.answer_cue import AnswerCue, Family, cue_of
from mechcot.model.asking_options import AS_FOUND, Asking
from mechcot.model.internals.token_text import spells, text_back
from mechcot.model.plain_prompt import Frame, plain_frame
from mechcot.model.think_marks import Marks, Render, find_marks, given, turn_end
from mechcot.text.think_tags import ThoughtTags

BOXED = "Please reason step by step, and put your final answer within \\boxed{}."
_PROBE = "What is 1 + 1?"
Thinking = Literal["on", "off"]


@dataclass(frozen=True)
class PromptPolicy:
    """One way to turn questions into prompts.

    Attributes:
        mode: `own`, or `shared` when it renders for models other than its owner.
        owner: Name of the model whose template this is.
        family: Which facts chose the cue (see the module's text).
        template: From a question to the rendered text, special tokens included.
        source: The template in words or as text, for the report.
        instruction: Put after the question, or around it with `{question}` in it; "" for none.
        tags: Opening and closing tag of the thought; None when the model has none.
        cue: How the answer is asked for.
        opening: What the model writes to open a thought that the prompt leaves closed; "" without marks.
        closing: What it writes between a chain and the answer.
        marks: Where the marks were found, in words.
        asking: What the user said about asking and reading.
        step_end: The token that ends each step of a spaced language; "" where steps are sentences.
        frame: The text around a question where no chat template puts it there; None with one.
    """

    mode: Literal["own", "shared"]
    owner: str
    family: Family
    template: Callable[[str], str]
    source: str
    instruction: str
    tags: ThoughtTags | None
    cue: AnswerCue
    opening: str = ""
    closing: str = ""
    marks: str = ""
    asking: Asking = AS_FOUND
    step_end: str = ""
    frame: Frame | None = None

    def render(self, problem: Problem) -> str:
        """The prompt of a problem; every special token is spelled out in the text.

        Raises:
            UserError: The question is empty.
        """
        if not problem.question.strip():
            raise UserError(f"problem {problem.id}: expected a question, got an empty text.")
        return self.template(with_instruction(problem.question, self.instruction))

    @property
    def adds_words(self) -> bool:
        """Whether words stand with each question that are neither the user's nor the template's."""
        framed = self.frame is not None and bool(self.frame.alone)
        return self.asking.instruction is None and (framed or bool(self.instruction))

    def without_words(self) -> "PromptPolicy":
        """The same policy without the words that `adds_words` tells of."""
        if self.frame is None or not self.frame.alone:
            return replace(self, instruction="")
        alone = Frame(self.frame.alone, "", f"no chat template, asked as {self.frame.alone!r}")
        return replace(self, instruction="", template=alone.fill, source=alone.source, frame=alone)

    def shared(self) -> "PromptPolicy":
        """The same policy, declared as the one for all models of a study."""
        return replace(self, mode="shared")

    def describe(self) -> str:
        """One paragraph for the report."""
        who = (
            f"one text for all models, rendered by the template of {self.owner}"
            if self.mode == "shared"
            else f"each model's own template, here that of {self.owner}"
        )
        told = self.instruction and self.frame is None
        added = f" With each question: {self.instruction!r}." if told else ""
        parts = [
            f"Prompt: {who} ({self.source}).{added}",
            f"The answer is asked for with {self.cue.text!r}.",
            self.describe_thought(),
        ]
        if self.asking.answer_after is not None:
            parts.append(f"A written answer is what stands behind {self.asking.answer_after!r}.")
        if self.asking.last_number:
            parts.append("Where no answer is stated, the last number is read.")
        return " ".join(parts)

    def describe_thought(self) -> str:
        """One sentence on the marks of the thought and where they were found."""
        if self.tags is None:
            return "No marks of a thought were found."
        return (
            f"A thought stands between {self.tags.open!r} and {self.tags.close!r} ({self.marks})."
        )

    def opens_thought(self, prompt: str) -> bool:
        """True when `prompt` ends inside a thought."""
        if self.tags is None:
            return False
        return prompt.rfind(self.tags.open) > prompt.rfind(self.tags.close)


def policy_of(
    tokenizer: Any,
    *,
    owner: str,
    spaced: bool = False,
    thinking: Thinking = "on",
    instruction: str | None = None,
    asking: Asking = AS_FOUND,
) -> PromptPolicy:
    """A model's own policy, from what its files say.

    Args:
        tokenizer: A Hugging Face tokenizer.
        owner: Name of the model.
        spaced: Whether its texts are words between spaces, see `mechcot.model.loading.spec.has_spaced_text`.
        thinking: Value of `enable_thinking` for templates that take it.
        instruction: Text after the question; None for the family's default.
        asking: What the user says about asking and reading.

    Raises:
        UserError: The chat template cannot be rendered, opens a thought with unknown marks, or the tokenizer can spell
            no candidate for the question.
    """
    render = _renderer(tokenizer, thinking, owner)
    marks = _marks(tokenizer, render, asking, owner)
    breaks = any("\n" in text_back(tokenizer, text) for text in ("a\nb", "\n"))
    said = asking.instruction if instruction is None else instruction
    frame = None
    if render:
        template = _chat_template(render)
        switch = re.search(r"\b(?:enable_)?thinking\b", str(tokenizer.chat_template))
        source = f"chat template, thinking {thinking}" if switch else "chat template"
    else:
        frame = plain_frame(tokenizer, said, breaks=breaks and not spaced)
        template, source = frame.fill, frame.source
    marked = marks is not None and (render is not None or asking.think is not None)
    family = _family(spaced=spaced, has_chat=render is not None, marked=marked)
    if said is None:
        boxed = family in {"tagged", "chat"} and breaks and spells(tokenizer, BOXED)
        said = BOXED if boxed and asking.boxes else ""
    closed = marks is not None and marks.tags.close in template(_PROBE).rpartition(_PROBE)[2]
    closing = _closing(family, marks, breaks=breaks, closed=closed)
    return PromptPolicy(
        mode="own",
        owner=owner,
        family=family,
        template=template,
        source=source,
        instruction=said,
        tags=marks.tags if marks else None,
        cue=cue_of(tokenizer, family, closing, breaks=breaks, asking=asking, owner=owner),
        opening=_opening(family, marks, breaks=breaks),
        closing=closing,
        marks=marks.source if marks else "",
        asking=asking,
        step_end=" ." if spaced else "",
        frame=frame,
    )


def _marks(tokenizer: Any, render: Render | None, asking: Asking, owner: str) -> Marks | None:
    if asking.think == "none":
        return None
    if asking.think is not None:
        return given(ThoughtTags(*asking.think), render)
    return find_marks(tokenizer, render, owner=owner)


def _family(*, spaced: bool, has_chat: bool, marked: bool) -> Family:
    if spaced:
        return "spaced"
    if marked:
        return "tagged"
    return "chat" if has_chat else "plain"


def _flat(text: str, *, breaks: bool) -> str:
    """A text in which single spaces stand for the line breaks that a vocabulary does not have."""
    return text if breaks else f" {text.strip()} "


def _opening(family: Family, marks: Marks | None, *, breaks: bool) -> str:
    """The text between a prompt that opens no thought and the chain."""
    if marks is not None and family == "tagged":
        return _flat(marks.opening, breaks=breaks)
    return "" if breaks or family == "spaced" else " "


def _closing(family: Family, marks: Marks | None, *, breaks: bool, closed: bool) -> str:
    """The text between a chain and the answer, from the family and whether the prompt closed the thought itself."""
    if family == "spaced":
        return "" if marks is None or closed else f" {marks.tags.close}"
    if marks is not None and family == "tagged" and not closed:
        return _flat(marks.closing, breaks=breaks)
    if not breaks:
        return " "
    return "\n" if family == "plain" else "\n\n"


def _renderer(tokenizer: Any, thinking: Thinking, owner: str) -> Render | None:
    """Renders messages by the chat template; None without one."""
    if not getattr(tokenizer, "chat_template", None):
        return None

    def render(messages: Sequence[dict[str, Any]], *, answer_follows: bool) -> str:
        try:
            return tokenizer.apply_chat_template(
                list(messages),
                tokenize=False,
                add_generation_prompt=answer_follows,
                enable_thinking=thinking == "on",
                thinking=thinking == "on",
            )
        except Exception as error:  # a template is a program of the model's author
            raise UserError(
                f"{owner}: expected a chat template that renders one user message, it failed with "
                f"{type(error).__name__}: {error}. Repair it, or remove it to use the plain template."
            ) from error

    return render


def ending_of(tokenizer: Any, *, owner: str) -> str:
    """The text that a chat template puts behind an assistant's answer; "" without a template or where it does not show one."""
    render = _renderer(tokenizer, "on", owner)
    return turn_end(render) if render else ""


def _chat_template(render: Render) -> Callable[[str], str]:
    return lambda question: render([{"role": "user", "content": question}], answer_follows=True)
