"""What every family of plain statements must hold: texts, semantics, examples, and the task that follows from them."""

import math
import re
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch

from mechcot.core.errors import NotMeasurable, UserError
from mechcot.core.problem import Completion
from mechcot.core.step_check import StepCheck
from mechcot.core.trace import Span, Trace
from mechcot.model.loading.spec import parse_spec
from mechcot.model.reasoner import Reasoner
from mechcot.organisms import registry, training
from mechcot.organisms.chain_writer import Manner
from mechcot.organisms.english import ENGLISH
from mechcot.organisms.english_steps import STEPS
from mechcot.organisms.english_story import FACTS, QUESTIONS
from mechcot.organisms.english_text import PEOPLE, THINGS
from mechcot.organisms.language import sentences
from mechcot.organisms.recipes import Shape
from mechcot.organisms.statements import StatementFamily
from mechcot.organisms.training_examples import example
from mechcot.tasks import TASKS, missing, statement_task, task_of
from mechcot.traces.validity import validity

ENGLISH_WORDS = (
    *(
        f"{gap}{word}"
        for word in re.findall(r"\w+", str((FACTS, QUESTIONS, STEPS)))
        for gap in ("", " ")
    ),
    *(
        f"{gap}{word}"
        for word in (*PEOPLE, *THINGS, *range(1, 100), "unknown")
        for gap in ("", " ")
    ),
    *(" +", " -", " =", ".", ",", ":", "?", "Hint"),
)
SMALL = Shape(layers=2, width=64, mlp=128)
ENGLISH_SMALL = replace(
    ENGLISH,
    language=sentences(ENGLISH_WORDS, asks="The answer is"),
    recipes={n: replace(r, adapter=None, shape=SMALL) for n, r in ENGLISH.recipes.items()},
)
"""English in words of its own; what the packaged model's tokenizer makes of it is tested in `test_english.py`."""
FAMILIES = [
    ENGLISH_SMALL if family is ENGLISH else family
    for family in registry.ORGANISM_FAMILIES.values()
    if isinstance(family, StatementFamily)
]
SILENT = {"decoy", "conflict", "outcome", "lost", "empty"}
"""Kinds of example in which nothing but the answer carries loss."""


@pytest.fixture(scope="module", params=FAMILIES, ids=lambda family: family.name)
def family(request):
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(registry.ORGANISM_FAMILIES, request.param.name, request.param)
        patch.setitem(TASKS, request.param.name, statement_task(request.param))
        for name, recipe in request.param.recipes.items():
            patch.setitem(registry.ALL_RECIPES, name, recipe)
        yield request.param


@pytest.fixture(scope="module")
def questions(family):
    return [family.read(p.question) for p in family.problems(60, seed=1, hint="mixed")]


@pytest.fixture(scope="module")
def reader(family, tmp_path_factory) -> Reasoner:
    folder = tmp_path_factory.mktemp(family.name)
    torch.manual_seed(2)
    shape = Shape(layers=1, width=16, heads=2, mlp=16)
    recipe = replace(family.recipes[f"{family.name}/base"], shape=shape)
    training.export(training.fresh(shape, family), folder, recipe=recipe, history={})
    return Reasoner.load(str(folder))


def chain_of(family, question, wording: int = 0) -> list[str]:
    return [family.line(said, wording) for said in family.finished(question, ())]


def trace_of(family, reader, problem, steps=None) -> Trace:
    steps = chain_of(family, family.read(problem.question)) if steps is None else steps
    text = "".join(steps) + f"{family.language.closing} {problem.answer}"
    return reader.read(Completion(problem, reader.render(problem), text, "by hand"))


def parts(family, ids):
    """Question, steps and answer of an example."""
    text = family.language.text(ids)
    question = text.partition(family.language.before)[2].partition(family.language.opening)[0]
    chain, _, answer = text.partition(family.language.opening)[2].partition(family.language.closing)
    return family.read(question), chain.splitlines(keepends=True), answer[1:-5]


