"""Whether a model says when it cannot know: a planted loss is found, the same texts give exactly 0, and no other number moves."""

import json
import math
from dataclasses import replace

import pandas as pd
import pytest

from mechcot.compare.abstention import Abstention, abstention_sentence
from mechcot.compare.confidence import confidences
from mechcot.compare.run import run
from mechcot.compare.settings import Study
from mechcot.core.errors import UserError
from mechcot.core.problem import Completion, Problem
from mechcot.model.reasoner import Reasoner
from mechcot.stats.measurement_tables import SCALAR_COLUMNS
from mechcot.text.problems import load_problems


@pytest.fixture(scope="module")
def reader(models):
    return Reasoner.load(models[0])


def written(reader: Reasoner, author: str, *, knows: float, overdoes: float, n: int = 40):
    """As many questions with an answer as without; shares of the second and the first at which the author abstains."""
    traces = []
    for i in range(2 * n):
        known = i % 2 == 0
        says = i < 2 * n * (overdoes if known else knows)
        problem = Problem(
            f"p{i}", f"What is {i} + 2?", str(i + 2) if known else "", {"answerable": known}
        )
        text = f"Let me see . </think> {'It cannot be determined.' if says else f'Answer: {i + 2}'}"
        traces.append(reader.read(Completion(problem, reader.render(problem), text, author)))
    return traces


def test_a_planted_loss_is_found_and_the_same_texts_change_nothing(reader):
    read = Abstention.of(
        [
            *written(reader, "a", knows=1.0, overdoes=0.25),
            *written(reader, "b", knows=0.5, overdoes=0.25),
            *written(reader, "c", knows=1.0, overdoes=0.25),
        ]
    )
    lost, same = read.changes("a", "b", seed=0), read.changes("a", "c", seed=0)
    assert (lost["recall"].before, lost["recall"].after, lost["recall"].lost) == (1.0, 0.5, 20)
    assert lost["recall"].verdict == "less" and lost["false abstention"].verdict == "no change"
    assert all(change.delta == 0 and not change.lost for change in same.values())
    assert abstention_sentence(lost).startswith(
        "The share of unanswerable questions at which it abstains fell: 100 % abstained before, 50 %"
    )
    shares = read.frame(["a", "b"], seed=0).set_index(["model", "condition"])["mean"]
    assert shares["a", "of what it so says, right"] == pytest.approx(40 / 50)
    assert shares["b", "says so where it could know"] == 0.25


def test_precision_counts_abstentions_where_items_have_several_chains(reader):
    """Each of 10 questions without an answer is left open five times of five, each of 10 others once of five."""
    shares = [(1.0, 1.0), *[(1.0, 0.0)] * 4]
    traces = [
        replace(trace, id=f"{trace.id}/{draw}")
        for draw, (knows, overdoes) in enumerate(shares)
        for trace in written(reader, "a", knows=knows, overdoes=overdoes, n=10)
    ]
    frame = Abstention.of(traces).frame(["a"], seed=0).set_index("condition")
    row = frame.to_dict("index")["of what it so says, right"]
    assert row["mean"] == pytest.approx(50 / 60) and row["n"] == 60
    assert 0.6 < row["low"] < 50 / 60 < row["high"] < 1
    assert frame.loc["says so where it could know", "mean"] == pytest.approx(0.2)


def test_a_chain_without_an_answer_takes_no_part_in_the_confidence_of_its_item():
    rows = [
        ("p", trace, "a", "a", "gates", name, value)
        for trace, confidence, right in (("t1", 0.9, 1.0), ("t2", math.nan, 0.0))
        for name, value in (("confidence", confidence), ("acc_with", right))
    ]
    table = confidences(pd.DataFrame(rows, columns=[*SCALAR_COLUMNS]), "a")
    assert table.to_dict("index") == {"p": {"confidence": 0.9, "right": 1.0}}


def test_without_unanswerable_questions_nobody_is_asked(reader):
    known = [t for t in written(reader, "a", knows=1, overdoes=0) if t.problem.answerable]
    read = Abstention.of(known)
    assert read.changes("a", "a", seed=0) == {} and read.frame(["a"], seed=0).empty
    assert abstention_sentence({}) == ""


