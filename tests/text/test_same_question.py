"""Which texts ask a question: however it is rendered, and no other one."""

import pytest

from mechcot.text.same_question import asks, same_question

WORDS = "Tom has 3 apples and buys 4. How many has he now?"
OPTIONS = "Which planet is nearest?\nA) Venus\nB) Mercury\nC) Mars"
PASSAGE = "A lake received runoff.\nFish died.\n\nWhy did they die?"
CHINESE = "小明有3个苹果,又买了4个。一共有几个?"

RENDERED = {
    "white space": (WORDS.replace(" ", "  ").replace(". ", ".\n"), WORDS),
    "an instruction behind": (f"{WORDS}\nThink step by step.", WORDS),
    "an instruction in front": (f"Answer the question: {WORDS} Use \\boxed{{}}.", WORDS),
    "marks of a chat": (f"<|im_start|>user\n{WORDS}<|im_end|>\n<|im_start|>assistant\n", WORDS),
    "bold": (f"**{WORDS}**", WORDS),
    "no space between": ("3+4=", "3 + 4"),
    "behind a colon": ("Solve: 3 + 4", "3 + 4"),
    "other marks of options": (
        "Which planet is nearest?\nA. Venus\nB. Mercury\nC. Mars\nAnswer:",
        OPTIONS,
    ),
    "options without letters": ("Which planet is nearest? Venus, Mercury, Mars", OPTIONS),
    "options left out": ("Which planet is nearest?", OPTIONS),
    "options left out, an instruction behind": ("Which planet is nearest? Say a letter.", OPTIONS),
    "options put behind": (OPTIONS, "Which planet is nearest?"),
    "a passage left out": ("Why did they die?", PASSAGE),
    "a passage under a heading": (
        "Passage: A lake received runoff.\nFish died.\n\nQuestion: Why did they die?",
        PASSAGE,
    ),
    "a script without spaces": (f"请回答{CHINESE}请一步一步地想", CHINESE),
}


@pytest.mark.parametrize(("asked", "question"), RENDERED.values(), ids=RENDERED)
def test_a_question_is_the_same_however_it_is_rendered(asked, question):
    assert same_question(asked, question)


@pytest.mark.parametrize(
    ("asked", "question"),
    [
        (WORDS.replace("3", "5"), WORDS),
        (WORDS, "Mia has 3 apples and buys 4. How many has she now?"),
        ("11 + 1?", "1 + 1?"),
        ("2 * 3 + 4", "3 + 4"),
        ("3 + 4 * 2", "3 + 4"),
        ("3 - 4", "3 + 4"),
        ("1.5 + 2", "5 + 2"),
        ("Zeichen: b a c c b . Gerade?", "Zeichen: c c b . Gerade?"),
        (OPTIONS.replace("Mars", "Saturn"), OPTIONS),
        (OPTIONS.replace("nearest", "coldest"), OPTIONS),
        ("小明有13个苹果,又买了4个。一共有几个?", CHINESE),
    ],
)
def test_another_question_is_another_one(asked, question):
    assert not same_question(asked, question)
    assert not same_question(question, asked)


def test_a_prompt_asks_only_what_it_holds():
    assert asks(f"You are a teacher.\n{WORDS}", WORDS)
    assert not asks("How many?", WORDS)
    assert not asks("user", WORDS)
