"""Files as APIs, harnesses and training sets write them: which text is the chain, and what is said where none is."""

import json
import sys
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from mechcot.core.errors import UserError
from mechcot.core.problem import Problem
from mechcot.text.field_names import dig, field_options
from mechcot.text.message_parts import NoChain
from mechcot.text.problems import load_problems
from mechcot.text.think_tags import ThoughtTags
from mechcot.traces.external import foreign_chains, load_chains, read_chains
from mechcot.traces.foreign_chain import ForeignChain, as_line
from mechcot.traces.known_problems import Known

THOUGHT = "Half of 12 is 6. Six and 5 make 11."
SAID = "So it is 11."
MARKED = f"<think>{THOUGHT}</think>{SAID}"
QUESTION = "Half of 12, plus 5?"
ASKED = {"question": QUESTION, "answer": "11"}
PERSON = "Divide by two, then add five."
USER = {"role": "user", "content": QUESTION}
REPLY = {"role": "assistant", "content": SAID, "reasoning_content": THOUGHT}
PROBLEMS = [Problem("p1", QUESTION, "11", {}), Problem("p2", "What is 1 + 1?", "2", {})]


def read(record: dict[str, Any], *, problems: Any = None, **options: Any) -> list[ForeignChain]:
    known = None if problems is None else Known.of(problems)
    return foreign_chains(record, where="f:1", number=1, known=known, **options)


def lines(path, *records: Any):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


RESPONSES = {
    "chat completion": {"object": "chat.completion", "choices": [{"index": 0, "message": REPLY, "finish_reason": "stop"}]},
    "completion": {"object": "text_completion", "choices": [{"text": MARKED, "finish_reason": "stop"}]},
    "responses": {
        "object": "response", "status": "completed", "reasoning": {"effort": "high", "summary": "auto"},
        "text": {"format": {"type": "text"}},
        "output": [
            {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": THOUGHT}], "encrypted_content": None},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": SAID}]},
        ],
    },
    "anthropic": {
        "type": "message", "role": "assistant", "stop_reason": "end_turn",
        "content": [{"type": "thinking", "thinking": THOUGHT, "signature": "s"}, {"type": "text", "text": SAID}],
    },
    "gemini": {
        "candidates": [{"content": {"parts": [{"text": THOUGHT, "thought": True}, {"text": SAID, "thoughtSignature": "s"}], "role": "model"}, "finishReason": "STOP"}],
        "usageMetadata": {"thoughtsTokenCount": 12},
    },
    "bedrock": {
        "output": {"message": {"role": "assistant", "content": [{"reasoningContent": {"reasoningText": {"text": THOUGHT}}}, {"text": SAID}]}},
        "stopReason": "end_turn",
    },
    "ollama": {"message": {"role": "assistant", "content": SAID, "thinking": THOUGHT}, "done": True, "done_reason": "stop"},
    "ollama generate": {"response": SAID, "thinking": THOUGHT, "done": True},
    "vllm offline": {"prompt": f"<user>{QUESTION}<bot>", "outputs": [{"index": 0, "text": MARKED, "finish_reason": "stop"}]},
    "pipeline": {"generated_text": [USER, {"role": "assistant", "content": MARKED}]},
}  # fmt: skip


