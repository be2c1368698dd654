"""Arms that train on the model's own texts: what counts as right, rewards, rounds, pairs."""

import json
import math
from dataclasses import replace

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

import mechcot as mc
from mechcot.core.errors import UserError
from mechcot.core.problem import Completion, Problem
from mechcot.core.store import write_traces
from mechcot.finetune import rewards, trainers
from mechcot.finetune.augmented import augmented, augmented_loss
from mechcot.finetune.lesson import Lesson, tokenized
from mechcot.finetune.material import MaterialSource, drawn_problems
from mechcot.finetune.own_texts import (
    Groups,
    by_gold,
    confidence,
    own_example,
    ranked_pairs,
    write_groups,
)
from mechcot.finetune.recipe import ArmRecipe, OwnTexts
from mechcot.finetune.run import Tuning, cost
from mechcot.finetune.trainers import mean_logprobs
from mechcot.model.loading.pairs import load_models
from mechcot.model.reasoner import Reasoner
from mechcot.organisms.problems import read_question
from mechcot.tasks import problems
from tests.finetune.test_tune import kill_at, last, same, weights

SUM = Problem("a", "What is 3 + 4?\nHint: the answer is 7.", "7")
OWN = OwnTexts(group=4, rounds=2, max_tokens=48)
DRAWN = MaterialSource("lookup", n=6)
LOOKUP = "organism:lookup/base"
PART = trainers._part


def trace_of(reader, text, problem=SUM, *, finished=True):
    return reader.read(Completion(problem, reader.render(problem), text, "it", finished=finished))


@pytest.fixture(scope="module")
def lookup():
    return Reasoner.load(LOOKUP, device="cpu")


@pytest.fixture(scope="module")
def groups(lookup):
    drawn = problems("lookup", 4, seed=2)
    return write_groups(lookup, drawn, replace(OWN, temperature=2.5, max_tokens=64), seed=1)


def test_the_reward_sees_the_completion_only(bases):
    """The question tells the answer; a text that does not state it gets nothing."""
    reader = bases["plain"]
    reward = rewards.rewarder(reader, {"a": SUM}, 100, 0.0)
    end = min(reader.stop_ids)
    texts = ["3 + 4 = 7.\nThe answer is 7", "3 + 4 = 8.\nThe answer is 8", "Look at the hint."]
    ids = [[*reader.continue_ids(text), end] for text in texts]
    assert reward(["a"] * 3, ids) == [1.0, 0.0, 0.0]
    assert reward(["a"], [ids[0][:-1]]) == [0.0]  # cut


def test_the_reward_reads_marks_that_a_decoder_would_drop(lookup):
    problem = problems("lookup", 1, seed=3)[0]
    example = tokenized(lookup, Lesson(problem, "Then from Ivan Nora hears.\n", problem.answer))
    reward = rewards.rewarder(lookup, {problem.id: problem}, 100, 0.0)
    assert reward([problem.id], [example.completion]) == [1.0]


def test_a_long_text_costs_its_price(bases):
    trace = trace_of(bases["plain"], "The answer is 7")
    assert rewards.reward_of(trace, 0.5, 0.2) == pytest.approx(0.9)


def test_a_reward_that_is_no_number_stops_with_its_text(bases, monkeypatch):
    monkeypatch.setattr(rewards, "reward_of", lambda *_: math.nan)
    reward = rewards.rewarder(bases["plain"], {"a": SUM}, 100, 0.0)
    with pytest.raises(UserError, match="the reward of a text for a is nan: 'It is 7'"):
        reward(["a"], [bases["plain"].continue_ids("It is 7")])


def test_shuffled_rewards_are_the_same_ones_within_a_group():
    names, values = ["a"] * 8 + ["b"] * 8, [float(i) for i in range(16)]
    permuted = rewards.permuted_rewards(lambda *_: list(values), 0)(names, [()] * 16)
    assert sorted(permuted[:8]) == values[:8]
    assert sorted(permuted[8:]) == values[8:]
    assert permuted != values


def test_texts_of_a_group_differ_and_are_those_of_the_seed(lookup, groups):
    again = write_groups(
        lookup,
        [g[0].problem for g in groups.by_problem],
        replace(OWN, temperature=2.5, max_tokens=64),
        seed=1,
    )
    assert [t.ids for t in again.texts] == [t.ids for t in groups.texts]
    assert all(len(group) == 4 for group in groups.by_problem)
    assert any(len({t.ids for t in group}) > 1 for group in groups.by_problem)
    assert groups.generated == sum(len(t.ids) - t.prompt_length for t in groups.texts)


