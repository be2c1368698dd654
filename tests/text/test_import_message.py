"""What of a message is the thought: many shapes of one message, and laws for any shape."""

import json
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from mechcot.core.errors import UserError
from mechcot.text.chain_and_answer import divide
from mechcot.text.message_parts import NoChain
from mechcot.text.responses import attempts
from mechcot.traces.external import foreign_chains
from mechcot.traces.foreign_chain import ForeignChain, as_line

THOUGHT = "Half of 12 is 6. Six and 5 make 11."
SAID = "So it is 11."
USER = {"role": "user", "content": "Half of 12, plus 5?"}


def read(record: dict[str, Any], **options: Any) -> list[ForeignChain]:
    return foreign_chains(record, where="f:1", number=1, **options)


def assistant(**fields: Any) -> dict[str, Any]:
    return {"answer": "11", "messages": [USER, {"role": "assistant", **fields}]}


PARTS = {
    "anthropic": [{"type": "thinking", "thinking": THOUGHT, "signature": "c2ln"}, {"type": "text", "text": SAID}],
    "mistral": [{"type": "thinking", "thinking": [{"type": "text", "text": THOUGHT}]}, {"type": "text", "text": SAID}],
    "bedrock": [{"reasoningContent": {"reasoningText": {"text": THOUGHT, "signature": "s"}}}, {"text": SAID}],
    "gemini": [{"text": THOUGHT, "thought": True}, {"text": SAID}],
    "responses": [{"type": "reasoning_text", "text": THOUGHT}, {"type": "output_text", "text": SAID, "annotations": []}],
    "langchain": [{"type": "reasoning", "reasoning": THOUGHT, "index": 0}, {"type": "text", "text": SAID}],
    "vercel": [{"type": "reasoning", "text": THOUGHT}, {"type": "text", "text": SAID}],
    "pydantic": [{"part_kind": "thinking", "content": THOUGHT}, {"part_kind": "text", "content": SAID}],
    "split": [{"type": "thinking", "thinking": "Half of 12 is 6."}, {"type": "thinking", "thinking": " Six and 5 make 11."}, {"type": "text", "text": SAID}],
}  # fmt: skip
FIELDS = {
    "deepseek": {"reasoning_content": THOUGHT},
    "vllm": {"reasoning": THOUGHT, "reasoning_content": None},
    "ollama": {"thinking": THOUGHT},
    "thoughts": {"thoughts": [{"text": THOUGHT}]},
    "thought": {"thought": THOUGHT},
    "nested": {"reasoning": {"content": [{"text": THOUGHT}]}},
    "openrouter": {"reasoning": THOUGHT, "reasoning_details": [{"type": "reasoning.text", "text": THOUGHT, "format": None}]},
    "litellm": {"reasoning_content": THOUGHT, "thinking_blocks": [{"type": "thinking", "thinking": THOUGHT, "signature": "s"}]},
    "langchain": {"additional_kwargs": {"reasoning_content": THOUGHT}},
    "litellm-2": {"provider_specific_fields": {"reasoning_content": THOUGHT}},
    "steps": {"reasoning": {"steps": ["Half of 12 is 6.", " Six and 5 make 11."]}},
    "scratchpad": {"scratchpad": THOUGHT},
    "camel": {"reasoningContent": THOUGHT},
    "strings": {"reasoning_content": ["Half of 12 is 6.", " Six and 5 make 11."]},
}  # fmt: skip


@pytest.mark.parametrize("content", PARTS.values(), ids=PARTS)
def test_the_thought_is_found_in_the_parts_of_a_message(content):
    (found,) = read(assistant(content=content))
    assert (found.chain, found.answer, found.opened, found.closed) == (THOUGHT, SAID, True, True)


@pytest.mark.parametrize("fields", FIELDS.values(), ids=FIELDS)
@pytest.mark.parametrize("content", [SAID, [{"type": "text", "text": SAID}]], ids=["text", "parts"])
def test_the_thought_is_found_beside_the_content(fields, content):
    (found,) = read(assistant(content=content, **fields))
    assert (found.chain, found.answer, found.closed) == (THOUGHT, SAID, True)