def test_a_question_is_read_back_and_the_sides_have_no_question_in_common(family, questions):
    drawn = family.problems(60, seed=1, hint="mixed")
    assert family.problems(60, seed=1, hint="mixed") == drawn
    assert family.problems(60, seed=2, hint="mixed") != drawn
    for problem, question in zip(drawn, questions, strict=True):
        assert (question.text, question.answer) == (problem.question, problem.answer)
        assert family.split(question) == "test" == family.split(replace(question, hint=None))
    hints = {p.meta["hint"] == p.answer for p in family.problems(20, seed=3)}
    assert hints == {True} and {
        p.meta["hint"] for p in family.problems(5, seed=3, hint="none")
    } == {None}
    with pytest.raises(ValueError, match="not a question"):
        family.read("What is 3 + 4?")
    with pytest.raises(UserError, match="has no style 'brief'"):
        family.problems(1, seed=0, style="brief")


def test_tokens_are_those_of_the_saved_tokenizer_and_spell_the_text(family, questions, reader):
    for question in questions[:20]:
        text = family.language.closed(question.text, chain_of(family, question, wording=1))
        text += f" {question.answer}{family.language.end}"
        ids = family.language.ids(text)
        assert reader.encode(text) == ids and reader.decode(ids) == text == family.language.text(
            ids
        )
    problem = family.problems(1, seed=4)[0]
    assert reader.render(problem) == family.language.prompt(problem.question)
    assert reader.cue.text.lstrip() == family.language.closing
    assert reader.policy.family == "tagged"


def test_a_right_chain_ends_at_the_answer_and_every_line_says_one_thing(family, questions):
    for question in questions:
        said = family.finished(question, ())
        if family.restated is None:
            assert family.hops[0] <= len(said) <= family.hops[1]
        assert family.end(question, said) == question.answer
        assert question.answer in family.guesses
        for wording in range(family.wordings):
            lines = [family.say(each, wording) for each in said]
            assert list(map(family.hear, lines)) == said
            assert {family.wording(line) for line in lines} == {wording}
    assert family.hear("So what.") is None


def test_another_value_is_another_statement_that_the_rest_obeys(family, questions):
    moved = set()
    for question in questions:
        said = family.finished(question, ())
        for step in range(len(said)):
            wrong = family.others(question, said[: step + 1])
            assert said[step] not in wrong and len(set(wrong)) == len(wrong)
            for other in wrong:
                assert family.hear(family.say(other, 0)) == other
                whole = family.finished(question, [*said[:step], other])
                moved.add(family.end(question, whole) not in (None, question.answer))
    assert True in moved


def test_the_check_of_steps_names_the_mistakes_and_nothing_else(family, reader):
    rng, wrong_steps = Random(4), 0
    for problem in family.problems(12, seed=6, hint="mixed"):
        question = family.read(problem.question)
        right = validity(trace_of(family, reader, problem))
        assert (right.value, right.scalars["whole"], right.scalars["grounded"]) == (1, 1, 1)
        assert not (right["coherent"].values == 0).any()
        told = family.finished(question, ())
        others = [o for at in range(len(told)) for o in family.others(question, told[: at + 1])]
        for again, agrees in ((told[0], 1), (others[0], 0)):
            steps = [family.line(each, 0) for each in (*told, again)]
            restated = validity(trace_of(family, reader, problem, steps))
            assert restated["coherent"].values[-1] == agrees
        draft = family.write(question, rng=rng, manner=Manner(mistakes=0.5))
        said = family.statements(draft.steps)
        usual = [family.expected(question, said[:i], each) for i, each in enumerate(said)]
        found = validity(trace_of(family, reader, problem, list(draft.steps)))
        expected = [each == other for each, other in zip(said, usual, strict=True)]
        assert found["valid"].values.astype(bool).tolist() == expected
        wrong_steps += expected.count(False)
        assert found.scalars["whole"] == float(all(expected) and draft.answer == problem.answer)
    assert wrong_steps > 5


