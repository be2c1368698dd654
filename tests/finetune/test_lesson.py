"""The loss lies on what the model shall write, and on nothing else; what it is taught is what the project reads."""

import pytest

from mechcot.core.errors import NotMeasurable
from mechcot.core.problem import Completion, Problem
from mechcot.finetune.arm import arm_named
from mechcot.finetune.lesson import Lesson, end_ids, lesson_trace, tokenized
from mechcot.finetune.material import MaterialSource, gather
from mechcot.finetune.trainers import IGNORED, sft_rows
from mechcot.text.answers import same_answer

WORDS = Lesson(Problem("a", "What is 30 + 12?", "42"), "Add them: 30 + 12 = 42.\nDone.", "42")


@pytest.fixture(params=["spaced", "plain", "chat"])
def taught(request, bases):
    reader = bases[request.param]
    if request.param == "spaced":
        material = gather(MaterialSource("mod10", n=1), arm_named("sft"), reader, seed=3)
        return reader, material.right()[0]
    return reader, WORDS


def test_the_loss_covers_the_written_text_and_the_end_of_the_turn(taught):
    reader, lesson = taught
    example = tokenized(reader, lesson)
    (row,) = sft_rows([example])
    start = row["labels"].index(example.completion[0])
    assert set(row["labels"][:start]) == {IGNORED}
    assert IGNORED not in row["labels"][start:]
    prompt, text = row["input_ids"][:start], row["input_ids"][start:]
    assert row["labels"][start:] == text
    assert reader.decode(prompt) == reader.render(lesson.problem)
    assert reader.continuation(prompt, text[:-1]) == example.text
    assert text[-1] in reader.stop_ids


def test_what_is_taught_is_read_as_meant(taught):
    reader, lesson = taught
    example = tokenized(reader, lesson)
    written = Completion(lesson.problem, example.prompt_text, example.text, "tuned")
    trace = reader.read(written)
    assert same_answer(trace.answer.text, lesson.answer)
    assert trace.chain_text.strip() == lesson.chain.strip()


def test_an_empty_chain_is_an_empty_thought(bases):
    for reader in (bases["plain"], bases["chat"]):
        trace = lesson_trace(reader, Lesson(WORDS.problem, "", "42"))
        assert trace.chain_text.strip() == ""
        assert trace.answer.text == "42"
        tokenized(reader, Lesson(WORDS.problem, "", "42"))


def test_texts_by_form(bases):
    assert tokenized(bases["plain"], WORDS).text == f"{WORDS.chain}\nThe answer is 42"
    assert (
        tokenized(bases["chat"], WORDS).text
        == f"<think>\n{WORDS.chain}\n</think>\n\nThe final answer is \\boxed{{42}}"
    )


def test_the_turn_ends_at_the_first_token_that_stops_a_text(bases):
    assert end_ids(bases["chat"]) == (0,)  # and not the line break behind it


def test_what_is_read_otherwise_is_left_out(bases):
    lesson = Lesson(WORDS.problem, "30 + 12 = 42.", "40\nThe answer is 42")
    with pytest.raises(NotMeasurable, match="is read back as"):
        tokenized(bases["plain"], lesson)


def test_words_that_the_tokenizer_does_not_know_are_left_out(bases):
    with pytest.raises(NotMeasurable, match="the tokenizer cannot hold"):
        tokenized(bases["spaced"], WORDS)


def test_a_text_longer_than_the_context_is_left_out(bases):
    lesson = Lesson(WORDS.problem, "30 + 12 = 42. " * 100, "42")
    with pytest.raises(NotMeasurable, match="do not fit into the context of 512"):
        tokenized(bases["plain"], lesson)
