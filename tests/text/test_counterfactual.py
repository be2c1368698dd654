import ast
import re
from fractions import Fraction
from itertools import pairwise

import pytest

from mechcot.core.counterfactual import Counterfactual
from mechcot.core.errors import NotMeasurable
from mechcot.core.problem import Completion, Problem
from mechcot.text.arithmetic.counterfactual import ArithmeticMaker
from mechcot.text.arithmetic.rewriting import ParsedTrace
from mechcot.text.trace_parser import read
from tests.text.shared_rows import rows
from tests.text.toy_tokenizers import byte_level, metaspace

DUCKS = (
    "Ducks lay 16 eggs a day. She eats three and bakes with four. She sells the rest for $2 each. How much?",
    "She has 16 - 3 - 4 = <<16-3-4=9>>9 eggs left.\nShe makes 9 * 2 = $<<9*2=18>>18 a day.\n",
    "18",
)


def trace_of(
    question, chain, answer, *, tokenizer=None, tail="</think>#### {}", prompt="Q: {}\n<think>"
):
    problem = Problem("p", question, answer)
    text = chain + tail.format(answer)
    return read(Completion(problem, prompt.format(question), text, "me"), tokenizer or byte_level())


def twin_of(trace, *, tokenizer=None, seed=0) -> Counterfactual:
    def retoken(old, prompt, completion):
        return read(
            Completion(old.problem, prompt, completion, old.author), tokenizer or byte_level()
        )

    return ArithmeticMaker()(trace, retoken=retoken, seed=seed)


def spelled(ids, span, tokenizer=None):
    return (tokenizer or byte_level()).decode(list(ids[span.start : span.stop]))


@pytest.mark.parametrize("tokenizer", [byte_level(), metaspace()], ids=["bytes", "metaspace"])
@pytest.mark.parametrize("marks", [True, False])
def test_the_ducks(tokenizer, marks):
    question, chain, answer = DUCKS
    chain = chain if marks else re.sub("<<.*?>>", "", chain)
    trace = trace_of(question, chain, answer, tokenizer=tokenizer)
    twin = twin_of(trace, tokenizer=tokenizer)
    fact = spelled(twin.trace.ids, twin.fact, tokenizer)
    first, last = twin.stated
    # whichever number was changed, the world model of this question is one line
    eggs, price = (
        (int(fact), 2)
        if spelled(trace.ids, twin.fact, tokenizer).strip() == "16"
        else (16, int(fact))
    )
    assert twin.answer == twin.trace.answer.text == str((eggs - 7) * price)
    assert last.answer_kept == last.answer_regenerated == twin.answer
    assert first.answer_kept is None
    assert (first.step, last.step) == (0, 1)
    assert spelled(trace.ids, last.tokens, tokenizer).strip(" $") == ("18>>18" if marks else "18")
    assert [d.step for d in first.dependents] == [1]
    assert spelled(trace.ids, first.dependents[0].tokens, tokenizer).strip() == "9"


def test_one_statement_changed_alone_moves_the_answer_by_its_own_road():
    question = (
        "A house costs $80,000 and repairs cost $50,000. Its value rises by 150%. How much profit?"
    )
    chain = (
        "It cost 80,000 + 50,000 = 130,000.\nThe rise is 80,000 * 1.5 = 120,000.\n"
        "It is worth 120,000 + 80,000 = 200,000.\nThe profit is 200,000 - 130,000 = 70,000.\n"
    )
    trace = trace_of(question, chain, "70000")
    for seed in range(6):
        twin = twin_of(trace, seed=seed)
        house = Fraction(twin.trace.prompt.split("$")[1].split(" ")[0].replace(",", ""))
        repairs = Fraction(twin.trace.prompt.split("$")[2].split(".")[0].replace(",", ""))
        rise = Fraction(twin.trace.prompt.split(" by ")[1].split("%")[0]) / 100
        assert Fraction(twin.answer) == house * (1 + rise) - house - repairs
        cost = [stated for stated in twin.stated if stated.step == 0]
        if cost:
            assert Fraction(str(cost[0].answer_regenerated)) == 200_000 - house - repairs


