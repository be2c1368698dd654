"""The marks of a model are found in its template, messages and vocabulary, for templates in many styles."""

from typing import Any

import pytest

from mechcot.core.errors import UserError
from mechcot.core.problem import Problem
from mechcot.model.asking_options import Asking
from mechcot.model.prompts import policy_of
from mechcot.model.reasoner import Reasoner
from mechcot.text.think_tags import KNOWN, ThoughtTags
from mechcot.traces.bind import join_parts, read_chain
from mechcot.traces.foreign_chain import ForeignChain
from tests.model.conftest import make_model
from tests.model.foreign_vocabularies import TURN, byte_level

QUESTION = Problem("q", "What is 3 + 4?", "7")
HARMONY = (
    "{% for m in messages %}{% if m['role'] == 'assistant' %}"
    "{% if m['thinking'] is defined %}<|start|>assistant<|channel|>analysis<|message|>{{ m['thinking'] }}<|end|>{% endif %}"
    "<|start|>assistant<|channel|>final<|message|>{{ m['content'] }}<|return|>"
    "{% else %}<|start|>{{ m['role'] }}<|message|>{{ m['content'] }}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant{% endif %}"
)
ALONE = (  # the reasoning is a field, as many templates of today have it
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% if m['role'] == 'assistant' and m['reasoning_content'] %}"
    "OPEN{{ m['reasoning_content'] }}CLOSE{% endif %}{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
PARTS = (  # the reasoning is a part of the content
    "{% for m in messages %}{% if m['content'] is string %}[INST]{{ m['content'] }}[/INST]{% else %}"
    "{% for p in m['content'] %}{% if p['type'] == 'thinking' %}[THINK]{{ p['thinking'] }}[/THINK]"
    "{% else %}{{ p['text'] }}</s>{% endif %}{% endfor %}{% endif %}{% endfor %}"
)


def alone(opening: str, closing: str) -> str:
    return ALONE.replace("OPEN", opening).replace("CLOSE", closing)