def test_an_own_text_is_trained_on_as_it_was_written(lookup, groups):
    trace = groups.texts[0]
    example = own_example(lookup, trace)
    assert (*example.prompt, *example.completion)[: len(trace.ids)] == trace.ids
    assert example.completion[-1] in lookup.stop_ids
    assert example.text == lookup.continuation(example.prompt, example.completion[:-1])


def test_confidence_is_the_mean_margin_over_the_answer(lookup):
    """Against a slow reading, one answer token at a time."""
    trace = lookup.write(problems("lookup", 1, seed=5), max_tokens=80)[0]
    ids = list(trace.ids[: trace.cuts()[-1]])
    ids += lookup.cue_after(ids)
    margins = []
    for token in lookup.answer_ids(trace.answer.text):
        p = lookup.model(torch.tensor([ids])).logits[0, -1].softmax(-1).sort(descending=True).values
        margins.append(float(p[0] - p[1]))
        ids.append(token)
    assert confidence(lookup, trace) == pytest.approx(sum(margins) / len(margins), abs=1e-5)
    assert confidence(lookup, replace(trace, finished=False)) == -math.inf


def test_pairs_are_the_highest_and_the_lowest_of_a_group(bases):
    reader = bases["plain"]
    right, wrong = (trace_of(reader, f"The answer is {n}") for n in (7, 8))
    both = Groups(((wrong, right, wrong), (right, right)), 1.0)
    assert ranked_pairs(reader, both, by_gold) == [(right, wrong)]
    assert (both.right, both.mixed) == (3 / 5, 1 / 2)


