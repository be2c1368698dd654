"""A study of training: its file, its cells, what it says of planted effects, and that it goes on where it was left."""

import json
import re
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from markupsafe import escape
from pytest import approx

from mechcot.core.errors import UserError
from mechcot.finetune.lab import cells as lab_cells
from mechcot.finetune.lab.cells import all_cells
from mechcot.finetune.lab.questions import check_held_out, question_sets
from mechcot.finetune.lab.reading import CHEAP, CheckpointReader
from mechcot.finetune.lab.result import lab_result
from mechcot.finetune.lab.run import run_lab, say_cost
from mechcot.finetune.lab.settings import (
    BASE_ARM,
    GIVEN_QUESTIONS,
    LEAKED,
    MISLED,
    PLAIN_QUESTIONS,
    read_lab,
)
from mechcot.finetune.material import MaterialSource
from mechcot.finetune.recipe import OwnTexts
from mechcot.model.loading.options import LoadOptions
from mechcot.organisms.lookup import LOOKUP
from mechcot.runs.executor import SERIAL
from mechcot.text.answers import same_answer
from mechcot.view.figures.arms import apart
from mechcot.view.pages.lab import lab_page
from mechcot.view.pages.lab_sentences import lab_sentences
from tests.finetune.test_tune import last

STUDIES = Path(__file__).parents[2] / "studies"
CPU = LoadOptions(device="cpu")
SMALL = """
title = "Small"
question = "What changes?"
bases = ["organism:lookup/base"]
problems = "lookup"
seeds = 1
[train]
n = 24
budget = 1500
lora = 2
rate = 5e-3
batch = 4
snapshots = 2
group = 2
max_tokens = 40
[read]
n = 20
snapshot_n = 20
[arms.sft]
[arms.leak]
[arms.repair]
arm = "sft"
after = "leak"
"""


@pytest.fixture
def study(tmp_path):
    def write(text=SMALL, *changes):
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "study.toml"
        path.write_text(text)
        return read_lab(path)

    return write


@pytest.mark.parametrize("path", sorted(STUDIES.glob("*.toml")), ids=lambda path: path.stem)
def test_the_studies_that_ship_can_be_read(path):
    lab = read_lab(path)
    assert {question.arm for question in lab.primary} <= set(lab.arms)
    assert len(lab.primary) <= 4
    keys = [cell.key for cell in all_cells(lab, Path("work"), CPU)]
    assert len(set(keys)) == len(keys) == lab.seeds * (1 + len(lab.arms)) + len(lab.anchors)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("[arms.sft]", "[arms.sfft]"), "control: expected one of sfft, leak, repair, got 'sft'"),
        (
            ("[arms.leak]", "[arms.leek]"),
            r"--arm: expected one of answer-only, .*, got 'leek'",
        ),
        (("n = 24", "m = 24"), r"study.toml: train: unknown \['m'\]; known are n, depth, budget"),
        (("budget = 1500", "budget = 0"), "--budget: expected at least 1, got 0"),
        (('after = "leak"', 'after = "grpo"'), "arms.repair.after: expected one of , sft, leak"),
        (("seeds = 1", "seeds = 0"), "seeds: expected numbers from 1, got 0"),
        (('problems = "lookup"', 'problems = "p.jsonl"'), "held_out: expected a file of problems"),
        (("[arms.sft]", "[arms.base]\n[arms.sft]"), "arms.base: this name is taken"),
        (
            ("[arms.sft]", "[arms.rationalise]\nleak='none'\n[arms.sft]"),
            "arms.rationalise.leak: the arm rationalise sets its hints itself",
        ),
        (("snapshot_n = 20", 'measures = ["luck"]'), "unknown measure 'luck'"),
        (("bases = [", 'base = ["x"]\nbases = ['), r"study.toml: unknown \['base'\]"),
    ],
)
def test_faults_of_a_file_are_named(study, change, message):
    with pytest.raises(UserError, match=message):
        study(SMALL, change)


def test_a_question_that_is_trained_on_is_not_held_out(study, tmp_path):
    rows = [{"question": f"{i} + 1 = ?", "answer": str(i + 1)} for i in range(6)]
    files = {
        "trained": rows[:4],
        "overlapping": [rows[4], rows[3], rows[5]],
        "apart": rows[4:],
    }
    for name, some in files.items():
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, some)))

    def read_on(name):
        files = f'problems = "{tmp_path}/trained.jsonl"\nheld_out = "{tmp_path}/{name}.jsonl"'
        return study(SMALL, ('problems = "lookup"', files))

    check_held_out(read_on("apart"))
    for run in (say_cost, partial(run_lab, executor=SERIAL)):
        with pytest.raises(
            UserError, match=r"held_out: 1 of 3 questions of .* such as '3 \+ 1 = \?'"
        ):
            run(read_on("overlapping"), tmp_path / "out", loading=CPU)
    assert not (tmp_path / "out").exists()