@pytest.mark.parametrize("response", RESPONSES.values(), ids=RESPONSES)
@pytest.mark.parametrize("wrap", ["bare", "batch", "result"])
def test_a_response_is_joined_with_its_problem(response, wrap):
    record = {
        "bare": response | {"custom_id": "p1"},
        "batch": {"id": "b", "custom_id": "p1", "response": {"status_code": 200, "body": response}, "error": None},
        "result": {"custom_id": "p1", "result": {"type": "succeeded", "message": response}},
    }[wrap]  # fmt: skip
    (found,) = read(record, problems=PROBLEMS)
    assert (found.problem.id, found.problem.question, found.problem.answer) == (
        "p1",
        QUESTION,
        "11",
    )
    assert (found.chain, found.answer, found.closed, found.cut) == (THOUGHT, SAID, True, False)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"response": {"status_code": 500, "body": {}}}, "the request failed"),
        ({"response": None}, "no chain: 'response' is null"),
        ({"completion": None, "finish_reason": None}, "no chain: 'completion' is null"),
        ({"response": None, "error": {"message": "expired"}}, r"the request failed \(expired\)"),
        ({"result": {"type": "errored", "error": {"message": "no"}}}, r"the request failed \(no\)"),
        ({"output": [{"type": "reasoning", "summary": []}, {"type": "message", "content": SAID}], "usage": {"output_tokens_details": {"reasoning_tokens": 9}}}, "its thought is not in the file"),
    ],
)  # fmt: skip
def test_a_response_without_a_chain_is_left_out_with_its_reason(tmp_path, record, reason):
    good = {"custom_id": "p2", "choices": [{"message": REPLY}]}
    path = lines(tmp_path / "batch.jsonl", record | {"custom_id": "p1"}, good)
    found = read_chains(path, problems=PROBLEMS)
    assert [chain.problem.id for chain in found.chains] == ["p2"]
    with pytest.raises(NoChain, match=reason):
        read(record | {"custom_id": "p1"}, problems=PROBLEMS)
    assert found.notice().startswith("1 record left out, 1 chain read;")
    assert "batch.jsonl:1:" in found.notice()


def test_a_response_that_no_problem_knows_is_named():
    record = {"custom_id": "p9", "choices": [{"message": REPLY}]}
    with pytest.raises(
        UserError, match=r"the id 'p9' stands in none of 2 problems .* --field id=PATH"
    ):
        read(record, problems=PROBLEMS)
    (found,) = read(
        record | {"metadata": {"task": "p2"}}, problems=PROBLEMS, fields={"id": "metadata.task"}
    )
    assert found.problem.answer == "2"
    (found,) = read({"prompt": QUESTION, "completion": MARKED}, problems=PROBLEMS)
    assert found.problem.id == "p1"


def test_a_record_that_says_null_and_a_file_that_says_nothing_are_named(tmp_path):
    record = {"question": TWO, "answer": None, "gold": None, "completion": MARKED}
    with pytest.raises(
        UserError, match=r"f:1: no answer \('gold' and 'answer' null\): expected one"
    ):
        read(record)
    (tmp_path / "none.json").write_text("[]\n")
    with pytest.raises(UserError, match=r"none\.json: no chains in it; expected"):
        read_chains(tmp_path / "none.json")


TWO, FOUR = "What is 1 + 1?", "What is 2 + 2?"


def test_a_chain_never_gets_the_problem_of_another_question(tmp_path):
    """Its id is of another problem: the question joins it, else nothing does, and the file is refused with its count."""
    mine = {"custom_id": "p2", "completion": MARKED}
    (found,) = read(mine | {"question": QUESTION}, problems=PROBLEMS)
    assert (found.problem.id, found.problem.answer) == ("p1", "11")
    for other in (
        {"question": FOUR},
        {"prompt": f"Q: {FOUR}"},
        {"messages": [{"role": "user", "content": FOUR}]},
    ):
        path = lines(tmp_path / "f.jsonl", mine | {"question": TWO}, *[mine | other | {"sample": n} for n in (1, 2)])  # fmt: skip
        with pytest.raises(UserError) as refused:
            read_chains(path, problems=PROBLEMS)
        for said in ("2 of 3 records of ", "f.jsonl:2 has the id 'p2' and asks ", FOUR, f"the problem 'p2' asks '{TWO}'", "leave out the ids"):  # fmt: skip
            assert said in str(refused.value)


@pytest.mark.parametrize(
    "asked",
    [
        {"prompt": f"You solve problems.\n\nUser:  {QUESTION}\nLet's think step by step."},
        {"question": f"{QUESTION}\n", "prompt": FOUR},
        {"question": "Half of 12,  plus 5? Reply in one word."},
        {"messages": [USER, {"role": "assistant", "content": "Hm."}, {"role": "user", "content": "Go on."}]},
        {"instruction": "Solve it.", "input": QUESTION},
        {"doc": {"input": "plus 5?"}},
        {},
    ],
)  # fmt: skip
def test_a_question_that_is_rendered_otherwise_joins_by_its_id(asked):
    (found,) = read(asked | {"custom_id": "p1", "completion": MARKED}, problems=PROBLEMS)
    assert found.problem.id == "p1"


