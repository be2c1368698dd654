import threading

import pytest
from hypothesis import given, strategies as st

from mechcot.core.errors import UserError
from mechcot.core.trace import Answer
from mechcot.text.answers import find_answer, read_answer, same_answer
from mechcot.text.numerals import read_number
from tests.text.shared_rows import rows


@pytest.mark.parametrize(
    ("text", "answer", "how"),
    [
        ("So \\boxed{3}. No: \\boxed{\\frac{1}{2}}.", "\\frac{1}{2}", "boxed"),
        ("\\boxed{\\text{a } \\} b}", "\\text{a } \\} b", "boxed"),
        ("roots \\boxed{3} and \\boxed{5}", "3, 5", "boxed"),
        ("\\boxed 7", "7", "boxed"),
        ("The answer is $\\boxed{5}$.", "5", "boxed"),
        ("The answer is 5. No, the answer is 6.", "6", "phrase"),
        ("\\boxed{5}. Wait. The answer is 6.", "6", "phrase"),
        ("**Final Answer:** $\\frac{1}{2}$.", "\\frac{1}{2}", "phrase"),
        ("**Final Answer**\n\\boxed{5}", "5", "boxed"),
        ("the final answer is **18 dollars** because", "18", "phrase"),
        ("The answer is 3.5.", "3.5", "phrase"),
        ("The answer to the question is (B).", "(B)", "phrase"),
        ("The answer is 5. Is the answer is 6?", "5", "phrase"),
        ("16-3=<<16-3=13>>13\n#### 1,200", "1,200", "hash"),
        ("the answer is <<3+4=7>>7", "7", "phrase"),
        ("So = $<<9*2=18>>18 every day\nA: 18", "18", "letter"),
        ("<answer> 42 </answer>", "42", "tag"),
        ("She has 13 eggs", "13", "closing"),
        ("is it -4?", None, "unread"),
        ("<think> \\boxed{1} </think> The answer is 2", "2", "phrase"),
        ("<think> so \\boxed{1} </think> Done.", "1", "boxed"),
        ("so \\boxed{1} </think> Done with 7.", "7", "closing"),
        ("<think> so the answer is 9. Hmm, 4 +", "9", "phrase"),
        ("<think> so 4 + 5", None, "unread"),
        ("<think> a </think>The answer is 9.<|im_end|>", "9", "phrase"),
        ("#### 9<eos>", "9", "hash"),
        ("<think> a </think>\nResult: Friday noon", "Friday noon", "closing"),
        ("<think> a </think>\n**Ergebnis:** nicht schuldig<|im_end|>", "nicht schuldig", "closing"),
        ("<think> a </think>\nFinal verdict : Ann", "Ann", "closing"),
        ("<think> a </think>\nNote: Ann", None, "unread"),
        ("<think> a </think>\nResult: not sure", None, "unread"),
        ("<think> a </think>\nResult: it is what Ann says", None, "unread"),
        ("<think> a </think>\nFirst: Ann\nSecond: Bob", None, "unread"),
        ("It rains, and it is cold.\nSo they stay.\nYes", "Yes", "closing"),
        ("Rome is out, since it is south.\nSo one is left.\n\n**(B)**", "(B)", "closing"),
        ("These are left:\nA\nB\nC", None, "unread"),
        ("It rains.\nSo they stay, no doubt", None, "unread"),
        ("From hall, 2 doors on, it is the kitchen.\nIt ends up in kitchen.", None, "unread"),
        ("De segunda, 2 dias em frente, chega a quarta. Cai, portanto, em quarta.", None, "unread"),
        ("The total is 18 dollars.\nLet me know if you have questions.", "18", "closing"),
        ("So she earns $18 a day.", "$18", "closing"),
        ("She has 18 in total.", "18", "closing"),
        ("The train leaves at 3 am.", "3 am", "closing"),
        ("", None, "unread"),
        ("no digits", None, "unread"),
        ("\\boxed{", None, "unread"),
    ],
)
def test_the_last_stated_answer_is_read(text, answer, how):
    assert read_answer(text) == Answer(answer, how)


def test_the_organisms_family_reads_the_word_behind_answer():
    text = "so g= 4 . total 7 . </think> answer 4 <eos>"
    assert read_answer(text, family="word") == Answer("4", "word")
    assert read_answer("so g= 4 .", family="word") == Answer(None, "unread")
    ends = "so g= 4 . </think> recap 4"
    assert read_answer(ends, family="word").text is None
    assert read_answer(ends, family="word", otherwise="last_number").text == "4", "when asked for"


def test_positions_survive_calculator_marks():
    text = "16-3=<<16-3=13>>13. The answer is 13"
    found = find_answer(text)
    assert found is not None
    assert text[found.start : found.stop] == "answer is 13"