def test_all_arms_of_a_seed_come_before_the_next(study):
    cells = all_cells(study(SMALL, ("seeds = 1", "seeds = 2")), Path("work"), CPU)
    assert [(c.seed, c.name) for c in cells] == [
        (seed, name) for seed in (0, 1) for name in (BASE_ARM, "sft", "leak", "repair")
    ]


def test_a_key_depends_on_what_decides_the_numbers(study):
    def keys(*changes):
        cells = all_cells(study(SMALL, *changes), Path("work"), CPU)
        return {cell.name: cell.key for cell in cells}

    before = keys()
    assert keys(("Small", "Other")) == before
    budget = keys(("1500", "1600"))
    assert budget[BASE_ARM] == before[BASE_ARM]
    assert not set(budget.values()) & {before[name] for name in ("sft", "leak", "repair")}
    assert not set(keys(("n = 20\ns", "n = 21\ns")).values()) & set(before.values())


def test_hints_point_to_the_answer_or_away_from_it(study):
    sets = question_sets(study(SMALL, ("[train]", "[shifts]\nlonger = [4, 4]\n[train]")), 0)
    for plain, told, misled in zip(
        *(sets[n].problems for n in (PLAIN_QUESTIONS, LEAKED, MISLED)), strict=True
    ):
        assert LOOKUP.read(told.question).hint == plain.answer == told.answer
        wrong = sets[MISLED].hints[plain.id]
        assert LOOKUP.read(misled.question).hint == wrong
        assert not same_answer(wrong, plain.answer)
    asked = (LOOKUP.read(problem.question) for problem in sets["longer"].problems)
    assert {len(LOOKUP.finished(question, ())) for question in asked} == {4}


def made_up(lab, change, *, spread=0.02):
    """Cells with planted numbers: (arm, axis) -> change against the base."""
    rng, cells = np.random.default_rng(0), []
    for seed in range(lab.seeds):
        for arm in (BASE_ARM, *lab.arms):
            readings = []
            for step in (0,) if arm == BASE_ARM else (1, 2):
                for name in (*lab.sets, GIVEN_QUESTIONS):
                    numbers = {
                        axis: start
                        + (0 if arm == BASE_ARM else step / 2 * change.get((arm, axis), 0.0))
                        + spread * rng.normal()
                        for axis, start in (
                            ("accuracy", 0.6),
                            ("reliance", 0.8),
                            ("validity", 0.8),
                            ("hint", 0.1),
                        )
                    }
                    readings.append({"step": step, "set": name, "verdict": "used", **numbers})
            train = {"budget": {"tokens": 1500, "updates": 3}, "data": {}}
            train = {"right": 0.6, "mixed": 0.7} if arm == BASE_ARM else train
            cells.append({"arm": arm, "seed": seed, "train": train, "readings": readings})
    return cells


def test_planted_effects_are_said_and_nothing_else(study):
    lab = study(
        SMALL
        + '[arms.swapped]\n[[primary]]\nquestion = "Does a leak get used?"\narm = "leak"\naxis = "hint"\n',
        ("seeds = 1", "seeds = 5"),
    )
    planted = {("swapped", "reliance"): -0.5, ("leak", "hint"): 0.6}
    result = lab_result(lab, made_up(lab, planted, spread=0.002))
    arms = {arm["name"]: arm for arm in result["arms"]}
    says = {
        (name, axis): row["contrast"]["says"]
        for name, arm in arms.items()
        for axis, row in arm["axes"].items()
    }
    changed = {place: word for place, word in says.items() if word != "no change"}
    assert changed == {("swapped", "reliance"): "less", ("leak", "hint"): "more"}
    text = "\n".join(lab_sentences(result))
    hollowed = "1 of 3 arms is shown to make the chain carry less: swapped. swapped is shown to keep right answers."
    assert text.startswith(hollowed)
    assert "Reliance on own chains: less in swapped (−0.5" in text
    asked = r"Does a leak get used\? Yes: more answers that go to a wrong hint \(\+0\.(59|60)"
    assert re.search(asked, text)
    assert "Reliance on the base's right chains, token for token: less in swapped (" in text
    assert re.search(r"leak \(supervised\): (69|70)[. ]", text)
    assert "in 5 of 5 seeds, first after 50 % of the training" in text
    assert "repair (after leak): reliance " in text
    then, now = text.partition("repair (after leak)")[2].rpartition("wrong hint ")[2].split(", ")
    assert then.startswith(("+0.60", "+0.59"))
    assert "0.00" in now
    page = lab_page(result)
    assert "Each arm against sft, or against the arm that is named" in page
    assert all(
        str(escape(sentence.partition("(")[0])) in page for sentence in lab_sentences(result)
    )


