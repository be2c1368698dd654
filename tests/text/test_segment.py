import pytest
from hypothesis import given, strategies as st

from mechcot.core.errors import UserError
from mechcot.text.segment import pieces, segmenter

HOW = ("sentence", "paragraph", "tagged", "word_dot")
AWKWARD = st.text(alphabet=list('aB1 .\n!?$\\[]()`#*-_=…。\t\x00🦆 ~।؟．｡」"ก์;|'), max_size=80)


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
        ("So in St. Gallen it ends. Ok.", ["So in St. Gallen it ends. ", "Ok."]),
        ("She lives in Main St. Bo left.", ["She lives in Main St. ", "Bo left."]),
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


@pytest.mark.parametrize(
    "opening", ["\\[", "\\begin{align*}", "\\begin{verbatim}", "`", "```", "~~~~"]
)
def test_what_is_never_closed_shields_nothing(opening):
    assert pieces(f"Take {opening} a. Then b. End.") == [f"Take {opening} a. ", "Then b. ", "End."]


@pytest.mark.parametrize(
    "formula",
    [
        "\\begin{gather*}\na = 1.\n\nb = 2! \\\\\n\\end{gather*}",
        "\\begin{aligned} f &= \\begin{cases} 1. & x > 0 \\\\ 2. & x < 0 \\end{cases}. \\end{aligned}",
        "\\begin{pmatrix} \\begin{pmatrix} 1. \\end{pmatrix} \\\\ 2. A \\end{pmatrix}",
        "\\begin{itemize}\n\\item One. Two.\n\\item Three.\n\\end{itemize}",
        "\\begin{verbatim}\nAll words here. More words here.\n\n\\begin{a} And so on. Yes.\n\\end{verbatim}",
        "\\[\nx = 1.\n\ny = 2 \\text{ for the last step. Done} \n\\]",
        "$$\nx = 1.\n\ny = 2.\n$$",
    ],
)
def test_no_step_ends_inside_a_formula_or_environment(formula):
    before, after = "We start.\n", "Then stop."
    assert pieces(f"{before}{formula}\n{after}") == [before, f"{formula}\n", after]
    led_in = pieces(f"We get\n{formula}\n{after}")
    assert led_in == [f"We get\n{formula}\n", after]


@pytest.mark.parametrize(
    "formula", ["\\[ x = 1. \\]", "\\begin{cases} 1. A \\\\ 2! \\end{cases}", "$$\nx.\n$$"]
)
def test_a_formula_that_ends_in_a_stop_ends_its_sentence_before_a_capital(formula):
    assert pieces(f"We get {formula} Now b.") == [f"We get {formula} ", "Now b."]
    assert pieces(f"We get {formula} so b.") == [f"We get {formula} so b."]


def test_an_environment_around_paragraphs_of_prose_is_cut():
    text = "\\begin{proof}\nWe add both sides.\n\nThen we take the root.\n\\begin{align}\na. \\\\\nb.\n\\end{align}\n\\end{proof}\nOk."
    found = pieces(text)
    assert found == [
        "\\begin{proof}\nWe add both sides.\n\n",
        "Then we take the root.\n",
        "\\begin{align}\na. \\\\\nb.\n\\end{align}\n\\end{proof}\n",
        "Ok.",
    ]


def test_an_end_without_its_begin_and_crossed_names_do_not_swallow_the_text():
    text = "A \\end{b} one. \\begin{c} two. \\begin{d} three. \\end{c} so four. \\end{d} so five."
    assert pieces(text) == [
        "A \\end{b} one. ",
        "\\begin{c} two. \\begin{d} three. \\end{c} so four. ",
        "\\end{d} so five.",
    ]


@pytest.mark.parametrize(
    "block",
    [
        "````\n```py\na. b\n```\nc. d\n````",
        "~~~~~\n~~~\na. b\n```\nc. d\n~~~~~~",
        "```text\na. b\n    ```\nc. d\n```",  # four columns in: no closing line
        "- ```\n  a. b\n\n  c. d\n  ```",
        "> ```\n> a. b\n> ```",
        "```\na. b\n``` not yet\nc. d\n`````",
    ],
)
def test_fences_close_by_their_own_mark_and_length(block):
    assert pieces(f"Run it.\n{block}\nDone. Yes.") == ["Run it.\n", f"{block}\n", "Done. ", "Yes."]


def test_a_line_of_three_marks_on_both_sides_is_a_code_span():
    assert pieces("```a. b``` is it.\nNext. `c. d` too.") == [
        "```a. b``` is it.\n",
        "Next. ",
        "`c. d` too.",
    ]