@pytest.mark.parametrize(
    "text",
    [
        f"<think>{THOUGHT}</think>{SAID}",
        f"<reasoning>{THOUGHT}</reasoning>{SAID}",
        f"[THINK]{THOUGHT}[/THINK]{SAID}",
        f"<seed:think>{THOUGHT}</seed:think>{SAID}",
        f"◁think▷{THOUGHT}◁/think▷{SAID}",
        f"{THOUGHT}</think>{SAID}",
    ],
)
def test_a_text_is_divided_at_the_marks_that_it_shows(text):
    (found,) = read(assistant(content=text))
    assert (found.chain, found.answer, found.closed) == (THOUGHT, SAID, True)


@pytest.mark.parametrize("thought", [THOUGHT, f"<think>{THOUGHT}</think>", f"<think>\n{THOUGHT}"])
def test_marks_beside_a_field_of_the_thought_stay_in_neither(thought):
    (found,) = read(assistant(content=f"<think>{THOUGHT}</think>{SAID}", reasoning=thought))
    assert (found.chain.strip(), found.answer) == (THOUGHT, SAID)


SEALED = {
    "anthropic": {"content": [{"type": "redacted_thinking", "data": "EqQB"}, {"type": "text", "text": SAID}]},
    "bedrock": {"content": [{"reasoningContent": {"redactedContent": "EqQB"}}, {"text": SAID}]},
    "openrouter": {"content": SAID, "reasoning_details": [{"type": "reasoning.encrypted", "data": "gAAA"}]},
    "beside a summary": {"content": SAID, "reasoning_content": "Halves and adds.", "encrypted_content": "gAAA"},
    "part of it": {"content": [{"type": "thinking", "thinking": THOUGHT}, {"type": "redacted_thinking", "data": "x"}, {"type": "text", "text": SAID}]},
    "a blob without a flag": {"content": SAID, "reasoning": "gAAAAABo9fQx1Zk3+/tT8="},
    "flag": {"content": [{"type": "reasoning", "reasoning": "gAAA", "redacted": True}, {"type": "text", "text": SAID}]},
}  # fmt: skip


@pytest.mark.parametrize("fields", SEALED.values(), ids=SEALED)
def test_a_sealed_thought_is_no_chain(fields):
    with pytest.raises(NoChain, match="f:1: the thought, or a part of it, is encrypted"):
        read(assistant(**fields))


@pytest.mark.parametrize(
    "fields",
    [
        {"content": SAID, "reasoning_details": [{"type": "reasoning.summary", "summary": "Adds."}]},
        {"content": SAID, "reasoning": "Halves. Adds.", "reasoning_details": [{"type": "reasoning.summary", "summary": "Halves."}, {"type": "reasoning.summary", "summary": "Adds."}]},
        {"content": [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "Adds."}]}, {"type": "text", "text": SAID}]},
        {"content": SAID, "reasoning_summary": "Adds."},
    ],
)  # fmt: skip
def test_a_summary_is_the_chain_only_where_it_is_named(fields):
    with pytest.raises(NoChain, match="only a summary"):
        read(assistant(**fields))


def test_a_summary_can_be_asked_for_by_its_path():
    record = assistant(content=SAID, reasoning_summary="Halves, then adds.")
    paths = {"chain": "messages.1.reasoning_summary", "answer_text": "messages.1.content"}
    (found,) = read(record, fields=paths)
    assert (found.chain, found.answer) == ("Halves, then adds.", SAID)


@pytest.mark.parametrize(
    "record",
    [
        {"content": [{"type": "thinking", "thinking": "", "signature": "EqQB"}, {"type": "text", "text": SAID}]},
        {"content": [{"text": SAID, "thoughtSignature": "EqQB"}]},
    ],
)  # fmt: skip
def test_a_thought_that_was_withheld_is_not_replaced_by_what_was_said(record):
    with pytest.raises(NoChain, match="its thought is not in the file"):
        read(assistant(**record))


