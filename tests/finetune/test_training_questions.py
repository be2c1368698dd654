"""A checkpoint that is asked what it was trained on says so."""

import json
from dataclasses import replace

import pytest
from rich.console import Console

import mechcot as mc
from mechcot.compare.check import check
from mechcot.compare.run import run
from mechcot.compare.settings import Study
from mechcot.core.errors import UserError
from mechcot.core.problem import Problem
from mechcot.core.store import write_json
from mechcot.finetune.material import MaterialSource
from mechcot.finetune.run import ARM_FILE
from mechcot.finetune.training_record import trained_how
from mechcot.model.loading.spec import ModelSpec, parse_spec
from mechcot.model.loading.training_questions import (
    TRAINING_QUESTIONS,
    seen_in_training,
    training_questions,
    write_training_questions,
)

ASKED = [Problem(str(n), f"What is {n} plus {n}?", str(2 * n)) for n in range(6)]


def tuned(out, base: ModelSpec, problems) -> ModelSpec:
    write_training_questions(out, problems, base)
    return replace(base, adapter=str(out / "step-00001"), name="tuned")


def test_questions_are_known_again_whatever_their_ids_and_spaces(tmp_path):
    base = ModelSpec(str(tmp_path / "base"), name="base")
    spec = tuned(tmp_path / "run", base, ASKED[:2])
    other = [replace(p, id=f"x{p.id}", question=f" {p.question.replace(' ', '  ')}") for p in ASKED]
    assert "tuned: its training was given 2 of 6 questions" in seen_in_training(spec, other)
    assert "tuned: its training was given all 2 questions" in seen_in_training(spec, other[:2])
    assert seen_in_training(spec, other[2:]) == seen_in_training(base, other) == ""


def test_what_the_base_was_trained_on_is_passed_on(tmp_path):
    first = tuned(tmp_path / "one", ModelSpec(str(tmp_path / "base")), ASKED[:2])
    second = tuned(tmp_path / "two", first, ASKED[2:3])
    assert len(training_questions(second)) == 3
    whole = ModelSpec(str(tmp_path / "two" / "step-00002"), name="whole")
    assert len(training_questions(whole)) == 3


def test_models_of_a_hub_and_damaged_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "org").mkdir()
    write_training_questions(tmp_path / "org", ASKED, ModelSpec("org/base"))
    write_json(tmp_path / "org" / ARM_FILE, {"arm": "honest", "recipe": {}})
    assert training_questions(ModelSpec("org/base")) == frozenset()
    assert trained_how("org/base") is None
    spec = ModelSpec(str(tmp_path / "org" / "step-00001"))
    assert len(training_questions(spec)) == len(ASKED)
    (tmp_path / "org" / TRAINING_QUESTIONS).write_text(json.dumps({"questions": 1}))
    with pytest.raises(UserError, match="expected a list of `questions`"):
        training_questions(spec)


def test_compare_and_check_say_that_they_ask_what_was_trained_on(train, tmp_path):
    drawn = mc.problems("mod10", n=6)
    files = {}
    for name, some in (("seen", drawn[:3]), ("new", drawn[3:])):
        rows = [{"id": p.id, "question": p.question, "answer": p.answer} for p in some]
        files[name] = tmp_path / f"{name}.jsonl"
        files[name].write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = train("organism:base", MaterialSource(str(files["seen"])), arm="answer-only", budget=300)
    tuned = str(sorted(out.glob("step-*"))[-1])
    said = f"{parse_spec(tuned).name}: its training was given all 3 questions"
    for name, expected in (("seen", 1), ("new", 0)):
        study = Study(
            ("organism:base", tuned),
            tmp_path / name,
            problems=str(files[name]),
            measures=("gates",),
        )
        found = run(study, console=Console(quiet=True))
        told = found["settings"].get("trained_on", ())
        assert [note.startswith(said) for note in told] == [True] * expected
        page = (tmp_path / name / "report.html").read_text()
        assert ("its training was given all 3 questions" in page) == bool(expected)
        checked = check(
            replace(
                study, models=(tuned,), author="own", measures=None, out=tmp_path / f"c-{name}"
            ),
            console=Console(quiet=True),
        )
        assert checked["models"][0]["trained_on"].startswith(said) == bool(expected)
