"""Laws of the organisms' language: text, truth and counterfactuals agree to the word."""

from random import Random

import pytest

from mechcot.core.trace import StepKind
from mechcot.organisms import (
    chain_writer,
    counterfactual_edits,
    grammar,
    ground_truth,
    problems,
    vocabulary,
)
from mechcot.organisms.unused_steps import as_completion
from mechcot.text.trace_parser import read

ITEMS = problems.problems(24, seed=5, hint="answer", style="random") + problems.problems(
    8, seed=6, hint="none", style="careful", split="train"
)

WORDS = {"segmenter": "word_dot", "family": "word"}


def draft_of(problem, *, seed=0, **manner):
    world = problems.read_question(problem.question)
    return chain_writer.compose(
        world, rng=Random(f"{problem.id} {seed}"), manner=chain_writer.Manner(**manner)
    )


@pytest.fixture(scope="module")
def tokenizer():
    return vocabulary.tokenizer()


def test_problems_are_the_same_for_the_same_seed_and_differ_for_another():
    again = problems.problems(24, seed=5, hint="answer", style="random")
    assert again == ITEMS[:24]
    assert {item.question for item in again}.isdisjoint(
        item.question for item in problems.problems(24, seed=50, hint="answer", style="random")
    )


def test_train_and_test_worlds_are_disjoint():
    bodies = {
        split: {
            problems.read_question(item.question).body
            for item in problems.problems(150, seed=3, split=split)
        }
        for split in ("train", "test")
    }
    assert bodies["train"].isdisjoint(bodies["test"])
    assert {problems.read_question(item.question).split for item in ITEMS[:24]} == {"test"}


def test_a_question_reads_back_to_the_same_text():
    for item in ITEMS:
        assert problems.read_question(item.question).text == item.question
        assert problems.read_question(item.question).answer == item.answer


def test_the_cue_is_what_was_asked_for():
    assert all(problems.read_question(item.question).hint == item.answer for item in ITEMS[:24])
    assert all(problems.read_question(item.question).hint is None for item in ITEMS[24:])


def test_a_text_that_is_no_question_is_refused():
    with pytest.raises(ValueError, match="not a question of the organisms' task"):
        problems.read_question("What is 2 + 2?")


def test_tokenizer_round_trip_is_exact_to_the_character(tokenizer):
    for item in ITEMS:
        text = f"{vocabulary.prompt(item.question)} {vocabulary.completion_text(draft_of(item).text, item.answer)}"
        ids = tokenizer(text).input_ids
        assert ids == vocabulary.encode(text)
        assert tokenizer.decode(ids) == text == vocabulary.decode(ids)
        assert tokenizer(tokenizer.decode(ids)).input_ids == ids
        assert tokenizer.unk_token_id not in ids


def test_chat_template_renders_the_prompt_and_a_completion_joins_it_without_a_space(tokenizer):
    item = ITEMS[0]
    rendered = tokenizer.apply_chat_template(
        [{"role": "user", "content": item.question}], add_generation_prompt=True, tokenize=False
    )
    assert rendered == vocabulary.prompt(item.question)
    tail = vocabulary.completion_text(draft_of(item).text, item.answer)
    assert tokenizer(rendered + tail).input_ids == tokenizer(f"{rendered} {tail}").input_ids


def test_parse_gives_the_writers_facts():
    for item in ITEMS:
        draft = draft_of(item)
        assert draft.answer == item.answer
        assert grammar.split_steps(draft.text) == draft.steps
        facts = ground_truth.parse(item.question, draft.steps)
        assert tuple(fact.kind for fact in facts) == draft.kinds
        assert tuple(i for i, fact in enumerate(facts) if not fact.valid) == draft.slips
        assert all(facts[i].feeds_answer is False for i in draft.unused)
        values = problems.read_question(item.question).values
        for index, fact in enumerate(facts):
            if index not in draft.slips:
                assert fact.correct
                assert all(values[name] == value for _, name, value in fact.statements)
            for word, name in fact.operands:
                assert draft.steps[index].split()[word] in grammar.DIGITS and name in values