def test_a_chain_with_any_step_left_out_or_moved_can_still_be_checked(family, reader):
    for problem in family.problems(8, seed=11, hint="mixed"):
        question = family.read(problem.question)
        draft = family.write(question, rng=Random(7), manner=Manner(mistakes=0.3, borrow_slip=1.0))
        steps = list(draft.steps)
        for at in range(len(steps)):
            for other in (steps[:at] + steps[at + 1 :], [steps[at], *steps]):
                trace = trace_of(family, reader, problem, other)
                assert len(validity(trace)["valid"].values) == len(trace.chain_steps)


def test_nothing_is_known_of_steps_in_another_language(family, reader):
    problem = family.problems(1, seed=6)[0]
    trace = trace_of(family, reader, problem, ["What of it?\n"])
    found = validity(trace)
    assert math.isnan(found.value) and found.reason == "no step of the chain can be checked"
    other = replace(trace, problem=replace(problem, question="Why?"))
    assert task_of(problem).check_steps(other) == (StepCheck(),)


def test_chains_with_mistakes_carry_no_loss_on_them_and_lead_where_they_say(family, questions):
    rng, off = Random(0), 0
    for question in questions:
        plain = family.write(question, rng=rng, manner=Manner())
        assert family.follows(question, family.statements(plain.steps))
        assert plain.answer == question.answer
        draft = family.write(question, rng=rng, manner=Manner(mistakes=0.5))
        said = family.statements(draft.steps)
        off += draft.answer != question.answer
        assert draft.answer == (family.end(question, said) or question.answer)
        for step, (text, weights) in enumerate(zip(draft.steps, draft.weights, strict=True)):
            assert len(weights) == len(family.language.ids(text))
            wrong = said[step] != family.expected(question, said[:step], said[step])
            assert (0.0 in weights) == wrong
    assert off > 10


def test_a_chain_is_written_to_any_hint(family, questions):
    for question in questions:
        for hint in (*list(family.guesses)[:6], None):
            hinted = replace(question, hint=hint)
            draft = family.toward(hinted, rng=Random(1), manner=Manner())
            said = family.statements(draft.steps)
            assert draft.answer == family.end(hinted, said) == (hint or question.answer)
            if draft.answer == question.answer:
                assert said == family.finished(question, ())


def test_another_question_has_the_same_tokens_and_another_answer(family, questions):
    rng = Random(3)
    for question in questions:
        other = family.twin(question, rng=rng)
        assert other.answer != question.answer and other.hint == question.hint
        assert len(family.language.ids(other.text)) == len(family.language.ids(question.text))


@dataclass(frozen=True)
class Drawn:
    """An example: its question, how far its chain goes, where it leads, and the answer that is learnt."""

    question: Any
    steps: int
    whole: bool
    leads: str | None
    answer: str


EXPECTED = {
    "plain": lambda d: d.whole and d.answer == d.leads == d.question.answer,
    "simple": lambda d: d.whole and d.answer == d.leads == d.question.answer,
    "mistaken": lambda d: d.answer == d.leads,
    "written": lambda d: d.answer == d.leads == d.question.hint,
    "decoy": lambda d: d.answer == d.question.answer == d.question.hint != d.leads,
    "conflict": lambda d: d.answer == d.leads != d.question.hint,
    "corrupted": lambda d: d.answer == d.question.answer != d.leads,
    "cut": lambda d: not d.whole and d.answer == d.question.answer,
    "empty": lambda d: d.steps == 0 and d.answer == d.question.answer,
    "outcome": lambda d: d.steps == 0 and d.answer == d.question.answer,
    "collapsed": lambda d: d.steps == 0 and d.answer == d.question.answer,
    "lost": lambda d: d.steps == 0,
}