def test_an_unknown_family_says_which_there_are():
    with pytest.raises(UserError, match="unknown answer family 'x': expected one of any, boxed"):
        read_answer("5", family="x")


SAME = [
    ("\\frac{1}{2}", "\\dfrac12"),
    ("1/2", "\\frac12"),
    ("0.5", "1/2"),
    ("90", "90^\\circ"),
    ("(3, \\pi/2)", "\\left( 3, \\frac{\\pi}{2} \\right)"),
    ("3\\sqrt{13}", "\\sqrt{117}"),
    ("18 dollars", "$18.00"),
    ("1,000", "1000"),
    ("50\\text{ cm}", "50"),
    ("\\text{Evelyn}", "evelyn."),
    ("(A)", "A"),
    ("x=5", "5"),
    ("\\boxed{7}", "7"),
    ("2,3,5", "5, 3, 2"),
    ("-\\frac{1} { 4027}", "-\\dfrac{1}{4027}"),
]
DIFFERENT = [
    ("2", "\\left( 3, \\frac{\\pi}{2} \\right)"),
    ("(1,2)", "(2,1)"),
    ("3", "-3"),
    ("A", "B"),
    ("no", "on"),
    ("not on", "no ton"),
    ("7 apples", "8 apples"),
    ("1,2", "12"),
    ("0.333", "1/3"),
    ("", ""),
    ("10^{10^{10}}", "5"),
    ("9999999!", "1"),
    ("\\frac{1}{", "1"),
    ("__import__('os')", "1"),
]


@pytest.mark.parametrize(("a", "b"), SAME)
def test_same(a, b):
    assert same_answer(a, b)
    assert same_answer(b, a)


@pytest.mark.parametrize(("a", "b"), DIFFERENT)
def test_different(a, b):
    assert not same_answer(a, b)
    assert not same_answer(b, a)


def test_an_unread_answer_equals_nothing():
    assert not same_answer(None, None)
    assert not same_answer("5", None)


def test_mathematics_is_compared_outside_the_main_thread_too():
    seen = []
    thread = threading.Thread(target=lambda: seen.append(same_answer("\\frac{3}{7}", "6/14")))
    thread.start()
    thread.join()
    assert seen == [True]


@given(st.text(max_size=60))
def test_any_text_equals_itself_if_it_says_something(text):
    found = read_answer(text)
    assert found.text is None or same_answer(found.text, found.text)


@given(st.integers(-(10**9), 10**9))
def test_numbers_are_read_exactly(value):
    assert read_number(str(value)) == read_number(f"{value:,}") == value
    assert same_answer(f"{value:,}", str(value))


def test_r1_traces_where_we_differ_from_their_labels_they_are_wrong(shared):
    """All four differences were read by eye: the source marked right answers wrong."""
    differ = {}
    for name in ("llama8b", "qwen7b"):
        for row in rows(shared / "r1_math500_traces" / f"pilot_math500_{name}.jsonl"):
            written = row["answer_text"]
            text = f"<think>{row['reasoning_trace']}" + (f"</think>{written}" if written else "")
            found = read_answer(text)
            same = same_answer(found.text, row["ground_truth"])
            if same != row["is_correct"]:
                differ[name, row["item_id"]] = (found.text, row["ground_truth"], same)
    assert differ == {
        ("llama8b", "math500_0002"): ("\\dfrac{14}{3}", "\\frac{14}{3}", True),
        ("qwen7b", "math500_0000"): (
            "(3, \\dfrac{\\pi}{2})",
            "\\left( 3, \\frac{\\pi}{2} \\right)",
            True,
        ),
        ("qwen7b", "math500_0002"): ("\\dfrac{14}{3}", "\\frac{14}{3}", True),
        ("qwen7b", "math500_0007"): ("90", "90^\\circ", True),
    }


def test_thought_anchors_labels_agree(shared):
    for row in rows(shared / "thought_anchors_com" / "traces.jsonl"):
        if row["base_solution"] in {"correct", "incorrect"}:
            found = read_answer("<think>" + row["solution"])
            right = same_answer(found.text, row["problem"]["gt_answer"])
            assert right == (row["base_solution"] == "correct"), row["id"]


def test_gsm8k_labels_of_four_models_agree(shared):
    checked = 0
    for row in rows(shared / "gsm8k" / "example_model_solutions_first80.jsonl"):
        gold = read_answer(row["ground_truth"]).text
        for solution in (value for value in row.values() if isinstance(value, dict)):
            found = read_answer(solution["solution"])
            assert same_answer(found.text, gold) == solution["is_correct"]
            checked += 1
    assert checked == 320
