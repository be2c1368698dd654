"""A lesson: a question, a chain and an answer; its text is what the model itself would write, so that `compare` reads the tuned model as it is.

    text       mark that opens the thought (where the prompt leaves it to the model), chain, closing mark, the words that ask for
               an answer, the answer, the token that ends a turn
    trained on all of that text, nothing of the prompt

The answer stands behind the same words in every arm (those with which the project asks), so that arms differ in nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mechcot.core.errors import NotMeasurable
from mechcot.core.problem import Completion, Problem
from mechcot.core.trace import StepKind, Trace
from mechcot.model.prompts import ending_of
from mechcot.model.reasoner import Reasoner
from mechcot.text.answer_outcomes import same_for
from mechcot.traces.bind import completion_of
from mechcot.traces.foreign_chain import ForeignChain

_AUTHOR = "lesson"


@dataclass(frozen=True)
class Lesson:
    """What a model is trained to write for a problem.

    Attributes:
        problem: The question.
        chain: The thought, without marks; empty for none.
        answer: The answer that it ends in, right or not.
    """

    problem: Problem
    chain: str
    answer: str


@dataclass(frozen=True)
class Preference:
    """Two texts for one problem.

    Attributes:
        better: The one that is preferred.
        worse: The other.
    """

    better: Lesson
    worse: Lesson


@dataclass(frozen=True)
class TokenizedLesson:
    """A lesson in tokens.

    Attributes:
        prompt: Ids of the prompt; they carry no loss.
        completion: Ids of what the model shall write; all of them carry loss.
        prompt_text: The prompt.
        text: The text behind it, the token that ends a turn left out.
    """

    prompt: tuple[int, ...]
    completion: tuple[int, ...]
    prompt_text: str
    text: str

    def __len__(self) -> int:
        return len(self.prompt) + len(self.completion)


def written_lesson(reader: Reasoner, lesson: Lesson) -> Completion:
    """The lesson as the model would write it behind its own prompt."""
    cue = reader.cue
    statement = f"{cue.ask}{cue.lead}{lesson.answer}{cue.end.rstrip()}"
    chain = ForeignChain(lesson.problem, lesson.chain, statement)
    return completion_of(reader, chain, author=_AUTHOR)


def lesson_trace(reader: Reasoner, lesson: Lesson) -> Trace:
    """The lesson as a trace, its steps without kinds."""
    return reader.read(written_lesson(reader, lesson), classifier=no_kinds)


def tokenized(reader: Reasoner, lesson: Lesson) -> TokenizedLesson:
    """The lesson in tokens, checked.

    Raises:
        NotMeasurable: The tokenizer cannot hold its text, it does not fit into the context, or the project would read another chain or
            answer out of it.
    """
    written = written_lesson(reader, lesson)
    prompt, text = reader.encode(written.prompt), reader.continue_ids(written.text)
    if reader.decode(prompt) != written.prompt or reader.continuation(prompt, text) != written.text:
        raise NotMeasurable(f"the tokenizer cannot hold {written.text[:60]!r} behind its prompt")
    example = TokenizedLesson(
        tuple(prompt), (*text, *end_ids(reader)), written.prompt, written.text
    )
    if len(example) > reader.max_length:
        raise NotMeasurable(
            f"{len(example)} tokens do not fit into the context of {reader.max_length}"
        )
    trace = lesson_trace(reader, lesson)
    if not same_for(lesson.problem, trace.answer.text, lesson.answer):
        raise NotMeasurable(
            f"its answer {lesson.answer!r} is read back as {trace.answer.text!r} out of {written.text[-60:]!r}"
        )
    marked = reader.policy.tags is not None  # else nothing says where a chain ends
    if marked and trace.chain_text.strip() != lesson.chain.strip():
        raise NotMeasurable(
            f"its chain is read back as {trace.chain_text[-60:]!r} out of {written.text[-60:]!r}"
        )
    return example


def end_ids(reader: Reasoner) -> tuple[int, ...]:
    """The ids that end a turn: up to the first one that stops a text, as the chat template writes it, else the tokenizer's end."""
    ids = reader.continue_ids(ending_of(reader.tokenizer, owner=reader.name))
    stop = next((place for place, index in enumerate(ids) if index in reader.stop_ids), None)
    if stop is not None:
        return tuple(ids[: stop + 1])
    end: Any = getattr(reader.tokenizer, "eos_token_id", None)
    return (end,) if isinstance(end, int) else tuple(sorted(reader.stop_ids)[:1])


def no_kinds(steps: Sequence[str]) -> list[StepKind]:
    """Steps without kinds: reading is faster where nobody asks for them."""
    return [StepKind.OTHER] * len(steps)