def test_two_different_thoughts_are_named():
    with pytest.raises(UserError, match="two thoughts in one message, 'reasoning' and 'thinking'"):
        read(assistant(content=SAID, reasoning=THOUGHT, thinking="Another way."))


@pytest.mark.parametrize(
    ("part", "named"),
    [
        ({"type": "tool_use", "name": "sum", "input": {}}, "tool_use"),
        ({"type": "image_url", "image_url": {"url": "x"}}, "image_url"),
        ({"type": "web_search_call", "id": "1"}, "web_search_call"),
    ],
)
def test_a_part_that_is_no_text_is_named(part, named):
    with pytest.raises(NoChain, match=named):
        read(assistant(content=[part, {"type": "text", "text": SAID}]))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
    | st.sampled_from(["<think>", "</think>", "assistant", "user", "reasoning", "text", "length", "7", "work #### 7"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from([
            "id", "question", "problem", "answer", "target", "chain", "reasoning", "thinking", "reasoning_details", "messages",
            "conversations", "role", "from", "content", "value", "type", "text", "summary", "data", "redacted", "choices", "message",
            "output", "outputs", "response", "body", "result", "candidates", "parts", "thought", "generations", "solution", "doc",
            "resps", "arguments", "usage", "reasoning_tokens", "finish_reason", "error", "sample", "prompt", "model", "signature",
            "completion", "answer_text", "opened", "closed", "schema", "steps", "status_code", "custom_id", "encrypted_content",
        ]),
        inner, max_size=6,
    ),
    max_leaves=25,
)  # fmt: skip
RECORDS = st.dictionaries(st.text(max_size=3), JSON, max_size=2)
SHAPES = st.builds(lambda a, b: a | b, RECORDS, JSON.filter(lambda v: isinstance(v, dict)))
ASKED = {"question": "Half of 12, plus 5?", "answer": "11"}


@settings(deadline=None, max_examples=400)
@given(SHAPES, st.booleans())
def test_any_record_is_chains_that_come_back_equal_or_one_sentence(record, asked):
    try:
        found = read(record | ASKED if asked else record)
    except UserError as error:
        assert "f:1" in str(error)
        return
    for chain in found:
        line = json.loads(json.dumps(as_line(chain)))
        assert read(line) == [chain]


@settings(deadline=None, max_examples=200)
@given(JSON)
def test_any_value_is_completions_or_one_sentence(value):
    try:
        found = [divide(one, tags=None, where="f:1") for one in attempts(value, where="f:1")]
    except UserError as error:
        assert "f:1" in str(error)
        return
    for one in found:
        assert one.opened or not one.closed


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"reasoning_summary": "Adds."}, "only a summary"),
        ({"thinking_summary": ["Halves.", "Adds."]}, "only a summary"),
        ({"encrypted_reasoning": "gAAA"}, "is encrypted or redacted"),
        ({"redacted_thinking": {"data": "EqQB"}}, "is encrypted or redacted"),
    ],
)
@pytest.mark.parametrize("text", ["response", "completion", "content"])
def test_a_hidden_thought_in_a_column_of_its_own_leaves_no_chain(row, said, text):
    with pytest.raises(NoChain, match=said):
        read(ASKED | row | {text: SAID})
    (found,) = read(ASKED | {"reasoning_summary": "Adds.", "reasoning": THOUGHT, text: SAID})
    assert (found.chain, found.answer) == (THOUGHT, SAID)


@pytest.mark.parametrize(
    "text", ["<" + "a_" * 9000, "<" + "think_" * 9000, "<a b " * 9000, "<think>" * 2000]
)
def test_a_search_for_marks_ends_in_any_text(text):
    """A search that tries every way of dividing the text would not end."""
    (found,) = read(ASKED | {"completion": text + "x"})
    assert text.endswith(found.chain.removesuffix("x"))
