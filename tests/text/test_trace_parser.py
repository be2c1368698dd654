from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from mechcot.core.errors import NotMeasurable
from mechcot.core.problem import Completion, Problem
from mechcot.core.trace import Answer, Phase, StepKind
from mechcot.text.answer_outcomes import outcome
from mechcot.text.trace_parser import read
from tests.text.shared_rows import rows
from tests.text.toy_tokenizers import byte_level, metaspace, word_level

PROBLEM = Problem("p", "How many?", "9")
TOKENIZERS = {
    "bytes": byte_level,
    "merged": lambda: byte_level(digits="merged"),
    "metaspace": metaspace,
}
CHAIN = "So she sells 16 - 3 = 13.\n\nWait, let me check. Wait, let me check.\n  Hmm… naïve 🦆.\n"


def completion(prompt, text, **more):
    return Completion(PROBLEM, prompt, text, "me", **more)


def owner_by_slow_rule(tokenizer, trace, ids):
    """The oracle: decode ever longer prefixes and look at where each token's first ink falls."""
    prompt = len(tokenizer.decode(ids[: trace.prompt_length]))
    owners = []
    for at in range(trace.prompt_length, len(ids)):
        start = len(tokenizer.decode(ids[:at])) - prompt
        stop = len(tokenizer.decode(ids[: at + 1])) - prompt
        ink = [c for c in range(start, stop) if not trace.completion[c].isspace()]
        char = ink[0] if ink else start
        owners.append(next(s.index for s in trace.steps if char in s.chars))
    return owners


def owners(trace):
    return [step.index for step in trace.steps for _ in step.tokens.positions()]


@pytest.mark.parametrize("name", TOKENIZERS)
def test_steps_partition_text_and_tokens(name):
    tokenizer = TOKENIZERS[name]()
    trace = read(
        completion("Q: how many?\n<think>", CHAIN + "</think>The answer is 9.<eos>"), tokenizer
    )
    assert "".join(step.text for step in trace.steps) == trace.completion
    assert [step.phase for step in trace.steps].count(Phase.ANSWER) == 1
    assert trace.steps[-1].text == "</think>The answer is 9.<eos>"
    assert trace.answer == Answer("9", "phrase")
    assert [step.kind for step in trace.chain_steps][:2] == [
        StepKind.PROGRESSION,
        StepKind.VERIFICATION,
    ]
    assert trace.chain_text == CHAIN
    assert tokenizer.decode(list(trace.ids)) == trace.prompt + trace.completion


@pytest.mark.parametrize("name", ["bytes", "metaspace"])
def test_tokens_go_to_the_step_of_their_first_ink(name):
    tokenizer = TOKENIZERS[name]()
    text = "So she sells 16 - 3 = 13.\n\nWait, check. Wait, check.  \n Then 9 duck eggs.\n</think>9"
    trace = read(completion("Q\n<think>", text), tokenizer)
    assert owners(trace) == owner_by_slow_rule(tokenizer, trace, list(trace.ids))


def test_equal_sentences_get_their_own_tokens():
    tokenizer = byte_level()
    trace = read(completion("Q<think>", "Wait, no. Wait, no. Wait, no.</think>1"), tokenizer)
    texts = [tokenizer.decode(list(trace.ids[s.tokens.start : s.tokens.stop])) for s in trace.steps]
    assert [text.strip() for text in texts] == ["Wait, no.", "Wait, no.", "Wait, no.", "</think>1"]