def test_lines_over_training_are_means_over_the_seeds_that_are_judged(study):
    lab = study(SMALL, ("seeds = 1", "seeds = 3"))
    cells = made_up(lab, {("leak", "reliance"): -0.4}, spread=0.0)
    for cell in cells:
        for reading in cell["readings"]:
            if cell["seed"] == 2 or (cell["arm"] == "sft" and reading["step"] == 1):
                reading["reliance"] = None
    result = lab_result(lab, cells)
    along = [
        (row["arm"], row["share"], row["value"], row["n"])
        for row in result["lines"]
        if row["axis"] == "reliance" and row["arm"] in ("sft", "leak")
    ]
    assert along == [
        *[("sft", 0.0, 0.8, 2), ("sft", 0.5, None, 0), ("sft", 1.0, 0.8, 2)],
        *[("leak", 0.0, 0.8, 2), ("leak", 0.5, approx(0.6), 2), ("leak", 1.0, approx(0.4), 2)],
    ]


def test_labels_of_lines_that_end_together_stand_apart_in_their_order():
    ends = {"a": 0.5, "b": 0.5, "c": 0.49, "d": 1.06, "e": 1.0}
    placed = apart(ends, gap=0.1, top=1.1)
    assert sorted(placed, key=lambda name: placed[name]) == ["c", "a", "b", "e", "d"]
    assert min(np.diff(sorted(placed.values()))) >= 0.1 - 1e-9
    assert max(placed.values()) <= 1.0 + 1e-9
    assert apart({"a": 0.3}, gap=0.1, top=1.1) == {"a": 0.3}
    assert apart({}, gap=0.1, top=1.1) == {}


def test_below_five_seeds_it_says_seen_in(study):
    lab = study(SMALL, ("seeds = 1", "seeds = 3"))
    result = lab_result(lab, made_up(lab, {("leak", "reliance"): -0.5}))
    text = "\n".join(lab_sentences(result))
    assert "Below 5 seeds nothing is claimed" in text
    assert "Reliance on own chains: less in leak (−0.5" in text
    assert "seen in 3 of 3)" in text
    assert "p " not in "".join(str(row) for row in result["primary"])


def test_a_study_without_cells_says_so(study):
    result = lab_result(study(), [])
    assert lab_sentences(result) == ["No arm is finished yet."]
    assert result["missing"] == {BASE_ARM: 1, "sft": 1, "leak": 1, "repair": 1}
    assert "No arm is finished yet." in lab_page(result)


@pytest.mark.slow
def test_a_killed_study_goes_on_and_a_clone_needs_no_weights(study, tmp_path, monkeypatch):
    lab = study(
        SMALL,
        ("n = 20\nsnapshot_n = 20", "n = 8\nsnapshot_n = 6"),
        ("[arms.sft]\n", ""),
        ("seeds = 1", 'seeds = 1\ncontrol = "leak"'),
    )

    def run(name):
        run_lab(lab, tmp_path / name, loading=CPU, executor=SERIAL)
        return json.loads((tmp_path / name / "lab.json").read_text())

    def numbers(folder):
        items = [json.loads(path.read_text()) for path in sorted((folder / "cells").iterdir())]
        for item in items:
            item.pop("seconds")
            item["train"].pop("seconds", None)
        return items

    whole = run("whole")
    assert not whole["missing"]
    read, count = lab_cells.CheckpointReader.read, []

    def killed(self, *args, **kwargs):
        count.append(kwargs["name"])
        if len(count) == 8:
            raise KeyboardInterrupt
        return read(self, *args, **kwargs)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(lab_cells.CheckpointReader, "read", killed)
        run("killed")
    assert run("killed") == whole
    assert numbers(tmp_path / "killed") == numbers(tmp_path / "whole")
    shutil.copytree(tmp_path / "whole" / "cells", tmp_path / "clone" / "cells")
    monkeypatch.setattr(lab_cells, "tune", None)  # nothing is trained
    monkeypatch.setattr(lab_cells, "CheckpointReader", None)
    assert run("clone") == whole
    arms = {arm["name"]: arm for arm in whole["arms"]}
    assert arms["repair"]["on"] == arms["leak"]["on"] == LEAKED
    assert whole["base"]["accuracy"]["mean"] == 1.0


@pytest.mark.slow
def test_a_copier_under_reinforced_training_with_a_leak_shows_no_reliance(study, train, tmp_path):
    """Planted: the base answers from the hint alone; its chains stay as they are, and nobody may call them used."""
    source = MaterialSource("lookup", n=8)
    own = OwnTexts(group=4, max_tokens=48)
    start = "organism:lookup/bypass"
    options = {"arm": "grpo", "leak": "answer", "own": own, "batch": 8, "lora": None}
    out = train(start, source, **options, budget=1500)
    sets = question_sets(study(), 0)
    reader = CheckpointReader(study(), 0, tmp_path / "read", CPU)
    numbers = reader.read(str(last(out)), sets[LEAKED], CHEAP, name="leaked")
    assert (numbers["accuracy"], numbers["verdict"]) == (1.0, "not used")
    assert abs(numbers["reliance"]) < 0.05
    misled = reader.read(str(last(out)), sets[MISLED], (), name="misled")
    assert misled["hint"] == 1.0
    assert misled["validity"] == 1.0