@pytest.mark.parametrize(
    ("reason", "cut"), [("length", True), ("MAX_TOKENS", True), ("stop", False), (None, False)]
)
@pytest.mark.parametrize("name", ["finish_reason", "stop_reason", "finishReason"])
def test_the_reason_for_the_end_tells_what_was_cut(name, reason, cut):
    (found,) = read({"choices": [{"message": REPLY | {"content": None}, name: reason}]} | ASKED)
    assert (found.chain, found.opened, found.closed, found.cut) == (THOUGHT, True, False, cut)


ROWS = {
    "generations": {"solution": PERSON, "generations": [MARKED]},
    "generated_solution": {"solution": PERSON, "generated_solution": MARKED, "generation_model": "m"},
    "model_output": {"reference_solution": PERSON, "model_output": MARKED, "extracted_answer": "11"},
    "response": {"gold_solution": PERSON, "response": MARKED},
    "output and extract": {"solution": PERSON, "output": MARKED, "prediction": "11"},
    "thought and attempt": {"solution": PERSON, "thinking_trajectories": [THOUGHT], "attempt": SAID},
    "by a model's name": {"ground_truth_solution": PERSON, "deepseek_reasoning": THOUGHT, "deepseek_solution": SAID},
    "messages": {"solution": PERSON, "messages": [USER, {"role": "assistant", "content": MARKED}]},
    "messages again": {"generations": [MARKED], "messages": [USER, {"role": "assistant", "content": MARKED}]},
    "whole prompt": {"text": f"Q: {QUESTION}\nA: {MARKED}", "completion": MARKED},
    "plain beside marked": {"output": "Eleven, I would say.", "completion": MARKED},
    "human reasoning": {"human_reasoning": PERSON, "response": MARKED},
    "a setting": {"thinking": "enabled", "reasoning": {"effort": "high"}, "response": MARKED},
    "options": {"choices": ["10", "11"], "response": MARKED},
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_a_persons_text_is_never_the_chain_where_the_model_wrote_one(row):
    (found,) = read(ASKED | row)
    assert (found.chain, found.answer) == (THOUGHT, SAID)


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ({"output": "I add one to ten.", "prediction": "Half of it, plus five."}, "'output' and 'prediction'"),
        ({"gemini_reasoning": PERSON, "deepseek_reasoning": THOUGHT}, "'gemini_reasoning' and 'deepseek_reasoning'"),
        ({"completion": PERSON, "messages": [USER, {"role": "assistant", "content": THOUGHT}]}, "'completion' and 'messages'"),
        ({"solution": PERSON, "prediction": "11"}, "'prediction' holds a word and 'solution'"),
    ],
)  # fmt: skip
def test_two_columns_that_could_be_the_chain_are_named_with_the_option(row, named):
    with pytest.raises(UserError, match=f"f:1: {named}.*--field chain=COLUMN"):
        read(ASKED | row)
    name = next(iter(row))
    (found,) = read(ASKED | row, fields={"chain": name})
    assert found.chain == row[name]


def test_a_reference_alone_is_no_chain_nor_is_a_solution_that_nothing_calls_a_models():
    with pytest.raises(UserError, match="no chain: expected one of chain, reasoning"):
        read(ASKED | {"reference_solution": PERSON})
    for row in (
        {"level": "Level 1"},
        {"problem_type": "Algebra", "source": "olympiads"},
        {"output": ""},
    ):
        with pytest.raises(UserError, match=r"only 'solution' could be .* --field chain=solution"):
            read(ASKED | {"solution": PERSON} | row)
    for row, fields in (({}, {"chain": "solution"}), ({"model": "m"}, {}), ({"prompt": "P"}, {})):
        (found,) = read(ASKED | {"solution": PERSON} | row, fields=fields)
        assert (found.chain, found.opened, found.cut) == (PERSON, False, False)
    (found,) = read(ASKED | {"solution": MARKED})
    assert (found.chain, found.answer) == (THOUGHT, SAID)


