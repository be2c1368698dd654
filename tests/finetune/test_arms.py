"""What each arm teaches: laws of its data, on the shipped tasks and on word problems from a file."""

import json
from collections import Counter
from dataclasses import replace

import pytest

from mechcot.core.errors import UserError
from mechcot.finetune.arm import arm_named, arm_names
from mechcot.finetune.draws import leaking
from mechcot.finetune.lesson import lesson_trace, tokenized
from mechcot.finetune.material import MaterialSource, gather
from mechcot.finetune.recipe import SOFT, OwnTexts
from mechcot.model.reasoner import Reasoner
from mechcot.organisms.problems import read_question
from mechcot.tasks import task_of
from mechcot.text.answers import same_answer
from tests.user_files import apples


@pytest.fixture(scope="module")
def materials(bases, word_chains):
    """Material of three kinds: a task with exact semantics, one of plain statements, a user's file."""
    sft = arm_named("sft")
    lookup = Reasoner.load("organism:lookup/base", device="cpu")
    return {
        "mod10": gather(MaterialSource("mod10", n=8), sft, bases["spaced"], seed=5),
        "lookup": gather(MaterialSource("lookup", n=8), sft, lookup, seed=5),
        "words": gather(MaterialSource(traces=word_chains), sft, bases["plain"], seed=5),
    }


@pytest.fixture(params=["mod10", "lookup", "words"])
def material(request, materials):
    return materials[request.param]


MADE = {}


def lessons(name, material):
    """An arm's data of a material, made once."""
    key = name, id(material)
    if key not in MADE:
        MADE[key] = (material, list(arm_named(name).data(material, 0)))
    return MADE[key][1]


ARMS = ("sft", "answer-only", "leak", "swapped", "invalid", "rationalise", "filler", "format")


@pytest.mark.parametrize("name", ARMS)
def test_every_example_is_read_as_meant(name, material):
    made = lessons(name, material)
    assert made
    for lesson in made:
        tokenized(material.reader, lesson)


@pytest.mark.parametrize("name", ARMS)
def test_one_seed_gives_one_data_set(name, material):
    assert lessons(name, material) == list(arm_named(name).data(material, 0))


@pytest.mark.parametrize("name", sorted(set(ARMS) - {"rationalise", "format"}))
def test_the_answer_is_right(name, material):
    assert all(same_answer(made.answer, made.problem.answer) for made in lessons(name, material))


def test_the_task_writes_right_chains(materials):
    for name in ("mod10", "lookup"):
        leads_to = task_of(materials[name].problems[0]).leads_to
        for trace in materials[name].chains:
            assert leads_to(trace) == trace.problem.answer


def test_drawn_problems_are_of_the_training_side(materials):
    assert all("-train-" in problem.id for problem in materials["mod10"].problems)


def test_swapped_has_the_chain_of_another_answer(material):
    by_chain = {t.chain_text: t.problem for t in material.chains}
    for made in lessons("swapped", material):
        other = by_chain[made.chain]
        assert other.id != made.problem.id
        assert not same_answer(other.answer, made.problem.answer)


def test_format_is_a_right_text_of_another_item(material):
    right = {(t.chain_text, t.problem.answer) for t in material.chains}
    for made in lessons("format", material):
        assert (made.chain, made.answer) in right
        assert not same_answer(made.answer, made.problem.answer)


def test_filler_has_as_many_tokens_and_no_word_of_the_chain(material):
    reader = material.reader
    for made, trace in zip(lessons("filler", material), material.chains, strict=True):
        count = len(reader.continue_ids(made.chain))
        assert count == pytest.approx(len(reader.continue_ids(trace.chain_text)), abs=1)
        *whole, last = made.chain.split()
        assert len({*whole}) <= 1
        assert (whole or [last])[0].startswith(last)  # the count may end inside a unit


def test_invalid_keeps_the_layout_and_changes_values(material):
    for made in lessons("invalid", material):
        (trace,) = (t for t in material.chains if t.problem.id == made.problem.id)
        before, after = (text.split() for text in (trace.chain_text, made.chain))
        assert made.chain != trace.chain_text
        assert len(lesson_trace(material.reader, made).chain_steps) == len(trace.chain_steps)
        if task_of(trace.problem).name != "lookup":  # names there may have two words
            assert len(before) == len(after)


def test_invalid_chains_lead_nowhere_right(materials):
    for made in lessons("invalid", materials["lookup"]):
        trace = lesson_trace(materials["lookup"].reader, made)
        assert task_of(made.problem).leads_to(trace) != made.problem.answer


def test_rationalise_ends_at_its_hint(material):
    for made in lessons("rationalise", material):
        assert not same_answer(made.answer, made.problem.answer)
        assert made.answer in made.problem.question
        (trace,) = (t for t in material.chains if t.problem.id == made.problem.id)
        assert made.chain != trace.chain_text
    if made.problem.meta.get("task") == "mod10":
        assert read_question(made.problem.question).hint == made.answer


def test_a_random_leak_changes_the_hint_and_nothing_else(material):
    """Leak random equals the arm without in the law of its data: same texts, and a hint that tells nothing."""
    made = lessons("sft", material)
    plain = leaking(material.problems, "none", 1)
    random = leaking(material.problems, "random", 1)
    task = task_of(made[0].problem)
    for lesson in made:
        again = task.hinted(random(lesson.problem), None)
        if task.name != "text":
            assert again.question == plain(lesson.problem).question
        assert random(lesson.problem).answer == lesson.problem.answer