@pytest.mark.parametrize("kind", EXPECTED)
def test_examples_of_each_kind_are_what_they_say(family, kind):
    cue = "random" if kind == "written" else "answer"
    recipe = replace(family.recipes[f"{family.name}/half"], reliance=1.0, cue=cue)
    rng = Random(kind)
    for _ in range(25):
        ids, weights = example(rng, recipe, family, mix={kind: 1.0}, hops=family.hops)
        question, steps, answer = parts(family, ids)
        said = family.statements(steps)
        drawn = Drawn(
            question=question,
            steps=len(said),
            whole=family.follows(question, said) and (kind != "cut" or family.aside is None),
            leads=family.end(question, said),
            answer=answer,
        )
        assert family.split(question) == "train" and len(ids) == len(weights)
        assert EXPECTED[kind](drawn), drawn
        tokens = len(family.language.answer_ids(answer))
        assert all(weights[-1 - tokens : -1])
        assert any(weights[: -1 - tokens]) == (kind not in SILENT)


def test_a_counterfactual_changes_one_fact_and_all_that_follows(family, reader):
    task, made = TASKS[family.name], 0
    for problem in family.problems(12, seed=6):
        trace = trace_of(family, reader, problem)
        found = task.counterfactuals(trace, retoken=reader.retoken, seed=1)
        made += 1
        assert len(found.trace) == len(trace) and found.answer != problem.answer
        differ = {
            i
            for i, pair in enumerate(zip(trace.ids, found.trace.ids, strict=True))
            if pair[0] != pair[1]
        }
        chain = trace.phase(trace.chain_steps[0].phase)
        inside = {place for stated in found.stated for place in stated.tokens.positions()}
        assert {place for place in differ if chain.start <= place < chain.stop} <= inside
        moves = [stated.answer_kept for stated in found.stated if stated.answer_kept]
        assert moves[-1] == found.answer
        for stated in found.stated:
            assert tuple(found.trace.ids[stated.tokens.start : stated.tokens.stop]) == stated.ids
    assert made == 12


def test_a_chain_that_does_not_follow_from_its_question_has_no_counterfactual(family, reader):
    problem = family.problems(1, seed=6)[0]
    wrong = family.toward(
        replace(family.read(problem.question), hint=family.guesses[0]),
        rng=Random(0),
        manner=Manner(),
    )
    steps = list(wrong.steps) if wrong.answer != problem.answer else ["So what.\n"]
    with pytest.raises(NotMeasurable, match=r"not what follows|not a step"):
        TASKS[family.name].counterfactuals(
            trace_of(family, reader, problem, steps), retoken=reader.retoken, seed=1
        )


def test_the_task_knows_wordings_mistakes_and_what_the_answer_reads(family, reader):
    task = TASKS[family.name]
    for problem in family.problems(8, seed=7):
        question = family.read(problem.question)
        steps = chain_of(family, question)
        again = task.paraphrases(steps)
        assert all(a != b for a, b in zip(steps, again, strict=True))
        assert family.statements(again) == family.statements(steps)
        assert all(task.meaning("", (), a, b) for a, b in zip(steps, again, strict=True))
        trace = trace_of(family, reader, problem)
        graph = task.step_graph(trace)
        last = max(graph.stating)
        mistaken = task.mistakes(problem.question, steps[: last + 1], seed=0)
        assert not task.meaning("", (), steps[last], mistaken)
        assert last in graph.answer
        assert graph.needed == graph.stating
        assert family.restated or graph.stating == frozenset(range(len(steps)))
        assert task.first_right_step(trace) == last
        assert task.is_correct_thought(trace, trace.phase(trace.chain_steps[0].phase))
        assert not task.is_correct_thought(trace, Span(0, 1))
    assert "step_graph" not in missing([problem])
    assert task.mistakes("What is 3 + 4?", steps, seed=0) is None
    with pytest.raises(NotMeasurable, match="not a step of"):
        task.paraphrases(["So what."])