def test_a_restated_answer_is_what_feeds_it():
    chain = DUCKS[1].rstrip() + "\nTherefore she makes 18 dollars.\n"
    twin = twin_of(trace_of(DUCKS[0], chain, "18"))
    assert [stated.answer_kept is not None for stated in twin.stated] == [False, False, True]
    assert twin.stated[-1].step == 2


def test_an_announced_result_moves_with_its_equation():
    question = "A ticket is $7 and a snack $8. He has 45 dollars. How often can he go?"
    chain = "It costs him $15 because 7 + 8 = 15.\nHe can go 3 times because 45 / 15 = 3.\n"
    twin = twin_of(trace_of(question, chain, "3"))
    announced, stated = re.findall(r"\$(\d+) because|= (\d+)\.", twin.trace.completion)[:2]
    assert announced[0] == stated[1]


@pytest.mark.parametrize("tokenizer", [byte_level(), metaspace()], ids=["bytes", "metaspace"])
def test_a_long_chain_is_encoded_anew_step_by_step(tokenizer, monkeypatch):
    texts: list[int] = []

    def retoken(old, prompt, completion):
        texts.append(len(prompt + completion))
        return read(Completion(old.problem, prompt, completion, old.author), tokenizer)

    totals = [200 + 7 * index for index in range(41)]
    lines = [f"So {a} + 7 = {b}.\n" for a, b in pairwise(totals)]
    question = "Start with 200. Add 7, over and over, 40 times in all. What is the total?"
    trace = trace_of(question, "".join(lines), str(totals[-1]), tokenizer=tokenizer)
    fast = ArithmeticMaker()(trace, retoken=retoken, seed=1)
    short = sum(texts)
    texts.clear()
    monkeypatch.setattr(ParsedTrace, "_around", lambda *_: None)
    slow = ArithmeticMaker()(trace, retoken=retoken, seed=1)
    assert (fast.trace, fast.fact, fast.answer, fast.stated) == (
        slow.trace, slow.fact, slow.answer, slow.stated
    )  # fmt: skip
    assert len(fast.stated) == 40
    assert 10 * short < sum(texts)


@pytest.mark.parametrize("seed", range(3))
def test_a_long_chain_whose_totals_gain_a_digit_is_changed_by_a_little(seed):
    total, lines = 964, []
    for index in range(15):
        lines.append(f"{total} + {3 + index % 4} = {total + 3 + index % 4}.\n")
        total += 3 + index % 4
    assert len(str(total)) == 4
    question = (
        "Start with 964. Add 3, 4, 5 and 6, over and over, 15 times in all. What is the total?"
    )
    twin = twin_of(trace_of(question, "".join(lines), str(total)), seed=seed)
    assert twin.answer is not None and 0 < abs(int(twin.answer) - total) <= 4
    for line in twin.trace.chain_text.splitlines():
        left, right = line.rstrip(".").split(" = ")
        assert sum(map(int, left.split(" + "))) == int(right)


def test_seeds_choose_and_repeat():
    trace = trace_of(*DUCKS)
    assert twin_of(trace, seed=1) == twin_of(trace, seed=1)
    assert len({twin_of(trace, seed=seed).trace.prompt for seed in range(8)}) > 2


@pytest.mark.parametrize(
    ("question", "chain", "answer", "reason"),
    [
        ("He has 16 eggs.", "So it is many.\n", "16", "no parseable arithmetic"),
        ("He has 16 eggs and eats 3.", "So 16 - 3 = 14.\n", "14", "does not check out as written"),
        (
            "He has 16 eggs and eats some.",
            "So 16 - 5 = 11.\n",
            "11",
            "stands neither in the question nor in",
        ),
        (
            "He has 16 eggs and eats 3.",
            "So 16 - 3 = 13.\n",
            "13 or so eggs/day",
            "not a plain number",
        ),
        ("Half of 2 and 2.", "So 2 / 2 = 1.\n", "1", "may come from two places"),
        (
            "A gum is $2 and 2 pens $8. He pays with 10 and buys for 1.5 each.",
            "He has $4 left because 8 / 2 = 4.\nHe buys 4 because 10 - 4 = 6 and 6 / 1.5 = 4.\n",
            "4",
            "may come from two places|same form",
        ),
        ("He has 16 eggs of 16 hens.", "So 16 * 16 = 256.\n", "256", "may come from two places"),
        (
            "He has one egg, then 3 + 5 came.",
            "So 1 + 1 = 2.\n",
            "2",
            "stands neither|no number of the question",
        ),
        (
            "He has 15 eggs and eats 3.",
            "So 15 - 3 = 12, that is twelve.\n",
            "12",
            "written in words",
        ),
    ],
)
def test_what_is_not_certain_is_refused_with_a_reason(question, chain, answer, reason):
    with pytest.raises(NotMeasurable, match=reason):
        twin_of(trace_of(question, chain, answer))