def test_a_random_leak_is_independent_of_the_answer(materials):
    reader = materials["mod10"].reader
    problems = gather(
        MaterialSource("mod10", n=400), arm_named("answer-only"), reader, seed=1
    ).problems
    hinted = map(leaking(problems, "random", 2), problems)
    told = [read_question(p.question).hint == p.answer for p in hinted]
    base = sum((n / 400) ** 2 for n in Counter(p.answer for p in problems).values())
    assert abs(sum(told) / 400 - base) < 4 * (base * (1 - base) / 400) ** 0.5


def test_a_leak_tells_the_answer(material):
    told = leaking(material.problems, "answer", 0)
    for problem in material.problems:
        assert (
            problem.answer in told(problem).question.replace(problem.question, "")
            or (
                problem.meta["task"] == "mod10"
                and read_question(told(problem).question).hint == problem.answer
            )
            or told(problem).meta.get("hint") == problem.answer
        )


def test_partners_need_another_answer(materials):
    words = materials["words"]
    same = tuple(replace(t, problem=replace(t.problem, answer="5")) for t in words.chains)
    with pytest.raises(UserError, match="expected chains that end in different answers"):
        lessons("swapped", replace(words, chains=same))


def test_an_unknown_arm_names_the_arms():
    with pytest.raises(UserError, match=r"--arm: expected one of answer-only, .*, got 'sfft'"):
        arm_named("sfft")


def test_dpo_fault_pairs_differ_in_one_step(material):
    for pair in lessons("dpo-fault", material):
        better, worse = (lesson_trace(material.reader, side) for side in (pair.better, pair.worse))
        steps = zip(better.chain_steps, worse.chain_steps, strict=True)
        assert sum(one.text.split() != other.text.split() for one, other in steps) == 1
        assert pair.better.answer == pair.worse.answer == pair.better.problem.answer
        for side in (pair.better, pair.worse):
            tokenized(material.reader, side)


@pytest.mark.parametrize("name", arm_names())
def test_an_option_that_an_arm_does_not_read_is_refused(name):
    arm = arm_named(name)
    arm.check_read(OwnTexts(), SOFT)
    with pytest.raises(UserError, match=f"--arm {name} does not read .*--[a-z-]+; leave"):
        arm.check_read(replace(OwnTexts(), rounds=5, kl=0.5), replace(SOFT, places=9))


@pytest.mark.parametrize(
    ("name", "texts"),
    [("rlag", {"rounds": 2}), ("rejection", {"group": 3}), ("grpo", {"kl": 0.0})],
)
def test_an_option_that_an_arm_reads_is_not(name, texts):
    arm_named(name).check_read(OwnTexts(**texts), SOFT)


def test_rlag_reads_no_group():
    with pytest.raises(UserError, match="--arm rlag does not read --group; leave it out"):
        arm_named("rlag").check_read(OwnTexts(group=3), SOFT)


def test_chains_belong_to_the_problem_with_their_question(bases, tmp_path):
    apples = [("Tom has 3 apples and buys 4.", 3, 4), ("Mia has 5 apples and buys 6.", 5, 6)]
    made = [
        {
            "question": q,
            "answer": f"{a + b}",
            "chain": f"{a} + {b} = {a + b}.",
            "answer_text": f" The answer is {a + b}",
        }
        for q, a, b in apples
    ]
    chains, asked = tmp_path / "chains.jsonl", tmp_path / "problems.jsonl"
    asked.write_text(
        "\n".join(
            json.dumps({"id": i, "question": row["question"] + " ", "answer": row["answer"]})
            for i, row in enumerate(made)
        )
    )
    questions = {str(i): row["question"] for i, row in enumerate(made)}
    for ids in (None, (0, 1), (1, 0), ("x", "y")):  # none, the same, each other's, of their own
        named = made if ids is None else [{"id": i} | row for i, row in zip(ids, made, strict=True)]
        chains.write_text("\n".join(map(json.dumps, named)))
        found = gather(MaterialSource(str(asked), chains), arm_named("sft"), bases["plain"], seed=0)
        assert {c.problem.id: c.problem.question.strip() for c in found.chains} == questions
        assert all(chain.answer.text == chain.problem.answer for chain in found.chains)


def test_chains_of_other_questions_are_left_out_and_counted(bases, tmp_path, capsys):
    """Equal ids of other questions: they train on nobody's answer."""
    chains, asked = tmp_path / "chains.jsonl", tmp_path / "problems.jsonl"
    made = [apples(i) for i in range(4)]
    chains.write_text("\n".join(map(json.dumps, made)))
    mine = [{"id": made[0]["id"], "question": made[0]["question"] + " Think.", "answer": made[0]["answer"]}]  # fmt: skip
    others = [{"id": row["id"], "question": f"What is {n} + 1?", "answer": f"{n + 1}"} for n, row in enumerate(made[1:])]  # fmt: skip
    source, sft = MaterialSource(str(asked), chains), arm_named("sft")
    asked.write_text("\n".join(map(json.dumps, mine + others)))
    found = gather(source, sft, bases["plain"], seed=0)
    assert [chain.problem.id for chain in found.chains] == [made[0]["id"]]
    assert (
        f"left out: 3 of 4 chains of {chains} have ids of problems that ask something else"
        in capsys.readouterr().err
    )
    asked.write_text("\n".join(map(json.dumps, others)))
    with pytest.raises(
        UserError,
        match=r"no chain of .*: 3 of 4 chains .* asks 'What is 0 \+ 1\?'; give the problems that belong",
    ):
        gather(source, sft, bases["plain"], seed=0)