@pytest.mark.parametrize("name", TOKENIZERS)
@given(cuts=st.lists(st.integers(1, 70), max_size=25))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_generated_ids_that_are_not_the_encoding_are_kept(name, cuts):
    """Encode in pieces cut anywhere: other ids, the same text, spans by the slow rule."""
    tokenizer = TOKENIZERS[name]()
    text = "So she sells 16 - 3 = 13.\n\nWait, naïve θ. Wait, check 🦆.\n Then 9.\n</think>9"
    bounds = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    head = tokenizer("Q\n<think>", return_offsets_mapping=True, add_special_tokens=False)[
        "input_ids"
    ]
    ids = list(head)
    for start, stop in pairwise(bounds):
        part = tokenizer(text[start:stop], return_offsets_mapping=True, add_special_tokens=False)
        ids += part["input_ids"]
    trace = read(completion("Q\n<think>", text, ids=tuple(ids), prompt_ids=len(head)), tokenizer)
    assert trace.ids == tuple(ids)
    assert trace.prompt_length == len(head)
    slow = owner_by_slow_rule(tokenizer, trace, ids)
    own = owners(trace)
    for at, (mine, oracle) in enumerate(zip(own, slow, strict=True)):
        # bytes of one character are judged alone by the oracle and together by us
        assert mine == oracle or "\ufffd" in tokenizer.decode([ids[len(head) + at]])


def test_special_tokens_that_the_text_does_not_show_go_to_the_last_step():
    tokenizer = byte_level()
    whole = tokenizer(
        "Q<think>So 9.</think>9<eos><eos>", return_offsets_mapping=True, add_special_tokens=False
    )
    trace = read(
        completion("Q<think>", "So 9.</think>9", ids=tuple(whole["input_ids"]), prompt_ids=2),
        tokenizer,
    )
    assert trace.steps[-1].tokens.stop == len(trace.ids)
    assert trace.completion == "So 9.</think>9"


def test_ids_of_another_text_are_refused():
    with pytest.raises(
        NotMeasurable, match="the ids do not spell the text; they end before 'something else'"
    ):
        read(completion("Q", "something else", ids=(1, 2, 3), prompt_ids=1), byte_level())
    with pytest.raises(ValueError, match="ids need a valid prompt_ids, got None"):
        read(completion("Q", "So", ids=(1, 2, 3)), byte_level())


def test_an_opening_mark_in_the_completion_joins_the_prompt():
    trace = read(completion("Q: ", "<think>\nSo 9.</think>9"), byte_level())
    assert trace.prompt == "Q: <think>"
    assert trace.completion == "\nSo 9.</think>9"
    assert byte_level().decode(list(trace.ids[: trace.prompt_length])) == "Q: <think>"


@pytest.mark.parametrize(
    ("prompt", "text", "chain", "rest", "answer"),
    [
        ("Q<think>", "So 9.</think>The answer is 9", ["So 9."], "</think>The answer is 9", "9"),
        ("Q", "So 9.</think>9", ["So 9."], "</think>9", "9"),
        ("Q<think>", "So 4. Then 5", ["So 4. ", "Then 5"], "", None),
        ("Q<think>", "So 4. \\boxed{5}", ["So 4. ", "\\boxed{5}"], "", "5"),
        ("Q<think>", "</think>9", [], "</think>9", "9"),
        ("Q<think>", "\n\n</think>9", [], "\n\n</think>9", "9"),
        ("Q<think>", "", [], "", None),
        ("Q", "", [], "", None),
        ("Q", "So 4 + 5 = 9.\n#### 9", ["So 4 + 5 = 9.\n"], "#### 9", "9"),
        ("Q", "So 4. The answer is 9. Bye.", ["So 4. "], "The answer is 9. Bye.", "9"),
        ("Q", "\\boxed{9}", [], "\\boxed{9}", "9"),
        ("Q", "So it is 4. Then 9", ["So it is 4. ", "Then 9"], "", None),
        ("Q", "So we add. It is 9.", ["So we add. "], "It is 9.", "9"),
        ("Q", "Only 9", ["Only 9"], "", "9"),
        ("Q", "No idea. None.", ["No idea. ", "None."], "", None),
    ],
)
def test_marks_in_every_combination(prompt, text, chain, rest, answer):
    trace = read(completion(prompt, text), byte_level())
    assert [step.text for step in trace.chain_steps] == chain
    assert "".join(s.text for s in trace.steps if s.phase is Phase.ANSWER) == rest
    assert trace.answer.text == answer


