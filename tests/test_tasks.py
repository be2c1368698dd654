"""Tasks: the first step that states the right answer, where the answer is words, and names that stand where a file could."""

import pickle
from dataclasses import replace

import pytest
import torch

import mechcot as mc
from mechcot.compare.chains import problems_of
from mechcot.compare.settings import Study
from mechcot.core.errors import UserError
from mechcot.model.internals.sites import Site
from mechcot.model.reasoner import Reasoner
from mechcot.organisms.registry import ORGANISM_FAMILIES
from mechcot.steering.vectors import Origin, SteeringVector
from mechcot.tasks import TASKS, at_least, first_right_step, task_of, with_kinds
from mechcot.text.problems import TASK_NAMES
from tests.influence.words import trace_of
from tests.runs.commands import call


@pytest.mark.parametrize(
    ("answer", "steps", "first"),
    [
        ("dark blue", ["Omar is Ivo's son.", "Ivo likes dark blue.", "So Omar likes dark blue."], 1),
        ("blue", ["The hat is blue and red.", "Hence: blue!"], 1),
        ("Yes", ["No, wait.", "So it is yes"], 1),
        ("B", ["It could be B.", "The plan is B."], None),  # a letter must be stated as an answer
        ("dark blue", ["It is darkblue.", "dark blue, or red"], None),
        ("7", ["Take 3 and 4.", "So 3 + 4 = 7."], 1),
    ],
)  # fmt: skip
def test_words_count_where_a_step_ends_with_them(answer, steps, first):
    assert first_right_step(trace_of(steps, answer)) == first


@pytest.mark.parametrize(
    ("reference", "first"), [("B", 1), ("a kite", 1), ("C", 2), ("a drum", 2), ("D", None)]
)
def test_an_option_is_right_by_its_letter_and_by_its_text(reference, first):
    trace = trace_of(["Look.", "So it was a kite.", "So the answer is C."], reference)
    question = "What was it?\nA) a lamp\nB) a kite\nC) a drum\nD) a pen"
    trace = replace(trace, problem=replace(trace.problem, question=question))
    assert first_right_step(trace) == first


def test_the_tasks_are_named_where_problems_are_read():
    assert tuple(TASKS) == TASK_NAMES


@pytest.mark.parametrize("task", sorted(ORGANISM_FAMILIES))
def test_a_question_of_another_kind_is_text_whatever_task_it_names(task):
    family = ORGANISM_FAMILIES[task]
    problem = family.problems(1, seed=1)[0]
    assert task_of(problem).name == task
    foreign = replace(problem, question="What is 2 + 3?", answer="5")
    assert task_of(foreign).name == "text"
    trace = replace(trace_of(["Then 2 + 3 = 5."], "5"), problem=foreign)
    assert with_kinds(trace) == trace and first_right_step(trace) == 0


@pytest.mark.parametrize("change", [" please", "\nThink step by step.", " x"])
def test_a_question_with_words_behind_it_is_no_question_of_the_shipped_task(change):
    problem = ORGANISM_FAMILIES["mod10"].problems(1, seed=1)[0]
    assert task_of(replace(problem, question=problem.question + change)).name == "text"
    moved = problem.question.replace("+", "p").replace("-", "p")
    assert task_of(replace(problem, question=moved)).name == "text"


def test_a_study_draws_from_a_task_as_the_front_door_does(tmp_path):
    study = Study(models=("organism:base",), out=tmp_path, problems="mod10", n=3, seed=5)
    assert problems_of(study) == mc.problems("mod10", n=3, seed=5)
    with pytest.raises(UserError, match="mod10 is a task: it has no columns to name"):
        mc.problems("mod10", fields={"answer": "gold"})
    assert len(at_least("mod10", 120)) == 120, "more than a task gives by itself"
    file = tmp_path / "p.jsonl"
    file.write_text(
        "".join(f'{{"id": "{i}", "question": "{i} + 3 = ?", "answer": "5"}}\n' for i in range(3))
    )
    assert len(at_least(str(file), 2)) == 3


@pytest.mark.parametrize("command", ["circuit", "sae train", "steer extract", "steer apply"])
def test_a_model_of_another_task_is_named_where_no_problems_are(tmp_path, command):
    model, asked = "organism:order/base", "--problems"
    given: tuple[object, ...] = (model, "--out", tmp_path / "out")
    if command == "sae train":
        given = (model, model, "--site", "resid_post.0", "--out", tmp_path / "out")
    if command == "steer extract":
        given, asked = (model, "--site", "resid_post.0", "--out", tmp_path / "v"), "--pairs"
    if command == "steer apply":
        reader = Reasoner.load(model)
        width = reader.model.config.hidden_size
        origin = Origin(reader.name, reader.weights_hash, "probe", "prompt", ("a",))
        vector = SteeringVector(torch.ones(width), Site.parse("resid_post.0"), origin)
        vector.save(tmp_path / "v.safetensors")
        given = (model, tmp_path / "v.safetensors", "--out", tmp_path / "out")
    code, said = call(command, *given)
    assert code != 0
    assert f"without {asked} the shipped models' task (mod10) is asked" in said
    assert "its vocabulary lacks 89 of 98 words, such as '" in said
    assert f"; give {asked} FILE with" in said


@pytest.mark.parametrize("name", TASKS)
def test_a_task_can_be_sent_to_another_process(name):
    task = TASKS[name]
    sent = pickle.loads(pickle.dumps(task))  # noqa: S301 - our own bytes
    assert sent.draw(3, seed=4) == task.draw(3, seed=4)
