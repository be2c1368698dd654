from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mechcot.core.errors import NotMeasurable, UserError
from mechcot.core.problem import Completion
from mechcot.core.trace import Phase
from mechcot.model.compatibility import (
    check_questions,
    check_tokenizers,
    common_vocabulary,
    differing_ids,
)

CHAIN = "First we add 3 and 4. So the sum is 7."


@pytest.fixture
def thinker(reasoner: Callable[..., Any]) -> Any:
    """Like R1-Distill-Qwen: `<think>` is a special token of its own."""
    return reasoner("qwen2", template="think")


@pytest.fixture
def chatter(reasoner: Callable[..., Any]) -> Any:
    """Like Qwen2.5-Math: the same rows have other names."""
    return reasoner("qwen2", template="chat")


@pytest.fixture
def trace(thinker: Any, problems: Any) -> Any:
    prompt = thinker.render(problems[0])
    text = f"{CHAIN}\n</think>\n\nThe final answer is \\boxed{{7}}."
    return thinker.read(Completion(problems[0], prompt, text, thinker.name))


def test_only_ids_that_occur_are_compared(thinker, chatter, trace):
    chain = trace.phase(Phase.CHAIN)
    check_tokenizers(thinker, chatter, [trace])
    assert not differing_ids(
        thinker.tokenizer, chatter.tokenizer, trace.ids[chain.start : chain.stop]
    )
    assert [d[0] for d in differing_ids(thinker.tokenizer, chatter.tokenizer, range(8))] == [4, 5]


def test_really_different_tokenizers_are_refused(thinker, reasoner, trace):
    words = reasoner("llama", words=True)
    with pytest.raises(UserError, match=r"both models know.*--author own"):
        check_tokenizers(thinker, words, [trace])
    shifted = replace(thinker, tokenizer=Shifted(thinker.tokenizer), name="shifted")
    with pytest.raises(
        UserError, match=r"have different tokenizers: .* for example id .* to the second"
    ):
        check_tokenizers(thinker, shifted, [trace])


def test_questions_alone_tell_quite_different_tokenizers_apart(thinker, chatter, reasoner):
    questions = ["What is 3 plus 4?", "What is 12 minus 5?"]
    check_questions(thinker, chatter, questions)
    shifted = replace(thinker, tokenizer=Shifted(thinker.tokenizer), name="shifted")
    for other in (shifted, reasoner("llama", words=True)):
        with pytest.raises(UserError, match=r"most tokens of the questions differ.*--author own"):
            check_questions(thinker, other, questions)


def test_common_vocabulary_is_the_smaller_head(thinker, reasoner):
    words = reasoner("llama", words=True)
    assert common_vocabulary(thinker, words) == words.n_vocabulary
    assert common_vocabulary(thinker, thinker) == thinker.n_vocabulary


def test_own_view_is_the_trace_itself(thinker, trace):
    assert thinker.view(trace) is trace


def test_shared_text_keeps_the_chain_and_spells_the_tags_its_own_way(thinker, chatter, trace):
    reader = replace(chatter, policy=thinker.policy.shared())
    seen = reader.view(trace)
    mine, theirs = seen.phase(Phase.CHAIN), trace.phase(Phase.CHAIN)
    assert seen.prompt == trace.prompt
    assert seen.completion == trace.completion
    assert seen.ids[mine.start : mine.stop] == trace.ids[theirs.start : theirs.stop]
    assert 4 not in seen.ids  # `<think>` is plain text to this reader
    assert 5 not in seen.ids
    assert reader.decode(seen.ids) == trace.prompt + trace.completion
    assert [len(step.tokens) for step in seen.chain_steps] == [
        len(step.tokens) for step in trace.chain_steps
    ]


def test_own_policy_puts_its_own_prompt_in_front(chatter, trace):
    seen = chatter.view(trace)
    assert seen.prompt == chatter.render(trace.problem)
    assert seen.prompt_length == len(chatter.encode(seen.prompt))
    assert seen.chain_text == trace.chain_text
    assert seen.cuts()[0] == seen.prompt_length


def test_a_written_opening_tag_goes_along(reasoner, problems):
    writer, reader = reasoner("qwen3", template="switch"), reasoner("llama", template="switch")
    prompt = writer.render(problems[0])
    trace = writer.read(Completion(problems[0], prompt, f"<think>\n{CHAIN}</think>7", writer.name))
    assert reader.policy.opens_thought(trace.prompt)
    assert reader.policy.opens_thought(reader.view(trace).prompt)


def test_a_chain_of_another_vocabulary_is_refused(reasoner, trace):
    with pytest.raises(
        UserError, match=r"mean another text to .*their tokenizers differ.*--author own"
    ):
        reasoner("llama", words=True).view(trace)


def test_longer_than_the_context(reasoner, trace):
    small = reasoner("qwen2", template="think", context=48)
    with pytest.raises(NotMeasurable, match=r"the trace has \d+ tokens, the context of .* is 48"):
        small.view(trace)


class Shifted:
    """A tokenizer whose rows are one off."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def decode(self, ids: list[int], **about: Any) -> str:
        return self.inner.decode([token + 1 for token in ids], **about)
