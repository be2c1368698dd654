import pytest
from hypothesis import given, strategies as st

from mechcot.core.errors import UserError
from mechcot.text.segment import pieces, segmenter

HOW = ("sentence", "paragraph", "tagged", "word_dot")
AWKWARD = st.text(alphabet=list("aB1 .\n!?$\\[]()`#*-_=…。\t\x00🦆 "), max_size=80)


@pytest.mark.parametrize("how", HOW)
@given(text=st.one_of(st.text(max_size=120), AWKWARD))
def test_pieces_joined_are_the_text(how, text):
    found = pieces(text, how=how)
    assert "".join(found) == text
    assert all(found)


@pytest.mark.parametrize("how", HOW)
def test_pieces_joined_are_the_text_on_all_shared_data(how, shared_texts):
    assert len(shared_texts) > 1000
    for text in shared_texts:
        assert "".join(pieces(text, how=how)) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("No end", ["No end"]),
        ("It is 3.14 exactly. Then 2.", ["It is 3.14 exactly. ", "Then 2."]),
        ("Use primes, e.g. 7 or 11. Next.", ["Use primes, e.g. 7 or 11. ", "Next."]),
        ("A (i.e. b) vs. c. D!", ["A (i.e. b) vs. c. ", "D!"]),
        ("Dr. Fu has it. Ok.", ["Dr. Fu has it. ", "Ok."]),
        (
            "See no. 5 there. The answer is no. Yes.",
            ["See no. 5 there. ", "The answer is no. ", "Yes."],
        ),
        (
            "1. First do this. Then that.\n2. Second.",
            ["1. First do this. ", "Then that.\n", "2. Second."],
        ),
        ("1.\n\nFirst.\n2.\nSecond.", ["1.\n\nFirst.\n", "2.\nSecond."]),
        ("Hmm... maybe not. Wait, no!  Really?", ["Hmm... maybe not. ", "Wait, no!  ", "Really?"]),
        ('He said "stop." Then left.', ['He said "stop." ', "Then left."]),
        ("We get\n\\[ a. b\n c. d \\]\nSo it is.", ["We get\n\\[ a. b\n c. d \\]\n", "So it is."]),
        ("By \\(x. y\\) we see. Ok.", ["By \\(x. y\\) we see. ", "Ok."]),
        ("It costs $5. He has $6. Done.", ["It costs $5. ", "He has $6. ", "Done."]),
        ("Run\n```\na. b\n\nc. d\n```\nDone.", ["Run\n", "```\na. b\n\nc. d\n```\n", "Done."]),
        ("One\n---\nTwo", ["One\n---\n", "Two"]),
        (
            "Wait, 16 - 3 = 13\nThen 13 * 2 = 26\n#### 26",
            ["Wait, 16 - 3 = 13\n", "Then 13 * 2 = 26\n", "#### 26"],
        ),
        ("你好。再见。", ["你好。", "再见。"]),
        ("\n\n  Start. End.", ["\n\n  Start. ", "End."]),
    ],
)
def test_sentences(text, expected):
    assert pieces(text) == expected


def test_an_unclosed_formula_shields_nothing():
    assert pieces("Take \\[ a. Then b. End.") == ["Take \\[ a. ", "Then b. ", "End."]


def test_paragraphs_keep_their_lines():
    text = "One.\nStill one.\n\nTwo.\n \n\nThree."
    assert pieces(text, how="paragraph") == ["One.\nStill one.\n\n", "Two.\n \n\n", "Three."]


def test_tagged_steps_begin_at_their_headings():
    text = "Plan first.\n**Step 1:** Add. Then.\n### Step 2\nMore\n<step n=3>x"
    assert pieces(text, how="tagged") == [
        "Plan first.\n",
        "**Step 1:** Add. Then.\n",
        "### Step 2\nMore\n",
        "<step n=3>x",
    ]


def test_word_dot_ends_after_a_free_standing_dot():
    text = "need g: h + 5 . so g= 9.5 + 5 = 4 . </think> answer 4"
    assert pieces(text, how="word_dot") == [
        "need g: h + 5 . ",
        "so g= 9.5 + 5 = 4 . ",
        "</think> answer 4",
    ]


def test_an_unknown_name_says_which_there_are():
    with pytest.raises(
        UserError, match="unknown segmentation 'words': expected one of sentence, para"
    ):
        segmenter("words")
    assert segmenter("sentence")("Aa. Bb.") == ["Aa. ", "Bb."]


@pytest.mark.parametrize("unit", ['. " ', "\\[", "$a ", "```", "*", ".", "a. ", " ", "\n", '."\n'])
def test_hostile_texts_stay_linear(unit):
    """A quadratic rule would take minutes here."""
    text = unit * (20_000 // len(unit))
    for how in HOW:
        assert "".join(pieces(text, how=how)) == text