@pytest.mark.parametrize(
    ("before", "behind"),
    [
        (
            "<|begin_of_thought|>{}<|end_of_thought|>\n\n<|begin_of_solution|>\n",
            "\n<|end_of_solution|>",
        ),
        ("<think>{}</think>", "<|im_end|>\n"),
        ("<think>{}</think>", "<\uff5cend\u2581of\u2581sentence\uff5c>"),
        (
            "<|channel|>analysis<|message|>{}<|end|><|start|>assistant<|channel|>final<|message|>",
            "<|return|>",
        ),
    ],
)
def test_tokens_of_control_are_no_part_of_what_was_said(before, behind):
    (found,) = read(ASKED | {"output": before.format(THOUGHT) + SAID + behind})
    assert (found.chain.strip(), found.answer.strip()) == (THOUGHT, SAID)


@pytest.mark.parametrize(
    "row",
    [
        {"generations": [MARKED, MARKED + "!"]},
        {"reasoning": [THOUGHT, THOUGHT], "responses": [SAID, SAID + "!"]},
        {"choices": [{"message": REPLY}, {"message": REPLY | {"content": SAID + "!"}}]},
        {"resps": [[MARKED, MARKED + "!"]], "doc": {}},
    ],
)
def test_several_generations_are_samples_of_one_problem(tmp_path, row):
    found = load_chains(lines(tmp_path / "rows.jsonl", ASKED | {"id": "a"} | row))
    assert [(c.problem.id, c.sample, c.chain, c.answer) for c in found] == [
        ("a", "0", THOUGHT, SAID), ("a", "1", THOUGHT, SAID + "!"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("sample", "question", "answer"),
    [
        (
            {
                "doc": {"question": QUESTION, "answer": "#### 11"},
                "target": "We halve and add.\n#### 11",
            },
            QUESTION,
            "11",
        ),
        (
            {
                "doc": {"problem": QUESTION, "solution": PERSON, "answer": "11"},
                "target": PERSON * 3,
            },
            QUESTION,
            "11",
        ),
        (
            {"doc": {"x": 1}, "target": "11", "arguments": [[f"Q: {QUESTION}", {}]]},
            f"Q: {QUESTION}",
            "11",
        ),
        ({"doc": {"query": QUESTION}, "target": 11, "arguments": {}}, QUESTION, "11"),
    ],
)
def test_a_harness_repeats_a_sample_for_each_filter(tmp_path, sample, question, answer):
    record = {
        "doc_id": 4,
        "resps": [[MARKED]],
        "filtered_resps": ["11"],
        "filter": "strict",
    } | sample
    path = lines(
        tmp_path / "samples_task.jsonl",
        record,
        record | {"filter": "flexible", "filtered_resps": ["1"]},
    )
    (found,) = load_chains(path, kind="lm-eval")
    assert (found.problem.id, found.problem.question, found.problem.answer) == (
        "4",
        question,
        answer,
    )
    assert (found.chain, found.answer) == (THOUGHT, SAID)


def test_log_likelihoods_are_no_chain():
    with pytest.raises(NoChain, match="log-likelihoods of given answers"):
        read(ASKED | {"resps": [[["-1.5", "False"]], [["-2.5", "True"]]]})


@pytest.mark.parametrize(
    "chat",
    [
        {"conversations": [{"from": "human", "value": QUESTION}, {"from": "gpt", "value": MARKED}]},
        {"conversation": [{"role": "user", "content": QUESTION}, {"role": "model", "parts": [{"text": MARKED}]}]},
        {"messages": [{"type": "human", "content": QUESTION}, {"type": "ai", "content": SAID, "additional_kwargs": {"reasoning_content": THOUGHT}}]},
        {"messages": [USER, {"role": "assistant", "channel": "analysis", "content": THOUGHT}, {"role": "assistant", "channel": "final", "content": SAID}]},
        {"messages": [USER, {"role": "thinking", "content": THOUGHT}, {"role": "assistant", "content": SAID}]},
        {"prompt": [USER], "completion": [{"role": "assistant", "content": MARKED}]},
        {"prompt": QUESTION, "response": MARKED},
        {"messages": [USER], "reasoning": THOUGHT, "response": SAID},
    ],
)  # fmt: skip
def test_chats_of_any_spelling(chat):
    (found,) = read({"answer": "11"} | chat)
    assert (found.problem.question, found.chain, found.answer) == (QUESTION, THOUGHT, SAID)


SAMPLE = {
    "id": "s", "epoch": 1, "input": QUESTION, "target": ["11"],
    "messages": [USER, {"role": "assistant", "content": [{"type": "reasoning", "reasoning": THOUGHT}, {"type": "text", "text": SAID}]}],
    "output": {"model": "m", "choices": [{"stop_reason": "stop"}]},
}  # fmt: skip
LOG = {
    "version": 2, "status": "success", "eval": {"task": "t", "model": "m"}, "plan": {},
    "samples": [
        SAMPLE,
        SAMPLE | {"epoch": 2},
        SAMPLE | {"id": "kept apart", "messages": [USER, {"role": "assistant", "content": "attachment://ab"}], "attachments": {"ab": MARKED}},
        SAMPLE | {"id": "failed", "messages": [USER], "error": {"message": "timeout"}},
    ],
}  # fmt: skip


def check_log(found):
    assert [(c.problem.id, c.sample, c.author) for c in found.chains] == [("s", "1", "m"), ("s", "2", "m"), ("kept apart", "1", "m")]  # fmt: skip
    assert {(c.chain, c.answer, c.problem.question, c.problem.answer) for c in found.chains} == {(THOUGHT, SAID, QUESTION, "11")}  # fmt: skip
    assert "sample 'failed', epoch 1: the request failed (timeout)" in found.notice()


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("kind", [None, "inspect"])
def test_an_inspect_log_in_json(tmp_path, indent, kind):
    path = tmp_path / "log.json"
    path.write_text(json.dumps(LOG, indent=indent))
    check_log(read_chains(path, kind=kind))


def test_an_eval_log_is_read_by_inspects_own_reader(tmp_path, monkeypatch):
    path = tmp_path / "log.eval"
    path.write_bytes(b"PK\x03\x04...")
    monkeypatch.setitem(sys.modules, "inspect_ai", None)
    monkeypatch.setitem(sys.modules, "inspect_ai.log", None)
    with pytest.raises(UserError, match=r"`pip install mechcot\[inspect\]`, or .* --to json"):
        load_chains(path)
    log = SimpleNamespace(model_dump=lambda **_: LOG)
    reader = SimpleNamespace(read_eval_log=lambda *_, **__: log)
    monkeypatch.setitem(sys.modules, "inspect_ai", SimpleNamespace(log=reader))
    monkeypatch.setitem(sys.modules, "inspect_ai.log", reader)
    check_log(read_chains(path))
    reader.read_eval_log = lambda *_, **__: 1 / 0
    with pytest.raises(UserError, match="inspect_ai cannot read this log"):
        load_chains(path)


def test_tables_arrays_and_lines_hold_the_same(tmp_path):
    rows = [ASKED | {"id": name, "response": MARKED} for name in ("a", "b")]
    expected = load_chains(lines(tmp_path / "t.jsonl", *rows))
    assert len(expected) == 2
    (tmp_path / "t.json").write_text(json.dumps(rows, indent=1))
    frame = pd.DataFrame(rows)
    frame.to_parquet(tmp_path / "t.parquet")
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_csv(tmp_path / "t.tsv", index=False, sep="\t")
    for name in ("t.json", "t.parquet", "t.csv", "t.tsv"):
        assert load_chains(tmp_path / name) == expected
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(UserError, match=r"bad\.parquet: not a parquet file"):
        load_chains(tmp_path / "bad.parquet")


@pytest.mark.parametrize("key", ["data", "rows", "examples"])
@pytest.mark.parametrize("indent", [None, 2])
def test_records_under_one_key_are_the_records(tmp_path, key, indent):
    rows = [ASKED | {"id": name, "response": MARKED} for name in ("a", "b")]
    page = {
        key: [{"row_idx": 0, "row": row} if key == "rows" else row for row in rows],
        "version": 1,
    }
    (tmp_path / "t.json").write_text(json.dumps(page, indent=indent))
    assert load_chains(tmp_path / "t.json") == load_chains(lines(tmp_path / "t.jsonl", *rows))


def test_lists_in_a_table_are_several_generations(tmp_path):
    pd.DataFrame([ASKED | {"id": "a", "generations": [MARKED, MARKED]}]).to_parquet(
        tmp_path / "t.parquet"
    )
    assert [chain.sample for chain in load_chains(tmp_path / "t.parquet")] == ["0", "1"]


@pytest.mark.parametrize("chunks", ["chunks_labeled.json", "chunks.json"])
def test_published_folders_of_thought_anchors(tmp_path, chunks):
    for number in (10, 2):
        folder = (
            tmp_path
            / "deepseek-r1-distill-qwen-14b"
            / "correct_base_solution"
            / f"problem_{number}"
        )
        folder.mkdir(parents=True)
        sentences = ["Half of 12 is 6.", "Six and 5 make 11."]
        files = {
            "problem.json": {"problem": QUESTION, "gt_answer": "11", "gt_solution": PERSON, "level": 1},
            "base_solution.json": {"prompt": "P", "solution": f"{THOUGHT}\n</think>\n{SAID}", "full_cot": "P...", "answer": "11"},
            chunks: [{"chunk": text} for text in sentences] if "labeled" in chunks else {"chunks": sentences},
        }  # fmt: skip
        for name, value in files.items():
            (folder / name).write_text(json.dumps(value))
    found = load_chains(tmp_path, kind="thought-anchors")
    assert [c.problem.id.rpartition("_")[2] for c in found] == ["2", "10"]
    assert {(c.chain.strip(), c.answer.strip(), c.author) for c in found} == {(THOUGHT, SAID, "deepseek-r1-distill-qwen-14b")}  # fmt: skip
    assert [chunk["chunk"] for chunk in found[0].problem.meta["chunks"]] == sentences
    (folder / "problem.json").unlink()
    with pytest.raises(UserError, match=r"problem\.json: cannot read the file"):
        load_chains(tmp_path)
    (tmp_path / "nothing").mkdir()
    with pytest.raises(
        UserError, match="is a directory: expected a file, or Thought Anchors' folders"
    ):
        load_chains(tmp_path / "nothing")


def test_fields_are_named_by_dotted_paths():
    record = {
        "task": {"text": QUESTION, "gold": [11]},
        "runs": [{"out": "x"}, {"out": MARKED}],
        "who": "m",
        "nr": 7,
    }
    options = field_options(
        ["question=task.text", "answer=task.gold.0", "chain=runs.1.out", "author=who", "id=nr"]
    )
    (found,) = read(record, fields=options)
    assert (found.problem.id, found.problem.question, found.problem.answer) == ("7", QUESTION, "11")
    assert (found.chain, found.answer, found.author) == (THOUGHT, SAID, "m")
    with pytest.raises(UserError, match=r"f:1: no field 'gold' \(--field answer=gold\); found"):
        read(record, fields={"answer": "gold"})
    for wrong in ("answer", "answer=", "reply=x", "=x"):
        with pytest.raises(UserError, match="expected NAME=COLUMN"):
            field_options([wrong])
    assert dig({"a.b": 1, "a": {"b": 2}}, "a.b") == 1
    assert dig({"a": [0]}, "a.1") is None


def test_a_plain_text_is_whole_and_an_opened_one_is_cut():
    text = f"{THOUGHT} {SAID}"
    (plain,), (opened,), (field,) = (
        read(ASKED | row)
        for row in ({"completion": text}, {"completion": f"<think>{text}"}, {"reasoning": text})
    )
    assert (plain.opened, plain.closed, plain.cut) == (False, False, False)
    assert (opened.opened, opened.closed, opened.cut) == (True, False, True)
    assert (field.opened, field.closed, field.cut) == (True, False, False)
    assert {plain.chain, opened.chain, field.chain} == {text}


@pytest.mark.parametrize("mark", ["draft", "notes", "inner work", "思考", "мысли"])
def test_marks_that_are_not_known_are_named_and_can_be_given(mark):
    row = ASKED | {"completion": f"<{mark}>{THOUGHT}</{mark}>{SAID}"}
    with pytest.raises(NoChain, match=f"begins with '<{mark}>'.*--think '<{mark}>' '</{mark}>'"):
        read(row)
    (found,) = read(row, tags=ThoughtTags(f"<{mark}>", f"</{mark}>"))
    assert (found.chain, found.answer) == (THOUGHT, SAID)


@pytest.mark.parametrize(
    "text",
    ["<b>Half</b> of 12 is 6.", "<step>One.</step><step>Two.</step>", "<answer>11</answer> it is."],
)
def test_markup_is_no_mark_of_a_thought(text):
    (found,) = read(ASKED | {"completion": text})
    assert (found.chain, found.opened) == (text, False)


def test_lines_that_were_written_come_back_equal_whatever_the_text_holds(tmp_path):
    problem = Problem(
        "p", QUESTION, "11", {"solution": PERSON, "generations": ["x"], "stratum": "easy"}
    )
    texts = [THOUGHT, f"a </think> b {MARKED}", "", " \n", "<draft>x</draft>y"]
    chains = [
        ForeignChain(
            problem,
            text,
            SAID if closed else "",
            "m",
            "P",
            closed,
            f"{i}{closed}",
            opened,
            not closed,
        )
        for i, text in enumerate(texts)
        for opened, closed in ((True, True), (True, False), (False, False))
        if closed or opened or i
    ]
    chains = [
        c
        for n, c in enumerate(chains)
        if (c.sample, c.problem.id) not in {(d.sample, d.problem.id) for d in chains[:n]}
    ]
    path = lines(tmp_path / "out.jsonl", *map(as_line, chains))
    assert load_chains(path) == chains


def test_problems_may_be_an_array_too(tmp_path):
    path = tmp_path / "problems.json"
    path.write_text(json.dumps([ASKED | {"id": "p1"}], indent=2))
    (found,) = read({"custom_id": "p1", "completion": MARKED}, problems=load_problems(path))
    assert found.problem.answer == "11"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_line_of_names_tells_what_parts_the_columns(tmp_path, delimiter):
    file = tmp_path / "rows.csv"
    rows = [
        ("id", "question", "chain", "answer"),
        ("a", "What is 1,5 + 2?", "So it is 3,5.", "3,5"),
    ]
    lines = [delimiter.join(f'"{cell}"' for cell in row) for row in rows]
    file.write_text("\n".join(lines), encoding="utf-8")
    (chain,) = load_chains(file)
    assert (chain.problem.question, chain.problem.answer) == ("What is 1,5 + 2?", "3,5")


@pytest.mark.parametrize("samples", [{}, {"samples": []}, {"samples": None}])
def test_a_log_without_samples_says_so_and_its_status(tmp_path, samples):
    file = tmp_path / "log.json"
    file.write_text(json.dumps({"version": 2, "status": "error", "eval": {"task": "t"}, **samples}))
    with pytest.raises(
        UserError, match=r"an Inspect log without samples \(its status is 'error'\)"
    ):
        load_chains(file)


def test_bytes_of_a_table_are_text_where_they_are_utf_8(tmp_path):
    path = tmp_path / "t.parquet"
    row = {"id": "a", "question": b"What is 2 + 2?", "answer": b"4"}
    pd.DataFrame([row]).to_parquet(path)
    (problem,) = load_problems(str(path))
    assert (problem.question, problem.answer) == ("What is 2 + 2?", "4")
    pd.DataFrame([row | {"question": b"\xff?"}]).to_parquet(path)
    with pytest.raises(UserError, match="row 1: 'question' must be text"):
        load_problems(str(path))
