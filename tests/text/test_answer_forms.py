"""How answers are stated: closings, headings, thirty languages; and what states nothing."""

import pytest
from hypothesis import given, settings, strategies as st

from mechcot.text.answers import find_answer, read_answer, same_answer

STATED = [
    ("Final Answer: The final answer is $\\boxed{42}$. I hope it is correct.", "42"),
    ("Final Answer: The final answer is $x=5$. I hope it is correct.", "5"),
    ("Final Answer: The final answer is 3/4. I hope it is correct.", "3/4"),
    ("Final Answer: The final answer is (-\\infty, 3]. I hope it is correct.", "(-\\infty,3]"),
    ("## Final Answer\n\n42", "42"),
    ("## Final Answer:\n42 apples", "42"),
    ("**Final Answer:**\n\n\\[ \\frac{3}{4} \\]", "3/4"),
    ("**Final Answer**: 42", "42"),
    ("**Final Answer: 42**", "42"),
    ("*Final answer*\n\n(D)", "D"),
    ("__Answer__\n\nB", "B"),
    ("#### Final Answer\n**B**", "B"),
    ("Answer\n------\n17", "17"),
    ("ANSWER: 17", "17"),
    ("Answer: **17**", "17"),
    ("Answer = 17", "17"),
    ("### Answer\n\nThe total is 42 dollars.", "42"),
    ("**Final Answer**\n\nThe answer is B.", "B"),
    ("**The final answer is:**\n\n$\\boxed{12}$", "12"),
    ("Final Answer:\n$$x = \\frac{1}{2}$$", "1/2"),
    ("Final answer — 42", "42"),
    ("The answer is therefore 42.", "42"),
    ("The answer is, therefore, 42.", "42"),
    ("Therefore, the answer is therefore 42", "42"),
    ("Thus, the final answer is simply 42.", "42"),
    ("The answer is thus $\\frac{2}{3}$.", "2/3"),
    ("The answer is approximately 3.14.", "3.14"),
    ("The answer is about 3.14", "3.14"),
    ("The correct option is (C).", "C"),
    ("The correct option is C.", "C"),
    ("The correct choice is option B.", "B"),
    ("The correct answer is option (D).", "D"),
    ("The best answer is B.", "B"),
    ("So the answer is B) Paris.", "B"),
    ("So the answer is (B) Paris, because it is the capital.", "B"),
    ("The answer is B. Paris is the capital.", "B"),
    ("The correct answer is B: Paris", "B"),
    ("Choice_B", "B"),
    ("The answer is Choice_B.", "B"),
    ("Option B is correct.", "B"),
    ("Option (B) is the correct answer.", "B"),
    ("(B) is the correct answer.", "B"),
    ("Therefore, $12$ is the final answer.", "12"),
    ("So B is the right choice.", "B"),
    ("The answer is $5$ dollars.", "5"),
    ("The answer is $5.", "5"),
    ("The answer is $1,234.56.", "1234.56"),
    ("The answer is 1,234.", "1234"),
    ("The answer is 5 million.", "5 million"),
    ("The answer is 7 dozen.", "7 dozen"),
    ("The answer is 3 hours.", "3 hours"),
    ("The answer is 3 hours and 20 minutes.", "3 hours and 20 minutes"),
    ("The answer is 3:30 p.m.", "3:30 pm"),
    ("The answer is 3:30 p.m. because the train is late.", "3:30 pm"),
    ("The answer is 3/4.", "3/4"),
    ("The answer is 3/4 of the cake.", "3/4"),
    ("The answer is \\frac{3}{4}.", "3/4"),
    ("The answer is \\(\\frac{3}{4}\\).", "3/4"),
    ("The answer is $\\frac{3}{4}$ since 3 < 4.", "3/4"),
    ("The answer is 1 3/4.", "7/4"),
    ("The answer is 5%.", "5%"),
    ("The answer is 50 percent.", "50%"),
    ("The answer is -4.", "-4"),
    ("The answer is −4.", "-4"),
    ("The answer is (1, 2).", "(1,2)"),
    ("The answer is 1, 2, and 3.", "1,2,3"),
    ("The answer is [1, 5).", "[1,5)"),
    ("The answer is 2x + 3.", "2x+3"),
    ("The answer is x = 3 or x = -3.", "3,-3"),
    ("The answer is yes.", "yes"),
    ("The answer is Yes, because it is even.", "yes"),
    ("The answer is no, since it is odd", "no"),
    ("The answer is Paris.", "Paris"),
    ('The answer is "Paris".', "Paris"),
    ("The answer is **Paris**, the capital of France.", "Paris"),
    ("The answer is 5!", "5"),
    ("The answer is 7! * 2.", "7!*2"),
    ("The answer is 42, which is even.", "42"),
    ("The answer is 42 (forty-two).", "42"),
    ("The answer is 42 — a nice number.", "42"),
    ("The answer is: 42", "42"),
    ("The answer is:\n\n42", "42"),
    ("The answer is\n$$42$$", "42"),
    ("The answers are 3 and 5.", "3,5"),
    ("The answer should be 9.", "9"),
    ("The answer must be 9.", "9"),
    ("The answer to this question is 9.", "9"),
    ("The answer comes out to 9.", "9"),
    ("We find the answer to be 9.", "9"),
    ("<answer>42</answer>", "42"),
    ("<answer>\\boxed{42}</answer>", "42"),
    ("<answer>The answer is 42.</answer>", "42"),
    ("<answer>(B)</answer>", "B"),
    ("<answer>\n42\n</answer>", "42"),
    ("Answer: <b>42</b>", "42"),
    ("A: 42", "42"),
    ("Q: what?\nA: 42", "42"),
    ("A: She makes $18 every day.", "18"),
    ("#### 42", "42"),
    ("#### $42", "42"),
    ("\\boxed{42}", "42"),
    ("$\\boxed{42}$.", "42"),
    ("\\boxed{\\boxed{42}}", "42"),
    ("\\boxed{42} and then \\boxed{}", "42"),
    ("\\boxed{42\\text{ cm}}", "42"),
    ("\\boxed{\\text{(B)}}", "B"),
    ("\\boxed{\\textbf{(B) } 42}", "B"),
    ("\\boxed{\\left( 3, \\frac{\\pi}{2} \\right)}", "(3, \\pi/2)"),
    ("\\boxed{3,\\!000}", "3000"),
    ("\\boxed{\\$5}", "5"),
    ("\\boxed{50\\%}", "50%"),
    ("\\fbox{7}", "7"),
    ("\\boxed {7}", "7"),
    ("\\boxed{5 \\text{ or } 6}", "5, 6"),
    ("The answer is \\boxed{5}. Note that the answer is clear.", "5"),
    ("\\boxed{5}\n\nThe answer is reasonable.", "5"),
    ("答案是B。", "B"),
    ("答案是 42。", "42"),
    ("答案为42", "42"),
    ("因此，答案是：42", "42"),
    ("最终答案：42", "42"),
    ("**答案：42**", "42"),
    ("正确答案是C", "C"),
    ("故选B。", "B"),
    ("所以选择C", "C"),
    ("答案：\n\nB", "B"),
    ("答：她有42个苹果。", "42"),
    ("答案是42元。", "42"),
    ("したがって、答えは42です。", "42"),
    ("答えは42個です。", "42"),
    ("答え：42", "42"),
    ("正解はBです。", "B"),
    ("よって答えは 3.5 になります。", "3.5"),
    ("答えは３．５です", "3.5"),
    ("정답: B", "B"),
    ("정답은 42입니다.", "42"),
    ("따라서 정답은 B입니다.", "B"),
    ("답: 42", "42"),
    ("답은 42개입니다.", "42"),
    ("Die Antwort ist 42.", "42"),
    ("Die Antwort lautet: 3,5", "3,5"),
    ("Antwort: 3,5", "3,5"),
    ("Antwort: B", "B"),
    ("Die richtige Antwort ist B.", "B"),
    ("La réponse est 42.", "42"),
    ("La réponse est donc 42.", "42"),
    ("Réponse finale : 42", "42"),
    ("Réponse : 1 234,5", "1 234,5"),
    ("La respuesta es 42.", "42"),
    ("Respuesta: 3,5", "3,5"),
    ("La respuesta correcta es la B.", "B"),
    ("La risposta è 42.", "42"),
    ("Risposta: 42", "42"),
    ("A resposta é 42.", "42"),
    ("Resposta: 42", "42"),
    ("Ответ: 42", "42"),
    ("Ответ: 3,5", "3,5"),
    ("Ответ — 42.", "42"),
    ("Правильный ответ: Б", "Б"),
    ("Ответом является 42.", "42"),
    ("उत्तर: 42", "42"),
    ("उत्तर 42 है।", "42"),
    ("अतः उत्तर ४२ है।", "42"),
    ("الجواب هو 42.", "42"),
    ("الإجابة: ٤٢", "42"),
    ("الإجابة هي 42", "42"),
    ("Cevap: 42", "42"),
    ("Cevap 42'dir.", "42"),
    ("Odpowiedź: 42", "42"),
    ("Antwoord: 42", "42"),
    ("Đáp án là 42.", "42"),
    ("Jawaban: 42", "42"),
    ("Jawabannya adalah 42.", "42"),
    ("คำตอบคือ 42", "42"),
    ("উত্তর: 42", "42"),
    ("Jibu ni 42.", "42"),
    ("సమాధానం 42.", "42"),
    ("תשובה: 42", "42"),
    ("پاسخ: ۴۲", "42"),
    ("Απάντηση: 42", "42"),
    ("Svar: 42", "42"),
    ("**답: 42**", "42"),
    ("Answer：42", "42"),
    ("ANSWER：Ｂ", "B"),
    ("It is 7.", "7"),
    ("7", "7"),
    ("**B**", "B"),
    ("B", "B"),
    ("(B)", "B"),
    ("So 42 apples.", "42"),
    ("the 17th", "17"),
    ("The 3rd.", "3"),
    ("3/4", "3/4"),
    ("$\\frac{1}{2}$", "1/2"),
    ("Yes.", "Yes"),
    ("No", "No"),
    ("So it is 3.5 hours.", "3.5 hours"),
    ("3 + 4 = 7.", "7"),
    ("She makes **$18** per day.", "18"),
    ("She sells 9 eggs for $2 each.\n\nSo she makes **$18** every day.", "18"),
    ("x = 5", "5"),
    ("It takes 1/2 hour.", "1/2 hour"),
    ("50%", "50%"),
    ("$18", "18"),
    ("-5", "-5"),
    ("It costs $18.", "18"),
    ("about 5 million people", "5 million"),
    ("The total is $x = 12$.", "12"),
]
STATED += [
    ("The answer is 5/8, or 0.625.", "5/8"),
    ("The answer is 12 — I'm confident.", "12"),
    ("The final answer is 5 and the check: 5*2=10.", "5"),
    ("The answer is J. K. Rowling.", "J. K. Rowling"),
    ("The answer is **B**: 5", "B"),
    ('{"answer": 12}', "12"),
    ('{"why": "3+4", "final_answer": "7"}', "7"),
    ('```json\n{"answer": "B"}\n```', "B"),
    ("The value is \\fbox{4}.", "4"),
]
UNSTATED = [
    "คำตอบไม่ใช่ 5",
    "Đáp án không phải là 5.",
    "Jawabannya bukan 5.",
    "Odpověď není 5.",
    "Η απάντηση δεν είναι 5.",
    "Răspunsul nu este 5.",
    "התשובה היא לא 5.",
    "پاسخ 5 نیست.",
    "Jibu si 5.",
    "A válasz nem 5.",
    "Vastaus ei ole 5.",
    "উত্তর 5 নয়।",
    "The answer is not 5.",
    "Is the answer 5?",
    "The answer is 5? No, 6",
    "The answer: 5 or 6?",
    "What is the answer: 5 or 6?",
    "If the answer is 5, then x = 2.",
    "Maybe the answer is 8.",
    "I don't think the answer is 5.",
    "I doubt the answer is 5.",
    "Suppose the answer is 5.",
    "Let us check whether the answer is 5.",
    "The answer is 5. No, it is 6.",
    "The answer is unknown.",
    "The answer cannot be determined.",
    "Let me find the answer.",
    "We need to put the answer in \\boxed{}.",
    "Please reason step by step, and put your final answer within \\boxed{}.",
    "First we add 3 and 4, then 5.",
    "3 + 4 = 7. 7 + 5 = 12.",
    "She has 3 apples and 4 pears.",
    "#### Step 2: Compute 3+4",
    "#### 1. Compute",
    "A: 5\nB: 6\nC: 7",
    "答案不是5。",
    "答案是5吗？",
    "答えは5ではありません。",
    "La respuesta no es 5.",
    "La réponse n'est pas 5.",
    "Die Antwort ist nicht 5.",
    "Ответ не 5.",
    "如果答案是5，那么x=2。",
    "The answer options are A) 5 B) 6.",
]