def test_the_last_number_of_a_text_that_was_cut_is_no_answer():
    cut = replace(completion("Q", "So it is 4. Then 9"), finished=False)
    trace = read(cut, byte_level())
    assert trace.answer.text is None
    assert [step.text for step in trace.chain_steps] == ["So it is 4. ", "Then 9"]
    stated = replace(completion("Q", "The answer is 4. Then 9"), finished=False)
    assert read(stated, byte_level()).answer.text == "4"


def test_generated_ids_without_text_are_still_owned():
    ids = byte_level()("Q<think><eos>", return_offsets_mapping=True, add_special_tokens=False)[
        "input_ids"
    ]
    trace = read(completion("Q<think>", "", ids=tuple(ids), prompt_ids=2), byte_level())
    assert [(step.text, len(step.tokens), step.phase) for step in trace.steps] == [
        ("", 1, Phase.ANSWER)
    ]


@pytest.mark.parametrize("space", ["", " "])
def test_word_level_language_with_its_own_steps(space):
    tokenizer = word_level()
    text = space + "need g : . so g= 9 + 5 = 4 . </think> answer 4 <eos>"
    ids = tokenizer("g : ? <think> " + text, return_offsets_mapping=True, add_special_tokens=False)
    for known in (None, tuple(ids["input_ids"])):
        trace = read(
            completion("g : ? <think>", text, ids=known, prompt_ids=4 if known else None),
            tokenizer,
            segmenter="word_dot",
            family="word",
        )
        assert trace.prompt_length == 4
        assert [len(step.tokens) for step in trace.steps] == [4, 8, 4]
        assert trace.answer == Answer("4", "word")


@pytest.mark.parametrize("end", ["", "<|im_end|>"])
@pytest.mark.parametrize("opening", ["", "<think>"])
def test_an_answer_in_prose_is_right_with_its_explanation_and_with_no_other(opening, end):
    asked = Problem("p", "Where, and why?", "She lands in Lisbon, since the ministry sits there.")
    close = "</think>" if opening else ""

    def right(reason):
        text = f"We look.{close}\nThe answer is: She lands in Lisbon{reason}{end}"
        return outcome(read(Completion(asked, f"Q\n{opening}", text, "me"), byte_level()))

    assert right(", since the ministry sits there.") == "right"
    assert right(", since the ministry is far away.") == "wrong"
    assert right(".") == "wrong", "the reason is part of the reference"


def test_a_token_across_the_end_of_the_prompt_is_split():
    tokenizer = byte_level()
    joint = tokenizer("Q sells", return_offsets_mapping=True, add_special_tokens=False)
    assert joint["offset_mapping"][-1][0] <= 2, "the toy must know the word for this test"
    trace = read(completion("Q sel", "ls 9.</think>1"), tokenizer)
    assert tokenizer.decode(list(trace.ids[: trace.prompt_length])) == "Q sel"


def test_every_r1_trace_is_read(shared):
    tokenizer = byte_level()
    for row in rows(shared / "r1_math500_traces" / "pilot_math500_qwen7b.jsonl")[:3]:
        text = row["reasoning_trace"] + "</think>" + row["answer_text"]
        trace = read(completion(row["problem"] + "<think>", text), tokenizer)
        assert trace.completion == text
        assert len(trace.chain_steps) >= (1 if row["reasoning_trace"].strip() else 0)


@pytest.mark.parametrize(
    ("said", "reference", "answer"),
    [
        ("The United States of America", "The United States of America", "right"),
        ("The United Arab Emirates", "The United States of America", "other"),
        ("So I went home on foot today", "The United States of America", "none"),
        ("The United States of America", "Peru", "none"),
        ("It is **the old red cup**.", "the old red cup", "the old red cup"),
    ],
)
def test_an_answer_in_words_may_be_as_long_as_the_reference(said, reference, answer):
    problem = Problem("p", "Which?", reference)
    written = Completion(problem, "", f"<think>Well.</think>\n\n{said}", "m")
    read_as = read(written, byte_level()).answer.text
    expected = {"right": said, "other": said, "none": None}.get(answer, answer)
    assert read_as == expected
