import json

import pytest

from mechcot.core.errors import UserError
from mechcot.core.problem import Problem
from mechcot.core.store import write_traces
from mechcot.core.trace import Answer, Phase, Span, Step, StepKind, Trace
from mechcot.text.usual_names import _renamed
from mechcot.traces.external import load_chains
from mechcot.traces.foreign_chain import ForeignChain
from tests.text.shared_rows import rows


def write(tmp_path, *lines):
    path = tmp_path / "t.jsonl"
    path.write_bytes(
        b"\n".join(x if isinstance(x, bytes) else json.dumps(x).encode() for x in lines)
    )
    return path


USER = {"role": "user", "content": "q"}


def turns(*texts: str, thoughts: tuple[str, ...] = ()) -> list[dict[str, str]]:
    thoughts = thoughts or ("",) * len(texts)
    return [
        {"role": "assistant", "content": text, "reasoning_content": thought}
        for text, thought in zip(texts, thoughts, strict=True)
    ]


@pytest.mark.parametrize(
    ("record", "chain", "answer", "closed"),
    [
        ({"question": "q", "chain": "c", "answer": "4"}, "c", "", False),
        ({"question": "q", "reasoning": "<think>\nc</think>So 4", "answer": "4"}, "\nc", "So 4", True),
        ({"problem": "q", "ground_truth": "4", "reasoning_trace": "c", "answer_text": "So 4"}, "c", "So 4", True),
        ({"question": "q", "chain": "c", "reference": "4", "answer": "5"}, "c", "5", True),
        ({"problem": {"problem": "q", "gt_answer": "4", "level": 5}, "solution": "c</think>4"}, "c", "4", True),
        ({"messages": [USER, {"role": "assistant", "content": "c</think>4"}], "answer": "4"}, "c", "4", True),
        (
            {"messages": [USER, {"role": "assistant", "content": "4", "reasoning_content": "c"}], "answer": "4"},
            "c", "4", True,
        ),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "text", "text": "q"}]},
                    {"role": "assistant", "content": [{"type": "reasoning", "reasoning": "c"}, {"type": "text", "text": "4"}]},
                ],
                "target": "4",
            },
            "c", "4", True,
        ),
        ({"question": "q", "chain": "", "answer": "4"}, "", "", False),
        ({"messages": [USER, *turns("c", "d")], "answer": "4"}, "c\n\nd", "", False),
        (
            {"messages": [USER, *turns("look it up", "4", thoughts=("c", "d"))], "answer": "4"},
            "c\n\nlook it up\n\nd", "4", True,
        ),
    ],
)  # fmt: skip
def test_shapes(tmp_path, record, chain, answer, closed):
    (found,) = load_chains(write(tmp_path, record))
    assert (found.problem.question, found.problem.answer) == ("q", "4")
    assert (found.chain, found.answer, found.closed) == (chain, answer, closed)
    assert found.text == (f"{chain}</think>{answer}" if closed else chain)


def test_id_author_prompt_and_the_rest(tmp_path):
    record = {
        "id": "x",
        "model": "m",
        "prompt": "P",
        "question": "q",
        "chain": "c",
        "answer": "4",
        "stratum": "hard",
    }
    named, unnamed = load_chains(
        write(tmp_path, record, {"question": "q", "chain": "c", "answer": "4"})
    )
    assert (named.problem.id, named.author, named.prompt, named.problem.stratum) == (
        "x",
        "m",
        "P",
        "hard",
    )
    assert (unnamed.problem.id, unnamed.author, unnamed.prompt) == ("line-00002", "imported", None)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            [{"chain": "c", "answer": "4"}],
            r"t\.jsonl:1: no question: expected one of question, problem",
        ),
        ([{"question": "q", "chain": "c"}], r"t\.jsonl:1: no answer: expected one of ground_truth"),
        (
            [{"question": "q", "answer": "4"}],
            r"t\.jsonl:1: no chain: expected one of chain, reasoning",
        ),
        (
            [
                {
                    "messages": [USER, *turns("c"), {"role": "tool", "content": "9"}, *turns("4")],
                    "answer": "4",
                }
            ],
            r"a message by 'tool' stands inside the answer",
        ),
        (
            [{"question": "q", "chain": "c", "answer": "4", "author": "\ud83d"}],
            r"'author' holds half a character",
        ),
        ([{"schema": 1, "steps": [], "completion": "c"}], r"not a trace as mechcot writes it"),
        ([{"messages": "x", "answer": "4"}], r"'messages' must be a list of objects"),
        (
            [{"messages": [USER], "answer": "4"}],
            r"no assistant message after the last user message",
        ),
        (
            [{"id": "a", "question": "q", "chain": "c", "answer": "4"}] * 2,
            r"t\.jsonl:2: the id 'a' stands on line 1",
        ),
        (
            [
                {"id": "a", "sample": k, "question": q, "chain": "c", "answer": "4"}
                for k, q in enumerate(["q", "another"])
            ],
            r"t\.jsonl:2: the problem 'a' has another question or answer on line 1",
        ),
        ([b"\xff"], r"t\.jsonl:1: not UTF-8"),
        ([b""], r"t\.jsonl: no chains in it"),
        (
            [b'{"question": "q", "answer": "7", "chain": "a.", "chain": "b."}'],
            r"t\.jsonl:1: not JSON \(the key 'chain' stands twice in one object\)",
        ),
        ([b'{"question": "q", "answer": 1e999, "chain": "a."}'], r"t\.jsonl:1: no answer"),
    ],
)
def test_a_bad_line_is_named(tmp_path, lines, message):
    with pytest.raises(UserError, match=message):
        load_chains(write(tmp_path, *lines))