@pytest.mark.parametrize(("text", "answer"), STATED)
def test_a_stated_answer_is_read(text, answer):
    assert same_answer(read_answer(text).text, answer)


@pytest.mark.parametrize("text", UNSTATED)
def test_where_nothing_is_stated_nothing_is_read(text):
    assert read_answer(text).text is None


@pytest.mark.parametrize(
    ("text", "answer", "how"),
    [
        ("The answer is 5 pi.", "5 pi", "phrase"),
        ("The answer is 12 thousand.", "12 thousand", "phrase"),
        ("The answer is 5 apples.", "5", "phrase"),
        ("### Final Answer\n\n- (C)", "(C)", "heading"),
        ("So B is right: 故选C。", "C", "phrase"),
        ("We sell 9 for $2 each.\n\nSo she makes **$18** a day.", "$18", "bold"),
    ],
)
def test_an_answer_is_read_whole(text, answer, how):
    found = read_answer(text)
    assert (found.text, found.how) == (answer, how)


def test_the_last_number_is_read_only_when_it_is_asked_for():
    text = "She has 3 apples and buys 4. That makes 3 + 4 = 7 apples. She eats 2 and has 5 left."
    assert read_answer(text).how == "unread"
    guess = read_answer(text, otherwise="last_number")
    assert (guess.text, guess.how) == ("5", "last_number")
    assert find_answer("It is 7.", otherwise="nothing") is None


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("We add. OUT> 42\nBye 7.", "42"),
        ("OUT> 1\nNo.\nOUT> 3/4 of it. Then 5.", "3/4"),
        ("OUT>\n**B**", "B"),
        ("The answer is 9.", None),
        ("OUT> ", None),
    ],
)
def test_the_users_own_text_says_where_the_answer_stands(text, answer):
    found = read_answer(text, after="OUT>")
    assert found.text is None if answer is None else same_answer(found.text, answer)
    assert found.how == ("unread" if answer is None else "after")