def test_the_question_must_stand_in_the_prompt():
    question, chain, answer = DUCKS
    with pytest.raises(NotMeasurable, match="does not stand once and word for word in the prompt"):
        twin_of(trace_of(question, chain, answer, prompt="{0} {0}<think>"))


def test_tokens_that_are_not_their_own_encoding_are_refused():
    tokenizer = byte_level()
    question, chain, answer = DUCKS
    text = chain + "</think>#### " + answer
    parts = [f"Q: {question}\n<think>", *text]
    ids = [
        tokenizer(part, return_offsets_mapping=True, add_special_tokens=False)["input_ids"]
        for part in parts
    ]
    trace = read(
        Completion(
            Problem("p", question, answer), parts[0], text, "me",
            ids=tuple(i for part in ids for i in part), prompt_ids=len(ids[0]),
        ),
        tokenizer,
    )  # fmt: skip
    with pytest.raises(NotMeasurable, match="are not the encoding of its own text"):
        twin_of(trace)


def exact(expression):
    """An evaluator of its own: Python's parser, fractions, four operations."""

    def value(node):
        if isinstance(node, ast.Constant):
            return Fraction(str(node.value))
        if isinstance(node, ast.UnaryOp):
            return -value(node.operand)
        a, b = value(node.left), value(node.right)
        return (
            {ast.Add: a + b, ast.Sub: a - b, ast.Mult: a * b}.get(type(node.op))
            if not isinstance(node.op, ast.Div)
            else a / b
        )

    return value(ast.parse(expression, mode="eval").body)


def test_gsm8k_twins_hold_under_an_evaluator_of_their_own(shared):
    made, refused = 0, 0
    for row in rows(shared / "gsm8k" / "test_first400.jsonl")[:40]:
        chain, answer = row["answer"].rsplit("#### ", 1)
        trace = trace_of(row["question"], chain, answer)
        try:
            twin = twin_of(trace)
        except NotMeasurable:
            refused += 1
            continue
        made += 1
        marks = re.findall(r"<<([^<>=]+)=([^<>=]+)>>", twin.trace.completion)
        zeros = re.compile(r"(?<![\d.])0+(?=\d)")
        assert all(exact(zeros.sub("", left)) == Fraction(right) for left, right in marks)
        last = re.findall(r"<<[^<>=]+=([^<>=]+)>>", trace.completion)[-1]
        if Fraction(last) == Fraction(answer.replace(",", "")):
            assert Fraction(twin.answer.replace(",", "")) == Fraction(marks[-1][1])
        assert len(twin.trace) == len(trace)
        assert [s.tokens for s in twin.trace.steps] == [s.tokens for s in trace.steps]
        numbers = [re.findall(r"\d[\d,.]*", text) for text in (trace.prompt, twin.trace.prompt)]
        assert sum(a != b for a, b in zip(*numbers, strict=True)) == 1
        for place in (*twin.stated, *(d for stated in twin.stated for d in stated.dependents)):
            old, new = spelled(trace.ids, place.tokens), spelled(twin.trace.ids, place.tokens)
            assert re.fullmatch(r"[ $]*[\d,.]+(>>[ $]*[\d,.]+)?", old), old
            assert old != new
            assert place.ids == twin.trace.ids[place.tokens.start : place.tokens.stop]
            assert place.tokens.start in trace.steps[place.step].tokens
        assert sum(stated.answer_kept is not None for stated in twin.stated) == 1
    assert made >= 18
    assert made + refused == 40