@pytest.mark.parametrize(
    "sentences",
    [
        ["संख्या 3.5 है। ", "क्यों? ", "देखो॥ ", "हाँ।"],
        ["ما هو الناتج؟ ", "هو 3.5. ", "حسنا."],
        ["یہ 7 ہے۔ ", "رکو۔"],
        ["结果是３．５。", "等等，真的吗？！", "“是的。”", "（对。）", "然后结束。"],
        ["答えは7です｡", "「はい。」と言った｡", "そう．", "次"],
        ["１．まず３．５を足す．", "次に引く．\n", "（２）終わり。"],
        ['他说"对。"', '"好"不好？', "*好。*\n", "**第二**步。", "**对！**", "第三*步*。"],
        ["答案是7?", "对.", "共3!种。"],
        ["Πόσο είναι; ", "Είναι 7. ", "Ναι\u037e"],
        ["Պատասխանը 7 է։ ", "Այո։"],
        ["መልሱ 7 ነው። ", "ቆይ፡፡ ", "እሺ።"],
        ["ចម្លើយគឺ 7។ ", "បាទ។"],
        ["အဖြေ 7၊ ဟုတ်တယ်။ ", "ပြီးပြီ။"],
        ["ผลรวมของทั้งสองคือ 7 ", "ดังนั้นคำตอบคือ 7\n", "จบการคำนวณแล้ว ", "ขอบคุณ"],
    ],
    ids=lambda sentences: sentences[0][:12],
)
def test_stops_of_other_scripts(sentences):
    assert pieces("".join(sentences)) == sentences


@pytest.mark.parametrize(
    "sentence",
    [
        "Wir nehmen z.B. 7 oder z. B. Zehn, d. h. mehr.",
        "Am 3. Mai steht im 2. Schritt, vgl. Abb. 4, die Nr. 5.",
        "On prend p. ex. 3 pommes, cf. M. Dupont, env. 7 au total.",
        "El Sr. García toma p. ej. 7 manzanas.",
        "Seven (J. R. R. Tolkien, George W. Bush, written by J. Smith) came.",
        "See Fig. 3, Eq. (4), Thm. 2, pp. 5 and vol. 2 of it.",
        "The U.S. Navy left at 5 p.m. Monday with version 3.11.2 of it.",
        "Add 1 + 2 + ... + 9 and 3, 4, ... , 8 first.",
        "| One. Two | Three. |",
        "### 2. The next one",
        "**Step 3.** We add.",
        "Look at https://a.org/b.c?d=e.f for it.",
        "(a) one",
        "Apples, pears, etc. are fruit.",
    ],
)
def test_what_looks_like_a_stop_and_is_none(sentence):
    assert pieces(f"{sentence}\nNext.") == [f"{sentence}\n", "Next."]


@pytest.mark.parametrize(
    "sentences",
    [
        ["The answer is B. ", "Carbon is C. ", "Choose D. ", "So it is."],
        ["It is 5 p.m. ", "Then he left the U.S. ", "He went."],
        ["We buy tea, milk, etc. ", "Next we pay."],
        ["Er sagt „Ja.“ ", "Sie sagt »Nein.« ", "Wir kaufen Tee usw. ", "Dann gehen wir."],
        ["« Oui. » ", "Il est parti."],
        ["**It is 7.** ", "_Yes._ ", "~~No.~~ ", "*Really?* ", "Ok."],
    ],
)
def test_what_looks_like_none_and_is_a_stop(sentences):
    assert pieces("".join(sentences)) == sentences


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


@pytest.mark.parametrize(
    "unit",
    [
        *(
            '. " ',
            "\\[",
            "$a ",
            "```",
            "*",
            ".",
            "a. ",
            " ",
            "\n",
            '."\n',
            "\\begin{a}",
            "\\end{a}",
        ),
        *("``` x\n", "```` ` ", "。」", '。"', "。**", "| a. |\n", "ก ", "对.", "A. ", "- 1. "),
        "\\begin{verbatim}",
    ],
)
def test_hostile_texts_stay_linear(unit):
    """A quadratic rule would take minutes here."""
    text = unit * (20_000 // len(unit))
    for how in HOW:
        assert "".join(pieces(text, how=how)) == text


@pytest.mark.parametrize(
    "text",
    [
        "Then n! = 2 holds.|So go.",
        "So n!! is odd.|Great!|So 5! = 120 holds.",
        "It is 5 ft. long.|It weighs 3 lbs. or more.|Go 3 ft.|Then stop.",
        "She lives in 5 Oak Ave. in town.|Yes.",
        "Проверим, напр. сложением.|Да.",
        "We add３＋４．The sum is ７．",
    ],
)
def test_factorials_and_units_before_small_letters_end_nothing(text):
    steps = text.split("|") if "|" in text else ["We add３＋４．", "The sum is ７．"]
    assert [step.strip() for step in pieces(" ".join(steps) if "|" in text else text)] == steps