def test_a_comparison_asks_them_and_measures_only_the_others(models, tmp_path):
    rows = [{"id": f"k{i}", "question": f"{i} + 2 = ?", "answer": str(i + 2)} for i in range(3)]
    lacking = [{"id": f"u{i}", "question": f"{i} + 3 = ?", "answerable": False} for i in range(2)]

    def summary(name: str, problems: list[dict]):
        file = tmp_path / f"{name}.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in problems))
        study = Study(
            models=tuple(str(model) for model in models[:2]),
            out=tmp_path / name,
            problems=str(file),
            measures=("gates", "filler"),
            chains="all",
            max_tokens=12,
            batch_size=1,
        )
        return run(study)

    both, alone = summary("both", [*rows, *lacking]), summary("alone", rows)
    found = both["comparisons"][0].pop("abstention")
    assert found["recall"]["n"] == 2 and found["false_abstention"]["n"] == 3
    assert alone["comparisons"][0].pop("abstention") is None
    for part in ("same_chains", "own_chains", "validity"):
        assert both["comparisons"][0][part] == alone["comparisons"][0][part]
    own, null = (
        next(c for c in both["comparisons"] if c["null"] is is_null)["calibration"]
        for is_null in (False, True)
    )
    assert own["sentence"].startswith("Own chains: ")
    assert null["sentence"].startswith("The same chains: "), "the null reads the first model's"
    assert null["before"]["accuracy"] == null["after"]["accuracy"] and null["n"] == 3
    # a random model answers with a probability near 1e-25, which a summary rounds to 0
    scalars = pd.read_parquet(tmp_path / "both/results/scalars.parquet")
    plain, rescaled = (
        confidences(scalars, name, author="one")["confidence"] for name in ("one", "one@logits=1.5")
    )
    assert (plain < rescaled).all() and len(plain) == 3
    assert "Does it say when it cannot know?" in (tmp_path / "both/report.html").read_text()
    with pytest.raises(UserError, match=r"all 2 questions of .* are marked as unanswerable"):
        summary("lacking", lacking)


def test_given_chains_are_calibrated_for_both_models_and_tell_of_their_authors_abstaining(models, tmp_path):  # fmt: skip
    rows = [
        {"id": f"k{i}", "question": f"{i} + 2 = ?", "answer": str(i + 2), "chain": f"so {i + 2} .", "answer_text": f" answer {i + 2}"}
        for i in range(3)
    ]  # fmt: skip
    lacking = {"id": "u", "question": "c + 3 = ?", "answerable": False, "chain": "c is nowhere ."}
    file = tmp_path / "chains.jsonl"
    rows.append(lacking | {"answer_text": " It cannot be determined."})
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    study = Study(
        models=tuple(str(model) for model in models[:2]),
        out=tmp_path / "run",
        traces=file,
        measures=("gates", "filler"),
        chains="all",
    )
    found = next(c for c in run(study)["comparisons"] if not c["null"])
    assert found["calibration"]["n"] == 3
    assert found["calibration"]["sentence"].startswith("Given chains: ")
    assert found["abstention"] is None
    page = (tmp_path / "run" / "report.html").read_text()
    assert "The models wrote nothing" in page and "after a given chain" in page
    assert "Each model on given chains" in page


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"answerable": False}, False),
        ({"should_abstain": True}, False),
        ({"answerable": "false"}, False),
        ({"answerable": 1, "answer": "7"}, True),
        ({"should_abstain": 0, "answer": "7"}, True),
    ],
)
def test_a_file_marks_them(tmp_path, fields, expected):
    file = tmp_path / "p.jsonl"
    file.write_text(json.dumps({"id": "a", "question": "?"} | fields))
    (problem,) = load_problems(file)
    assert problem.answerable is expected
    file.write_text(json.dumps({"id": "a", "question": "?", "answer": "7", "answerable": "maybe"}))
    with pytest.raises(UserError, match="'answerable' must be true or false, got 'maybe'"):
        load_problems(file)