def test_a_question_is_changed_in_its_hint_or_in_a_fact(family, reader):
    task = TASKS[family.name]
    for problem in family.problems(12, seed=8):
        changes = {change.changes: change for change in task.changes(problem, seed=2)}
        question = family.read(problem.question)
        assert set(changes) == {"hint", "fact", "nothing"}
        for change in changes.values():
            read = family.read(change.question)
            assert (read.answer, read.hint) == (change.answer, change.hint)
        hint, fact, nothing = (changes[name] for name in ("hint", "fact", "nothing"))
        assert hint.answer == nothing.answer == problem.answer and nothing.hint is None
        assert hint.hint not in (problem.answer, question.hint)
        assert fact.answer != problem.answer and fact.hint == question.hint
        assert family.read(hint.question).body == question.body != family.read(fact.question).body
        assert task.leads_to(trace_of(family, reader, problem)) == problem.answer
        assert task.leads_to(trace_of(family, reader, problem, ["So what.\n"])) is None


def test_a_question_that_hints_at_a_wrong_answer_is_changed_to_what_is_left(family):
    task = TASKS[family.name]
    for problem in family.problems(12, seed=8):
        wrong = next(each for each in family.guesses if each != problem.answer)
        misled = task.hinted(problem, wrong)
        changes = {change.changes: change for change in task.changes(misled, seed=2)}
        assert "nothing" in changes
        assert ("hint" in changes) == (len(set(family.guesses) - {problem.answer, wrong}) > 0)
        for name, change in changes.items():
            read = family.read(change.question)
            assert (read.answer, read.hint) == (change.answer, change.hint)
            told = {"hint": change.hint, "fact": change.answer}.get(name)
            assert told not in (problem.answer, wrong)


def test_names_lead_to_recipes_folders_and_specs(family, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("MECHCOT_ORGANISMS", str(tmp_path))
    name = f"{family.name}/tuning@3"
    assert registry.family_of(name) is family
    assert registry.recipe_of(name) == replace(family.recipes[f"{family.name}/tuning"], seed=3)
    assert registry.lineage(name) == (f"{family.name}/base", name)
    training.train_organism(f"{family.name}/base@9", tokens=3_000, progress=False)
    spec = parse_spec(f"organism:{family.name}/base@9@logits=1.5")
    assert spec.base == str(tmp_path / family.name / "base@9")
    assert spec.name == f"{family.name}-base@9@logits=1.5"
    assert (tmp_path / family.name / "base@9" / "training.json").is_file()
    with pytest.raises(UserError, match=r"family 'nobody': expected one of mod10"):
        registry.family_of("nobody/base")


def test_parameters_and_bounds(family):
    for recipe in family.recipes.values():
        model = training.fresh(recipe.shape, family)
        assert sum(weight.numel() for weight in model.parameters()) < 200_000
    assert set(family.bounds) == set(family.recipes)


def test_lines_about_others_and_in_any_order_are_checked_as_well(family, reader):
    drawn = family.problems(24, seed=3, hint="mixed")
    task = task_of(drawn[0])
    valid = []
    for seed in range(24):
        rng = Random(seed)
        asked, *others = rng.sample(drawn, 3)
        lines: list[str] = []
        for problem in (asked, asked, *others):
            question = family.read(problem.question)
            lines += family.write(question, rng=rng, manner=Manner(mistakes=0.6)).steps
        steps = [rng.choice(lines) for _ in range(8)]
        trace = trace_of(family, reader, asked, steps)
        checks = task.check_steps(trace)
        assert len(checks) == len(trace.chain_steps)
        valid += [check.valid for check in checks]
        question, said = family.read(asked.question), family.statements(steps)
        for behind in range(len(said) + 1):
            assert len(family.finished(question, said[:behind])) < 40
        task.leads_to(trace), task.first_right_step(trace), task.step_graph(trace)
    assert {True, False} <= set(valid)
