"""Agreement of further texts: by hand on made texts, a model with other logits is told apart, and a model against itself changes by exactly 0."""

import json
from pathlib import Path

import numpy as np
import pytest

from mechcot.compare.agreement import AGREEMENT, agreement_of, agreement_scalars, draw_samples
from mechcot.compare.confidence import confidence_change, confidence_sentence, confidences
from mechcot.compare.models import Models
from mechcot.compare.run import run
from mechcot.compare.settings import Study
from mechcot.core.errors import UserError
from mechcot.core.problem import Completion, Problem
from mechcot.model.reasoner import Reasoner
from mechcot.organisms.problems import problems, write_problems

ASKED = problems(40, seed=3, hops=(2, 2), hint="answer", style="brief")


@pytest.fixture(scope="module")
def reader():
    return Reasoner.load("organism:base")


def text(reader, author, item, said):
    """A text about a question that answers so far from the right number; None for no answer."""
    problem = ASKED[item]
    end = "" if said is None else f"answer {(int(problem.answer) + said) % 10}"
    written = f"so a= 5 . </think> {end}"
    return reader.read(Completion(problem, reader.render(problem), written, author))


def test_it_is_the_share_of_texts_with_the_answer_that_was_given(reader):
    given = text(reader, "a", 3, 1)
    drawn = [text(reader, "a", 3, said) for said in (1, 0, 1, None)]
    assert agreement_of(given, drawn) == 2 / 4
    assert agreement_of(given, []) is None
    assert agreement_of(text(reader, "a", 3, None), drawn) is None


def by_hand(reader, author, shares, *, wrong=()):
    """Own texts, and of 4 further texts of each so many with its answer."""
    own, drawn = [], {}
    for item, same in enumerate(shares):
        off = int(item in wrong)
        own.append(text(reader, author, item, off))
        said = [off] * same + [off + 4] * (4 - same)
        drawn[ASKED[item].id] = [text(reader, author, item, each) for each in said]
    return own, drawn


def test_a_planted_loss_of_calibration_is_found_and_equal_texts_change_nothing(reader):
    n = 40
    wrong = range(0, n, 2)
    sure = {  # b is as sure where it is wrong, a is not; c is a
        "a": by_hand(reader, "a", [0 if i in wrong else 4 for i in range(n)], wrong=wrong),
        "b": by_hand(reader, "b", [4] * n, wrong=wrong),
        "c": by_hand(reader, "c", [0 if i in wrong else 4 for i in range(n)], wrong=wrong),
    }
    scalars = agreement_scalars(
        {name: own for name, (own, _) in sure.items()},
        {name: drawn for name, (_, drawn) in sure.items()},
    )
    tables = {
        name: confidences(scalars, name, columns=AGREEMENT) for name in ("a", "b", "c", "nobody")
    }
    table = tables["a"]
    assert list(table["confidence"]) == list(table["right"]) and len(table) == n
    worse = confidence_change(table, tables["b"], seed=0)
    same = confidence_change(table, tables["c"], seed=0)
    assert worse is not None and same is not None
    assert worse.before.error == 0 and worse.after.error == pytest.approx(0.5, abs=0.05)
    assert worse.verdict == "less" and worse.after.resolution < 0.05 < worse.before.resolution
    assert (same.delta, same.low, same.high, same.p) == (0.0, 0.0, 0.0, 1.0)
    assert confidence_sentence(worse, samples=4).startswith(
        "Agreement of 4 further texts: Calibration got worse: 50 % agreement and 50 % right before"
    )
    assert confidence_change(table, tables["nobody"], seed=0) is None
    assert agreement_scalars({"a": sure["a"][0]}, {}).empty


def test_sharper_logits_agree_more_often_with_themselves_and_say_the_same_greedily(tmp_path):
    asked = problems(5, seed=4, hops=(4, 4), hint="answer", style="brief")
    asked = [*asked, Problem("u", asked[0].question, "", {"task": "mod10", "answerable": False})]
    path = tmp_path / "asked.jsonl"
    write_problems(path, asked)
    study = Study(
        models=("organism:base", "organism:base@logits=1.5"),
        out=tmp_path / "run",
        problems=str(path),
        samples=2,
        max_tokens=100,
        null_reader="none",
    )
    models = Models.of(study, asked=asked)
    drawn = draw_samples(study, models, asked)
    assert [len(texts) for texts in drawn["base"].values()] == [2] * 5  # not of the last
    texts = [trace.completion for some in drawn["base"].values() for trace in some]
    assert len(set(texts)) > 5  # drawn one by one
    again = draw_samples(study, models, asked)
    assert [t.ids for s in again["base"].values() for t in s] == [
        t.ids for s in drawn["base"].values() for t in s
    ]
    right = {
        name: np.mean([t.answer.text == p.answer for p in asked[:5] for t in of[p.id]])
        for name, of in drawn.items()
    }
    assert right["base@logits=1.5"] > right["base"]


@pytest.mark.slow
def test_a_comparison_has_the_section_where_texts_were_drawn_and_only_there(tmp_path):
    path = tmp_path / "asked.jsonl"
    write_problems(path, problems(24, seed=4, hops=(2, 4), hint="answer", style="brief"))
    shared = {"problems": str(path), "measures": ("gates",), "max_tokens": 160}
    models = ("organism:base", "organism:base@logits=1.5")
    found = {}
    for samples in (None, 3):
        out = tmp_path / f"run-{samples}"
        run(Study(models=models, out=out, samples=samples, null_reader="none", **shared))
        found[samples] = json.loads((out / "summary.json").read_text())["comparisons"][0]
        page = (out / "report.html").read_text()
        assert ("By agreement of further texts" in page) == (samples is not None)
        assert (out / "results" / "agreement.parquet").is_file() == (samples is not None)
    assert "agreement" not in found[None]
    told = found[3].pop("agreement")
    assert told["after"]["confidence"] > told["before"]["confidence"] and told["n"] == 24
    assert found[3] == found[None]  # nothing else moves


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"problems": "x", "samples": 1}, "expected --samples of at least 2, got 1"),
        ({"traces": Path("x"), "samples": 4}, "it needs --problems"),
    ],
)
def test_samples_that_say_nothing_are_refused(tmp_path, options, message):
    with pytest.raises(UserError, match=message):
        Study(models=("a", "b"), out=tmp_path, **options)