@pytest.mark.parametrize(
    ("special", "template", "tags", "opening", "closing"),
    [
        (
            ("<seed:think>", "</seed:think>"),
            TURN.replace("OPEN", "<seed:think>"),
            ("<seed:think>", "</seed:think>"),
            "<seed:think>\n",
            "\n</seed:think>\n\n",
        ),
        (
            ("<|START_THINKING|>", "<|END_THINKING|>"),
            alone("<|START_THINKING|>", "<|END_THINKING|>"),
            ("<|START_THINKING|>", "<|END_THINKING|>"),
            "<|START_THINKING|>",
            "<|END_THINKING|>",
        ),
        (
            ("<ponder>", "</ponder>"),
            TURN.replace("OPEN", "<ponder>"),
            ("<ponder>", "</ponder>"),
            "<ponder>\n",
            "\n</ponder>\n\n",
        ),
        (
            ("<|deliberation_start|>", "<|deliberation_end|>"),
            alone("<|deliberation_start|>\n", "\n<|deliberation_end|>\n"),
            ("<|deliberation_start|>", "<|deliberation_end|>"),
            "<|deliberation_start|>\n",
            "\n<|deliberation_end|>\n",
        ),
        (("[THINK]", "[/THINK]"), PARTS, ("[THINK]", "[/THINK]"), "[THINK]", "[/THINK]"),
        (
            (),
            alone("\u25c1think\u25b7", "\u25c1/think\u25b7"),
            ("\u25c1think\u25b7", "\u25c1/think\u25b7"),
            "\u25c1think\u25b7",
            "\u25c1/think\u25b7",
        ),
        (
            ("<think>", "</think>"),
            alone("<think>\n", "\n</think>\n\n"),
            ("<think>", "</think>"),
            "<think>\n",
            "\n</think>\n\n",
        ),
        (
            ("<|start|>", "<|channel|>", "<|message|>", "<|return|>"),
            HARMONY,
            (KNOWN[0].open, KNOWN[0].close),
            KNOWN[0].open,
            KNOWN[0].close,
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) and value else "",
)
def test_marks_and_their_white_space_come_from_the_files(special, template, tags, opening, closing):
    made = policy_of(byte_level(special=special, template=template), owner="m")
    assert made.tags == ThoughtTags(*tags)
    assert (made.opening, made.closing) == (opening, closing)
    assert made.cue.text == f"{closing}The final answer is \\boxed{{"
    assert repr(tags[0]) in made.describe()


@pytest.mark.parametrize(
    "template",
    [
        TURN.replace("OPEN", ""),
        TURN.replace("OPEN", "\n"),
        "{% for m in messages %}[INST]{{ m['content'] }}[/INST]{% endfor %}",
        alone("", ""),
        None,
    ],
)
def test_a_model_without_a_thought_has_no_marks(template: str | None):
    assert policy_of(byte_level(special=(), template=template), owner="m").tags is None


def test_a_thought_opened_with_something_unknown_is_refused_with_the_option():
    tokenizer = byte_level(special=("<zzz>",), template=TURN.replace("OPEN", "<zzz>"))
    with pytest.raises(
        UserError, match=r"begins an answer with '<zzz>'.*--think '<zzz>' CLOSE.*--think none"
    ):
        policy_of(tokenizer, owner="m")
    assert policy_of(tokenizer, owner="m", asking=Asking(think="none")).tags is None
    named = policy_of(tokenizer, owner="m", asking=Asking(think=("<zzz>", "<yyy>")))
    assert named.tags == ThoughtTags("<zzz>", "<yyy>")
    assert named.cue.text.startswith("\n<yyy>\n\n")
    assert "given with --think" in named.describe()


def reader_of(tokenizer: Any, eos: str | None = None) -> Reasoner:
    model = make_model("llama", d_vocab=len(tokenizer))
    if eos:
        model.generation_config.eos_token_id = tokenizer.convert_tokens_to_ids(eos)
    return Reasoner.of(model, tokenizer, name="m")


def test_what_stands_between_channels_stops_nothing_and_what_ends_the_turn_does():
    special = ("<|start|>", "<|channel|>", "<|message|>", "<|return|>")
    tokenizer = byte_level(special=special, template=HARMONY, eos_token="<|return|>")
    reader = reader_of(tokenizer, "<|return|>")
    assert tokenizer.convert_ids_to_tokens(sorted(reader.stop_ids)) == ["<|return|>"]
    chat = byte_level(
        special=("<|im_start|>", "<|im_end|>"), template=alone("", ""), eos_token="<s>"
    )
    stops = chat.convert_ids_to_tokens(sorted(reader_of(chat, "<s>").stop_ids))
    assert stops == ["<s>", "<|im_end|>"]  # a message of this template never ends in <|end|>


def test_a_turn_without_a_template_stops_at_known_ends():
    bare = byte_level(special=("<|im_end|>",), template=None, eos_token="<s>")
    assert bare.convert_ids_to_tokens(sorted(reader_of(bare, "<s>").stop_ids)) == [
        "<|end|>", "<s>", "<|im_end|>",
    ]  # fmt: skip


STYLES = [
    (("<think>", "</think>"), alone("<think>\n", "\n</think>\n\n")),
    (("<think>", "</think>"), TURN.replace("OPEN", "<think>\n")),
    (("<|START_THINKING|>", "<|END_THINKING|>"), alone("<|START_THINKING|>", "<|END_THINKING|>")),
    (("<|start|>", "<|channel|>", "<|message|>", "<|return|>"), HARMONY),
]


@pytest.mark.parametrize(("special", "template"), STYLES)
def test_an_imported_chain_stands_as_the_model_would_have_written_it(special, template):
    reader = reader_of(byte_level(special=special, template=template))
    chain = ForeignChain(QUESTION, "So 3 + 4 = 7.", "The answer is \\boxed{7}.")
    trace = read_chain(reader, chain)
    text = trace.prompt + trace.completion
    shown = f"{reader.policy.opening}{chain.chain}{reader.policy.closing}{chain.answer}"
    assert text.endswith(shown)
    assert text.count(reader.policy.tags.open) == text.count(reader.policy.tags.close) == 1
    assert [step.text.strip() for step in trace.chain_steps] == [chain.chain]
    assert reader.view(trace).ids == trace.ids
    spaced = ForeignChain(QUESTION, "\nSo 3 + 4 = 7.\n", "\n\nThe answer is \\boxed{7}.")
    whole = read_chain(reader, spaced)
    assert "\n\n\n" not in whole.prompt + whole.completion


@pytest.mark.parametrize(("special", "template"), STYLES)
@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("So 3 + 4 = 7. The answer is \\boxed{7}.", "7"),
        ("First, 3 plus 4.\nSo 3 + 4 = 7.\n\nThe final answer is 7.", "7"),
        ("So 3 + 4 = 7. Maybe the answer is 8. I should check", None),
    ],
)
def test_a_plain_text_is_a_chain_and_its_statement_or_a_chain_without_an_answer(
    special, template, text, read
):
    reader = reader_of(byte_level(special=special, template=template))
    trace = read_chain(reader, ForeignChain(QUESTION, text, "", closed=False))
    assert trace.finished
    assert reader.policy.tags.open in trace.prompt + trace.completion
    if read:
        assert trace.answer.text == read
        assert "answer is" not in trace.chain_text
    else:
        assert trace.answer.text is None
        assert reader.policy.tags.close not in trace.completion


def test_white_space_at_a_border_stands_once():
    assert join_parts("a\n", "\n</t>\n\n", "\nb") == "a\n</t>\n\nb"
    assert join_parts("a", " </t>", " b") == "a </t> b"
    assert join_parts("", "<t>", "a") == "<t>a"