def test_all_kinds_occur_and_no_marker_word_gives_a_kind_away():
    kinds, openings = set(), {}
    for item in ITEMS:
        draft = draft_of(item)
        for kind, step in zip(draft.kinds, draft.steps, strict=True):
            kinds.add(kind)
            openings.setdefault(kind, set()).add(step.split()[0])
    assert kinds == set(StepKind) - {StepKind.OTHER}
    assert (
        "so"
        in openings[StepKind.PROGRESSION]
        & openings[StepKind.SUMMARY]
        & openings[StepKind.CONCLUSION]
    )
    assert all(len(words) > 2 for words in openings.values())


def test_careful_chains_are_longer_than_brief_ones_which_never_verify():
    lengths = {"careful": [], "brief": []}
    for item in ITEMS[:24]:
        draft = draft_of(item)
        style = item.meta["style"]
        lengths[style].append(len(draft.text.split()))
        if style == "brief":
            assert not {StepKind.VERIFICATION, StepKind.SUMMARY, StepKind.BACKTRACKING} & set(
                draft.kinds
            )
    mean = {style: sum(values) / len(values) for style, values in lengths.items()}
    assert mean["careful"] > 1.3 * mean["brief"]


def test_the_answer_follows_silent_mistakes():
    drafts = [(item, draft_of(item, mistakes=0.06)) for item in ITEMS]
    assert any(draft.answer != item.answer for item, draft in drafts)
    for item, draft in drafts:
        assert (
            ground_truth.follow(problems.read_question(item.question), draft.steps).answer
            == draft.answer
        )


def test_a_planted_slip_is_caught_and_the_right_value_restated():
    caught = 0
    for item in ITEMS:
        draft = draft_of(item, borrow_slip=1.0, slip=0.5)
        facts = ground_truth.parse(item.question, draft.steps)
        for slip in draft.slips:
            check, mend = facts[slip + 1], facts[slip + 2]
            assert check.kind is StepKind.VERIFICATION and draft.steps[slip + 1].endswith("bad .")
            assert (
                mend.kind is StepKind.BACKTRACKING and mend.correct and mend.depends == (slip + 1,)
            )
            assert not facts[slip].feeds_answer
            caught += 1
    assert caught > 8


def test_a_step_contradicts_another_only_where_a_slip_is_mended(tokenizer):
    mended = 0
    for item in ITEMS:
        for manner in ({"borrow_slip": 0.0, "slip": 0.0}, {"borrow_slip": 1.0, "slip": 0.5}):
            draft = draft_of(item, **manner)
            checks = ground_truth.check_steps(read(as_completion(item, draft), tokenizer, **WORDS))
            contrary = {i for i, check in enumerate(checks) if check.coherent is False}
            kinds = ground_truth.parse(item.question, draft.steps)
            assert all(
                kinds[i].kind in (StepKind.VERIFICATION, StepKind.BACKTRACKING) for i in contrary
            )
            assert bool(contrary) == bool(draft.slips)
            mended += len(contrary)
    assert mended > 8


def test_a_counterfactual_item_keeps_the_layout_and_its_chain_gives_its_answer(tokenizer):
    for item in ITEMS:
        draft = draft_of(item)
        question, steps, answer, changed = counterfactual_edits.counterfactual_item(
            item.question, draft.steps, rng=Random(item.id)
        )
        assert answer != item.answer
        assert (
            problems.read_question(question).answer
            == answer
            == ground_truth.follow(problems.read_question(question), steps).answer
        )
        assert len(tokenizer(question).input_ids) == len(tokenizer(item.question).input_ids)
        assert [len(step.split()) for step in steps] == [len(step.split()) for step in draft.steps]
        assert changed
        differing = {
            (i, w)
            for i, (old, new) in enumerate(zip(draft.steps, steps, strict=True))
            for w, (a, b) in enumerate(zip(old.split(), new.split(), strict=True))
            if a != b
        }
        assert differing == set(changed)
        before, after = (
            ground_truth.parse(item.question, draft.steps),
            ground_truth.parse(question, steps),
        )
        assert [fact.kind for fact in before] == [fact.kind for fact in after]
        assert [fact.valid for fact in before] == [fact.valid for fact in after]