@pytest.mark.parametrize("arm", ["rejection", "grpo", "rlsf"])
def test_a_base_without_a_right_text_is_named_at_once(plain, train, arm, tmp_path):
    file = tmp_path / "p.jsonl"
    rows = [
        {"id": str(i), "question": f"What is {i} + 90?", "answer": str(i + 90)} for i in range(3)
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(
        UserError,
        match=rf"--arm {arm} learns from .* none of 12 for 3 questions ends right \(\d+ cut",
    ):
        train(plain, MaterialSource(str(file)), arm=arm, own=OWN, batch=4)


def test_rounds_go_on_from_each_other(train):
    out = train(LOOKUP, DRAWN, arm="rejection", own=OWN, budget=4000)
    record = json.loads((out / "arm.json").read_text())
    steps = [int(path.name[5:]) for path in sorted(out.glob("step-*"))]
    assert record["budget"]["updates"] == steps[-1]
    assert record["budget"]["generated_tokens"] > 0
    assert len(record["data"]["right_by_round"]) == 2
    curves = pd.read_parquet(out / "training.parquet")
    assert curves["step"].tolist() == list(range(1, steps[-1] + 1))
    rows = pd.read_parquet(out / "examples.parquet")
    assert set(rows["round"]) == {0, 1}


def test_a_question_with_and_without_a_fact():
    user = Problem("a", "Who has it?", "Ann", meta={"snippet": " Ann took it. "})
    pair = augmented(user, 0)
    assert (pair.known.question, pair.missing) == ("Ann took it.\nWho has it?", user)
    for problem in mc.problems("mod10", n=20, seed=2):
        pair = augmented(problem, 0)
        world = read_question(problem.question)
        assert pair.known == problem
        assert pair.fact in problem.question
        assert pair.fact not in pair.missing.question
        without = {k: v for k, v in world.values.items() if not pair.fact.startswith(f"{k}:")}
        assert len(without) == len(world.values) - 1
        assert pair.fact[0] in world.spine
    twice = Problem("c", "Ann took it. Who?", "Ann", meta={"snippet": "Ann took it."})
    with pytest.raises(UserError, match=r"the question of c holds its .* already"):
        augmented(twice, 0)
    with pytest.raises(UserError, match=r'rlag needs a fact .* give each problem its "snippet"'):
        augmented(Problem("b", "Who has it?", "Ann"), 0)


def test_the_loss_of_a_fact_and_of_texts_with_and_without_it(bases):
    def sigmoid(reward: float) -> float:
        return math.log(1 + math.exp(1 - reward))

    fact, chosen, rejected = -2.0, -0.1, -7.0
    both = [torch.tensor([fact]), torch.tensor([fact, chosen, rejected])]
    expected = (sigmoid(0.5 * fact) + sigmoid(0.2 * fact + 0.5 * (-0.2 + 5.0))) / 2
    assert float(augmented_loss(both)) == pytest.approx(expected, rel=1e-6)
    reader = bases["plain"]
    rows = [reader.encode("one two three"), reader.encode("four")]
    width = max(map(len, rows))
    ids = torch.tensor([row + [0] * (width - len(row)) for row in rows])
    labels = torch.tensor([[-100, *row[1:], *[-100] * (width - len(row))] for row in rows])
    means = mean_logprobs(reader.model, ids, labels)
    for row, mean in zip(rows, means, strict=True):
        expected = reader.prefix(row).logprobs()[1:].mean()
        torch.testing.assert_close(mean, expected, atol=1e-5, rtol=1e-5)


def test_facts_and_texts_train_in_rounds(train, monkeypatch):
    """Memory for half an update at once changes no loss."""
    own, source = OwnTexts(rounds=2, max_tokens=160), MaterialSource("mod10", n=4, depth=(1, 2))
    kwargs = {"arm": "rlag", "own": own, "budget": 4000, "batch": 4}
    out = train("organism:base", source, **kwargs)
    record = json.loads((out / "arm.json").read_text())
    assert record["budget"]["generated_tokens"] > 0
    assert len(record["data"]["pairs_by_round"]) == 2
    assert sum(record["data"]["pairs_by_round"]) > 0
    starved, run_anyhow = iter([True]), trainers.unless_out_of_memory
    monkeypatch.setattr(
        trainers,
        "unless_out_of_memory",
        lambda run: [] if next(starved, False) else run_anyhow(run),
    )
    halves = train("organism:base", source, "halves", **kwargs)
    curves = [pd.read_parquet(folder / "training.parquet") for folder in (out, halves)]
    for column in ("loss", "grad_norm"):
        assert curves[1][column][0] == pytest.approx(curves[0][column][0], rel=1e-4)
    rows = pd.read_parquet(out / "examples.parquet")
    assert set(rows["round"]) == {0, 1}
    facts = rows[rows["text"].str.fullmatch(r"[a-z]: .+")]
    assert 4 <= len(facts) < len(rows)  # with texts of questions whose answer the fact turned
    assert not any(t in p for t, p in zip(facts["text"], facts["prompt"], strict=True))
    (weights,) = last(out).glob("*.safetensors")
    assert any(tensor.abs().max() > 0 for n, tensor in load_file(weights).items() if "lora_B" in n)


@pytest.mark.parametrize("arm", ["rejection", "rlsf"])
def test_texts_of_a_file_train_as_those_that_are_written_here(
    lookup, train, tmp_path, monkeypatch, arm
):
    """As a server would write them: the same texts give the same examples and weights, and nothing is written."""
    own = replace(OWN, rounds=1, temperature=1.5)
    drawn = drawn_problems(DRAWN, seed=0)
    file = tmp_path / "chains.jsonl"
    write_traces(file, write_groups(lookup, drawn, own, seed=0).texts)
    here = train(LOOKUP, DRAWN, "here", arm=arm, own=own, budget=2000)
    given = train(LOOKUP, MaterialSource(own_texts=file), "given", arm=arm, own=own, budget=2000)
    assert same(last(here), last(given))
    records = [json.loads((out / "arm.json").read_text()) for out in (here, given)]
    assert records[0]["data"] == records[1]["data"]
    dry = Tuning(LOOKUP, ArmRecipe(arm, own=own), MaterialSource(own_texts=file), tmp_path / "dry")
    with monkeypatch.context() as nothing_written:
        nothing_written.delattr("mechcot.finetune.forecast.write_groups")
        assert cost(dry).generated == 0
    with pytest.raises(UserError, match="were written for questions as they stand in the file"):
        train(LOOKUP, MaterialSource(own_texts=file), "leaked", arm=arm, own=own, leak="answer")


@pytest.mark.slow
@pytest.mark.parametrize("arm", ["rejection", "grpo", "rlsf"])
def test_an_interrupted_run_of_own_texts_ends_as_an_uninterrupted_one(train, monkeypatch, arm):
    own = replace(OWN, temperature=1.5, length_price=0.5)
    kwargs = {"arm": arm, "own": own, "budget": 6000, "snapshots": 4, "batch": 8}
    whole = train(LOOKUP, DRAWN, "whole", **kwargs)
    steps = [int(path.name[5:]) for path in sorted(whole.glob("step-*"))]
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        kill_at(patched, steps[1], "before the state")
        train(LOOKUP, DRAWN, "killed", **kwargs)
    out = train(LOOKUP, DRAWN, "killed", **kwargs)
    names = [path.name for path in sorted(whole.glob("step-*"))]
    assert [path.name for path in sorted(out.glob("step-*"))] == names
    assert same(last(whole), last(out))


@pytest.mark.parametrize("arm", ["sft", "dpo-fault", "grpo", "rejection"])
def test_a_dry_run_tells_what_a_run_then_uses(train, tmp_path, arm):
    """Updates exactly or one off: the budget ends inside an example; tokens to write within the spread of sampled lengths."""
    recipe = {"arm": arm, "own": OWN, "budget": 2500, "batch": 4, "snapshots": 1}
    recipe["rate"] = 5e-3  # an adapter that did not move is refused where a round goes on from it
    price = cost(Tuning(LOOKUP, ArmRecipe(**recipe), DRAWN, tmp_path / "dry"))
    record = json.loads((train(LOOKUP, DRAWN, **recipe) / "arm.json").read_text())["budget"]
    rounding = OWN.rounds if arm == "rejection" else 1
    assert price.updates == pytest.approx(record["updates"], abs=rounding)
    assert price.generated == pytest.approx(record["generated_tokens"], rel=0.2)
    assert (price.right is None) == (price.generated == 0)
    assert str(price).startswith("about ") and "tokens to train on" in str(price)
    assert not (tmp_path / "dry").exists()


def test_pairs_that_are_run_in_parts_train_as_those_that_are_run_at_once(train, monkeypatch):
    kwargs = {"arm": "dpo-fault", "budget": 1500, "batch": 4, "snapshots": 1, "rate": 5e-3}
    sizes = []

    def spied(batch: int, most: int) -> int:
        sizes.append(most)
        return PART(batch, most)

    monkeypatch.setattr(trainers, "_part", spied)
    parts = weights(last(train(LOOKUP, DRAWN, "parts", **kwargs)))
    monkeypatch.setattr(trainers, "_part", lambda batch, _: batch)
    whole = weights(last(train(LOOKUP, DRAWN, "whole", **kwargs)))
    assert sizes == [2]
    assert any(weight.abs().max() > 0 for name, weight in whole.items() if "lora_B" in name)
    assert all(torch.allclose(parts[name], whole[name], atol=1e-4) for name in whole)


@pytest.mark.parametrize(("batch", "most", "part"), [(8, 4, 4), (6, 4, 3), (5, 2, 1), (1, 0, 1)])
def test_a_part_divides_an_update(batch, most, part):
    assert PART(batch, most) == part


def test_groups_must_be_whole(train):
    with pytest.raises(
        UserError, match=r"--batch 6: expected whole groups of 4 texts \(--group\), such as 16"
    ):
        train(LOOKUP, DRAWN, arm="grpo", own=OWN, batch=6)


@pytest.mark.slow
@pytest.mark.parametrize("shuffled", [False, True])
def test_grpo_learns_what_is_rewarded_and_nothing_where_rewards_are_shuffled(
    train, monkeypatch, shuffled
):
    """Planted: one of two wordings, which the base writes equally often, is rewarded."""
    monkeypatch.setattr(rewards, "reward_of", lambda t, *_: float(t.completion.startswith("Then")))
    own = OwnTexts(group=8, max_tokens=48, kl=0.0, shuffled=shuffled)
    kwargs = {"batch": 16, "budget": 40_000, "rate": 3e-3, "lora": 16}
    out = train(LOOKUP, DRAWN, arm="grpo", own=own, **kwargs)
    base, tuned = load_models([LOOKUP, str(last(out))])
    (problem,) = problems("lookup", 1, seed=9)
    ids = torch.tensor([base.encode(base.render(problem))])
    (then,) = base.continue_ids("Then")
    before, after = (float(m.model(ids).logits[0, -1].softmax(-1)[then]) for m in (base, tuned))
    assert before == pytest.approx(0.5, abs=0.05)
    assert (abs(after - before) < 0.1) if shuffled else (after > before + 0.15)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"group": 1}, "--group: expected at least 2 texts"),
        ({"temperature": 0.0}, "--temperature: expected more than 0"),
        ({"rounds": 0}, "--rounds: expected at least 1, got 0"),
        ({"max_tokens": 0}, "--max-tokens: expected at least 1, got 0"),
        ({"kl": -1.0}, "--kl and --length-price: expected 0 or more"),
    ],
)
def test_options_of_own_texts_are_checked(option, message):
    with pytest.raises(UserError, match=message):
        OwnTexts(**option)
