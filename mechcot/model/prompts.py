r"""How a question becomes a prompt, and how the answer is asked for: one declared policy per study.

A policy holds a template, the tags around the thought, and the *cue*: the text that closes the
thought and asks for the answer. `shared` means that the first model's policy renders the text of every
model; `own` means each model's own. Which cue a model gets follows from facts of its tokenizer:

    family   fact                                                   close              ask
    words    cannot spell `\boxed{` (a word-level vocabulary)       ` </think>`        ` answer`
    tagged   `</think>` is in its vocabulary or template            `\n</think>\n\n`   `The final answer is \boxed{`
    chat     has a chat template without thought tags               `\n\n`             `The final answer is \boxed{`
    plain    has no chat template                                   ``                 `\nThe answer is`

Templates that strip earlier thoughts do no harm: a completion is never rendered, it is appended to the
rendered question as it was written. `enable_thinking` is always passed; templates that do not know it ignore it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from mechcot.core.errors import UserError
from mechcot.core.problem import Problem
from mechcot.text.tags import ThoughtTags

PLAIN_TEMPLATE = "Question: {question}\nAnswer: Let's think step by step.\n"
BOXED = "Please reason step by step, and put your final answer within \\boxed{}."
TAGS = (
    ThoughtTags("<think>", "</think>"),
    ThoughtTags("[THINK]", "[/THINK]"),
    ThoughtTags("<thought>", "</thought>"),
)
_PROBE = "What is 1 + 1?"

Family = Literal["words", "tagged", "chat", "plain"]
Thinking = Literal["on", "off"]


@dataclass(frozen=True)
class AnswerCue:
    """The text put after a chain to get the answer.

    Attributes:
        close: Closes the thought.
        ask: Asks for the answer.
        lead: What stands between the cue and an answer's first character.
        end: What ends an answer, "" when only the end of the text does.
    """

    close: str
    ask: str
    lead: str = ""
    end: str = ""

    @property
    def text(self) -> str:
        """The whole cue."""
        return self.close + self.ask


@dataclass(frozen=True)
class PromptPolicy:
    """One way to turn questions into prompts.

    Attributes:
        mode: `own`, or `shared` when it renders for models other than its owner.
        owner: Name of the model whose template this is.
        family: Which facts chose the cue (see the module's text).
        template: From a question to the rendered text, special tokens included.
        source: The template in words or as text, for the report.
        instruction: Put after the question, "" for none.
        tags: Opening and closing tag of the thought; None when the model has none.
        cue: How the answer is asked for.
    """

    mode: Literal["own", "shared"]
    owner: str
    family: Family
    template: Callable[[str], str]
    source: str
    instruction: str
    tags: ThoughtTags | None
    cue: AnswerCue

    def render(self, problem: Problem) -> str:
        """The prompt of a problem; every special token is spelled out in the text.

        Raises:
            UserError: The question is empty.
        """
        if not problem.question.strip():
            msg = f"problem {problem.id}: expected a question, got an empty text."
            raise UserError(msg)
        parts = (problem.question, self.instruction)
        return self.template("\n".join(part for part in parts if part))

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
        added = f" After the question: {self.instruction!r}." if self.instruction else ""
        return (
            f"Prompt: {who} ({self.source}).{added} The answer is asked for with {self.cue.text!r}."
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
    thinking: Thinking = "on",
    instruction: str | None = None,
    cue: AnswerCue | None = None,
    tags: ThoughtTags | None = None,
) -> PromptPolicy:
    """A model's own policy, from what its tokenizer knows.

    Args:
        tokenizer: A Hugging Face tokenizer.
        owner: Name of the model.
        thinking: Value of `enable_thinking` for templates that take it.
        instruction: Text after the question; None for the family's default.
        cue: Replaces the family's cue.
        tags: Replaces the tags that were found.

    Raises:
        UserError: The chat template cannot be rendered.
    """
    chat = bool(getattr(tokenizer, "chat_template", None))
    tags = tags or find_tags(tokenizer)
    template, source = (
        (_chat_template(tokenizer, thinking, owner), f"chat template, enable_thinking={thinking}")
        if chat
        else (_plain_template(tokenizer), f"no chat template, plain text {PLAIN_TEMPLATE!r}")
    )
    family = _family(tokenizer, has_chat=chat, tags=tags)
    policy = PromptPolicy(
        mode="own",
        owner=owner,
        family=family,
        template=template,
        source=source,
        instruction=instruction if instruction is not None else _instruction(family),
        tags=tags,
        cue=AnswerCue("", ""),
    )
    after_question = template(_PROBE).rpartition(_PROBE)[2]
    closing = tags.close if tags and tags.close not in after_question else None
    return replace(policy, cue=cue or _cue(family, closing))


def find_tags(tokenizer: Any) -> ThoughtTags | None:
    """The thought tags of a tokenizer: those in its vocabulary or its chat template."""
    vocabulary = tokenizer.get_vocab()
    template = str(getattr(tokenizer, "chat_template", None) or "")
    for tags in TAGS:
        if tags.close in vocabulary or tags.close in template or tags.open in template:
            return tags
    return None


def _family(tokenizer: Any, *, has_chat: bool, tags: ThoughtTags | None) -> Family:
    if not spells(tokenizer, "\\boxed{"):
        return "words"
    if not has_chat:
        return "plain"
    return "tagged" if tags else "chat"


def spells(tokenizer: Any, text: str) -> bool:
    """True when the tokenizer can write `text` (no unknown token, nothing lost)."""
    ids = tokenizer.encode(text, add_special_tokens=False)
    unknown = getattr(tokenizer, "unk_token_id", None)
    if unknown is not None and unknown in ids:
        return False
    return tokenizer.decode(ids).strip() == text.strip()


def _instruction(family: Family) -> str:
    return BOXED if family in {"tagged", "chat"} else ""


def _cue(family: Family, closing: str | None) -> AnswerCue:
    """The family's cue; `closing` is None when no thought is open."""
    match family:
        case "words":
            return AnswerCue(f" {closing}" if closing else "", " answer", lead=" ")
        case "tagged":
            close = f"\n{closing}\n\n" if closing else "\n\n"
            return AnswerCue(close, "The final answer is \\boxed{", end="}")
        case "chat":
            return AnswerCue("\n\n", "The final answer is \\boxed{", end="}")
        case "plain":
            return AnswerCue("", "\nThe answer is", lead=" ", end="\n")


def _plain_template(tokenizer: Any) -> Callable[[str], str]:
    """The stated fallback, led by the tokens that the tokenizer puts before any text (BOS)."""
    with_special = tokenizer.encode(_PROBE)
    without = tokenizer.encode(_PROBE, add_special_tokens=False)
    count = len(with_special) - len(without)
    bos = getattr(tokenizer, "bos_token", None)
    leads = count > 0 and bos and with_special[0] == tokenizer.bos_token_id
    head = str(bos) if leads else ""
    return lambda question: head + PLAIN_TEMPLATE.replace("{question}", question)


def _chat_template(tokenizer: Any, thinking: Thinking, owner: str) -> Callable[[str], str]:
    def render(question: str) -> str:
        try:
            return tokenizer.apply_chat_template(
                [{"role": "user", "content": question}],
                tokenize=False,
                add_generation_prompt=True,
                enable_thinking=thinking == "on",
            )
        except Exception as error:  # a template is a program of the model's author
            msg = (
                f"{owner}: expected a chat template that renders one user message, it failed with "
                f"{type(error).__name__}: {error}. Repair it, or remove it to use the plain template."
            )
            raise UserError(msg) from error

    return render