def test_edits_predict_direct_readers_and_the_kept_answer():
    for item in ITEMS[:30]:
        steps = draft_of(item).steps
        graph = ground_truth.graph(item.question, steps, reading="kept")
        for edit in counterfactual_edits.counterfactuals(item.question, steps, rng=Random(item.id)):
            assert {(edit.step, step) for step, _, _ in edit.dependents} <= graph.edges
            edited = edit.apply(steps)
            assert ground_truth.follow(problems.read_question(item.question), edited).answer == (
                edit.answer_kept or item.answer
            )
            if edit.answer_kept is not None:
                assert edit.step in graph.answer


def test_a_wrong_sum_is_carried_on_and_a_wrong_difference_is_caught():
    question = "careful : c: 3 , g: h + 5 , h: c - 4 ; find g ?"
    steps = (
        "need g: h + 5 .",
        "need h: c - 4 .",
        "so c= 3 .",
        "so h= 3 - 4 = 9 .",
        "check h : 3 - 4 = 9 ok .",
        "so g= 9 + 5 = 4 .",
        "hence g= 4 .",
    )
    difference = counterfactual_edits.edit_at(question, steps, 3, 6, "8")
    assert difference.dependents == ((4, 8, "bad"), (5, 2, "8"))
    assert difference.answer_regenerated == "4" and not difference.moves
    total = counterfactual_edits.edit_at(question, steps, 5, 6, "7")
    assert total.answer_regenerated == "7" and total.moves and total.answer_kept is None
    assert total.dependents == ((6, 2, "7"),)
    last = counterfactual_edits.edit_at(question, steps, 6, 2, "7")
    assert last.answer_kept == "7"
    constant = counterfactual_edits.edit_at(question, steps, 0, 4, "6")
    assert constant.dependents == ((5, 4, "6"),) and constant.answer_regenerated == "5"
    with pytest.raises(ValueError, match="states no value"):
        counterfactual_edits.edit_at(question, steps, 5, 2, "1")


def test_two_stated_values_feed_a_combined_answer():
    question = "brief : c: 3 , g: c + 5 ; find g - c ?"
    steps = ("need g: c + 5 .", "c= 3 .", "g= 3 + 5 = 8 .")
    assert ground_truth.graph(question, steps, reading="kept").answer == {1, 2}
    assert counterfactual_edits.edit_at(question, steps, 1, 1, "4").answer_kept == "4"
    assert counterfactual_edits.edit_at(question, steps, 1, 1, "4").answer_regenerated == "5"
    concluded = (*steps, "hence g= 8 .", "so finally c= 3 .")
    assert ground_truth.graph(question, concluded, reading="kept").answer == {3, 4}
    assert counterfactual_edits.edit_at(question, concluded, 3, 2, "9").answer_kept == "6"
    kinds = [fact.kind for fact in ground_truth.parse(question, concluded)]
    assert kinds[3:] == [StepKind.CONCLUSION] * 2


def test_regenerated_edges_reach_further_than_kept_ones():
    question = "brief : c: 3 , g: c + 5 , h: g + 1 ; find h ?"
    steps = ("need h: g + 1 .", "need g: c + 5 .", "c= 3 .", "g= 3 + 5 = 8 .", "h= 8 + 1 = 9 .")
    kept = ground_truth.graph(question, steps, reading="kept")
    anew = ground_truth.graph(question, steps, reading="regenerated")
    assert kept.edges == {(0, 4), (1, 3), (2, 3), (3, 4)} and kept.answer == {4}
    assert anew.edges == kept.edges | {(1, 4), (2, 4)} and anew.answer == {0, 1, 2, 3, 4}


def test_any_text_can_be_parsed():
    facts = ground_truth.parse(ITEMS[0].question, ("hmm hmm hmm", "so what ?", "b= .", "need"))
    assert [fact.kind for fact in facts] == [StepKind.OTHER] * 4
    assert ground_truth.parse(ITEMS[0].question, ()) == ()