def test_shared_traces_are_read(shared):
    path = shared / "thought_anchors_com" / "traces.jsonl"
    for found, row in zip(load_chains(path), rows(path), strict=True):
        assert found.text == row["solution"]
        assert len(found.problem.meta["chunks"]) == len(row["chunks"])
        assert found.prompt == row["prompt"]
    for name in ("llama8b", "qwen7b"):
        found = load_chains(shared / "r1_math500_traces" / f"pilot_math500_{name}.jsonl")
        assert len(found) == 20
        assert all(chain.problem.answer for chain in found)


def test_several_chains_of_one_problem_are_told_apart_by_their_sample(tmp_path):
    record = {"id": "a", "question": "q", "chain": "c", "answer": "4"}
    found = load_chains(write(tmp_path, record | {"sample": 0}, record | {"sample": 1}))
    assert [(each.problem.id, each.sample) for each in found] == [("a", "0"), ("a", "1")]
    with pytest.raises(UserError, match="each have a `sample` of their own"):
        load_chains(write(tmp_path, record | {"sample": 1}, record | {"sample": 1}))


def test_records_of_one_problem_that_differ_are_its_samples(tmp_path):
    record = {"id": "a", "question": "q", "answer": "4"}
    lines = [
        *(record | {"chain": chain} for chain in "cd"),
        record | {"chain": "c", "rollout": 2},
        record | {"generations": ["c", "d"]},
        record | {"id": "b", "chain": "c"},
    ]
    found = load_chains(write(tmp_path, *lines))
    assert [(each.problem.id, each.sample) for each in found] == [
        *(("a", ""), ("a", "1"), ("a", "2"), ("a", "0"), ("a", "1.1")),
        ("b", ""),
    ]
    authors = (record | {"chain": "c", "sample": 0, "author": name} for name in ("x", "y"))
    found = load_chains(write(tmp_path, *authors))
    assert [(each.author, each.sample) for each in found] == [("x", "0"), ("y", "1.0")]
    twice = write(tmp_path, *(record | {"sample": 1, "chain": chain} for chain in "cd"))
    with pytest.raises(UserError, match="each have a `sample` of their own"):
        load_chains(twice)


def test_records_that_name_no_problem_and_ask_the_same_are_samples_of_one(tmp_path):
    first, other = ({"question": q, "answer": "4"} for q in ("q", "other"))
    lines = [first | {"chain": chain} for chain in "cde"] + [
        other | {"chain": "c"},
        first | {"answer": "5", "chain": "c"},
        first | {"generations": ["f", "g"]},
    ]
    found = load_chains(write(tmp_path, *lines))
    assert [(each.problem.id[-1], each.sample) for each in found] == [
        *(("1", ""), ("1", "1"), ("1", "2"), ("4", ""), ("5", "")),
        *(("1", "0"), ("1", "1.1")),
    ]
    problems = [Problem("a", "q", "4"), Problem("b", "other", "4")]
    path = write(tmp_path, *({"question": "q", "chain": chain} for chain in "cd"))
    found = load_chains(path, problems=problems)
    assert [(each.problem.id, each.sample) for each in found] == [("a", ""), ("a", "1")]


def test_own_traces_are_read_as_the_chains_they_hold(tmp_path):
    problem = Problem(id="p", question="q", answer="4", meta={"stratum": "easy"})
    steps = (
        Step(0, "c", Span(0, 1), Span(1, 2), StepKind.PROGRESSION, Phase.CHAIN),
        Step(1, "</think>4", Span(1, 10), Span(2, 3), StepKind.PROGRESSION, Phase.ANSWER),
    )
    trace = Trace("p/one/2", problem, "one", "q<think>", "c</think>4", (1, 2, 3), 1, steps, Answer("4", "word"))  # fmt: skip
    path = tmp_path / "own.jsonl"
    write_traces(path, [trace])
    (found,) = load_chains(path)
    assert found == ForeignChain(problem, "c", "4", author="one", sample="2")


def test_columns_are_found_however_a_table_writes_them(tmp_path):
    path = tmp_path / "chains.csv"
    path.write_text("ID,Question,Chain of Thought,Response,Gold\nx,1+1?,1 + 1 = 2.,So 2,2\n")
    (chain,) = load_chains(path)
    assert (chain.problem.id, chain.problem.question, chain.problem.answer) == ("x", "1+1?", "2")
    assert (chain.chain, chain.answer) == ("1 + 1 = 2.", "So 2")
    (chain,) = load_chains(path, fields={"answer": "Gold", "chain": "Response"})
    assert chain.chain == "So 2"


def test_columns_are_named_once_for_all_records_that_have_them(tmp_path):
    path = tmp_path / "chains.jsonl"
    table = [{"ID": f"x{n}", "Question": "1+1?", "CoT": "So 2.", "Gold": "2"} for n in range(9)]
    path.write_text("\n".join(map(json.dumps, table)))
    _renamed.cache_clear()
    assert len(load_chains(path)) == 9
    assert _renamed.cache_info().misses == 1