@pytest.mark.parametrize(
    ("closing", "answer", "how"),
    [
        ("It is 7.", "7", "closing"),
        ("**B**", "B", "closing"),
        ("The area is 12π cm².", "12π", "closing"),
        ("It is 5x.", "5x", "closing"),
        ("So 3√2.", "3√2", "closing"),
        ("2/3x", "2/3x", "closing"),
        ("B) 12", "B", "closing"),
        ("So 42 apples.", "42", "closing"),
        ("Paris", "Paris", "closing"),
        ("Between 3 and 4.", "8", "phrase"),
        ("Done.", "8", "phrase"),
        ("", "8", "phrase"),
    ],
)
def test_a_short_text_behind_the_thought_states_its_only_candidate(closing, answer, how):
    found = read_answer(f"<think>So the answer is 8.</think>{closing}")
    if closing == "Paris":
        found = read_answer(f"<think>It is a city.</think>{closing}")
    assert (found.text, found.how) == (answer, how)


@given(st.text(alphabet="aA:答案是5. \n*$\\\\(){}boxed#-/=", max_size=80))
@settings(max_examples=200, deadline=None)
def test_what_is_read_stands_in_the_text(text):
    found = find_answer(text, otherwise="last_number")
    assert found is None or 0 <= found.start <= found.stop <= len(text)


@pytest.mark.parametrize(
    "piece",
    [
        "answer ",
        "the answer is ",
        "final ",
        "\\boxed{",
        "1,",
        "1 ",
        "**",
        "$",
        "(",
        "A: \n",
        "\\frac{1}{2} ",
        "答案",
        "**Answer**\n",
        "B is the ",
    ],
)
def test_a_long_text_of_one_piece_is_read_like_a_shorter_one(piece):
    """A search that tries every way of dividing the text would not end."""
    how = {read_answer((piece * n)[:n], otherwise="last_number").how for n in (10_000, 20_000)}
    assert len(how) == 1
    text = (piece * 20_000)[:20_000]
    assert same_answer(text, text + "x") is False
