"""Marks that a text shows: what they are, and that plain texts show none."""

import pytest

from mechcot.text.answers import read_answer
from mechcot.text.think_tags import (
    KNOWN,
    Thought,
    ThoughtTags,
    find_thought,
    means_thought,
    partners,
    tags_in,
)

SHAPES = [
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<Thought>", "</Thought>"),
    ("<REASONING>", "</REASONING>"),
    ("<seed:think>", "</seed:think>"),
    ("<longcat_think>", "</longcat_think>"),
    ("<inner_monologue>", "</inner_monologue>"),
    ("<think_fast>", "</think_fast>"),
    ("[REASONING]", "[/REASONING]"),
    ("\u25c1think\u25b7", "\u25c1/think\u25b7"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|think:start|>", "<|think:end|>"),
    ("<|cot_begin|>", "<|cot_end|>"),
    ("<|reasoning|>", "<|/reasoning|>"),
    (
        "<\uff5cbegin\u2581of\u2581thought\uff5c>".replace("\u2581", "_"),
        "<\uff5cend_of_thought\uff5c>",
    ),
]
PAIRS = [*(ThoughtTags(*pair) for pair in SHAPES), *KNOWN]
CHAIN = "We add. Maybe the answer is 8. No, 3+4=7."


@pytest.mark.parametrize("tags", PAIRS, ids=lambda tags: tags.open)
def test_a_text_shows_its_own_marks_and_its_answer_is_read_behind_them(tags: ThoughtTags) -> None:
    text = f"{tags.open}{CHAIN}{tags.close}\nThe answer is 7."
    found = tags_in(text)
    assert found is not None
    layout = find_thought("", text, found)
    assert layout.thought is Thought.CLOSED
    assert text[layout.chain.start : layout.chain.stop] == CHAIN
    assert read_answer(text).text == "7"


@pytest.mark.parametrize(("opened", "closed"), SHAPES)
def test_one_mark_is_enough_where_the_other_was_swallowed_or_cut(opened: str, closed: str) -> None:
    swallowed = tags_in(f"{CHAIN}{closed}The answer is 7.")
    assert swallowed is not None
    assert swallowed.close == closed  # a start may be called begin or start
    found = tags_in(f"{opened}\n{CHAIN}")
    assert (found is not None and found.open == opened) is (not opened.startswith("["))


@pytest.mark.parametrize(
    "text",
    [
        "3 + 4 = 7. The answer is 7.",
        "Analysis of the sum: analysis begins with 3. The answer is 7.",
        "[Reasoning](page) says 7.",
        "For x < 3 and y > 4, I think <b>7</b> is right.",
        "if a<think and b>3",
        "## Thinking\nWe add and stop.",
        "The tag <think> opens a thought in some models.",
        "",
    ],
)
def test_plain_texts_show_no_marks(text: str) -> None:
    assert tags_in(text) is None


@pytest.mark.parametrize(
    "lead",
    ["\n\n", "<|start|>assistant", "<|im_start|>assistant\n", "Sure, here is my solution.\n"],
)
def test_what_stands_before_the_opening_mark_is_no_chain(lead: str) -> None:
    for tags in (ThoughtTags("<think>", "</think>"), KNOWN[0]):
        text = f"{lead}{tags.open}{CHAIN}{tags.close}The answer is 7."
        found = tags_in(text)
        assert found == tags
        chain = find_thought("", text, found).chain
        assert text[chain.start : chain.stop] == CHAIN


def test_a_mention_inside_an_opened_thought_stays_in_the_chain() -> None:
    tags = ThoughtTags()
    text = "Should I write <think> again? No.</think>7"
    assert find_thought("Q<think>\n", text, tags).chain.start == 0


def test_partners_are_made_by_shape_and_closing_marks_have_none() -> None:
    for opened, closed in SHAPES:
        assert closed in partners(opened)
        assert partners(closed) == ()
        assert means_thought(opened)
        assert not means_thought(closed)
    assert not means_thought("<tool_call>")
    assert not means_thought("<|im_start|>")
