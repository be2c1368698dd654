"""Training: identities, resuming, memory, and what is refused."""

import json
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from mechcot.core.errors import UserError
from mechcot.finetune import trainers
from mechcot.finetune.checkpoints import Checkpoints, last_state, step_folder, write_checkpoint
from mechcot.finetune.material import MaterialSource
from mechcot.finetune.recipe import ArmRecipe, ordered, snapshot_steps
from mechcot.model.loading.pairs import load_models
from mechcot.model.reasoner import Reasoner

DRAWN = MaterialSource("mod10", n=6)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    (file,) = folder.glob("*.safetensors")
    return load_file(file)


def same(left: Path, right: Path) -> bool:
    one, other = weights(left), weights(right)
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def last(out: Path) -> Path:
    return sorted(out.glob("step-*"))[-1]


def test_an_adapter_is_a_model_of_its_own_name(models, train):
    out = train(models[0], DRAWN, arm="sft")
    base, *tuned = load_models([models[0], *map(str, sorted(out.glob("step-*")))])
    ids = base.encode("<bos> <user> : c: 2 ; find c ?")
    logits = [reader.model(torch.tensor([ids])).logits for reader in (base, *tuned)]
    assert len(tuned) == 2
    assert not torch.equal(logits[0], logits[1])
    assert not torch.equal(logits[1], logits[2])
    tables = [one.model.model.embed_tokens.weight.data_ptr() for one in (tuned[0], base)]
    assert tables[0] == tables[1]


def test_a_full_checkpoint_is_a_model_that_reads_like_its_base(models, train):
    out = train(models[0], DRAWN, arm="sft", lora=None)
    base, tuned = Reasoner.load(models[0]), Reasoner.load(str(last(out)))
    assert tuned.policy.family == base.policy.family == "spaced"
    assert tuned.encode("<user> : c: 2") == base.encode("<user> : c: 2")
    assert not torch.equal(tuned.model.lm_head.weight, base.model.lm_head.weight)


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning")
@pytest.mark.parametrize("lora", [4, None])
def test_without_an_update_the_model_is_the_base_exactly(models, tmp_path, lora):
    """Every measure of two models whose logits are equal bit by bit is 0."""
    from peft import get_peft_model

    reader, again = (Reasoner.load(models[0], device="cpu") for _ in range(2))
    model = reader.model
    if lora:
        model = get_peft_model(reader.model, trainers.lora_config(lora))
    ids = torch.tensor([again.encode("<bos> <user> : c: 2 ; find c ?")])
    assert torch.equal(model(ids).logits, again.model(ids).logits)
    write_checkpoint(model, reader, tmp_path / "step-0")
    if lora is None:
        assert same(tmp_path / "step-0", Path(models[0]))


def test_the_loss_falls(models, train):
    out = train(models[0], DRAWN, arm="sft", budget=20_000, rate=1e-2, lora=None)
    loss = pd.read_parquet(out / "training.parquet")["loss"]
    assert loss.iloc[-5:].mean() < 0.7 * loss.iloc[:5].mean()


def test_a_training_of_one_update_moves_the_model(models, train):
    """An adapter that moves nothing is refused where it is loaded."""
    out = train(models[0], DRAWN, arm="sft", budget=1, rate=1e-2, snapshots=1)
    assert last(out).name == "step-00001"
    Reasoner.load(str(last(out)), device="cpu")


def test_two_runs_of_one_seed_are_equal_and_of_two_are_not(models, train):
    first, second = (train(models[0], DRAWN, name, arm="sft") for name in ("a", "b"))
    other = train(models[0], DRAWN, "c", arm="sft", seed=1)
    assert same(last(first), last(second))
    assert not same(last(first), last(other))


@pytest.mark.parametrize("lora", [4, None])
@pytest.mark.parametrize("when", ["before the state", "within the state", "after it"])
def test_an_interrupted_run_ends_as_an_uninterrupted_one(models, train, monkeypatch, when, lora):
    """Killed at the second checkpoint, at three moments; what is on disk is then what a kill leaves."""
    kwargs = {"arm": "sft", "snapshots": 3, "budget": 5000, "lora": lora}
    whole = train(models[0], DRAWN, "whole", **kwargs)
    second = sorted(int(p.name[5:]) for p in whole.glob("step-*"))[1]
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        kill_at(patched, second, when)
        train(models[0], DRAWN, "killed", **kwargs)
    out = whole.with_name("killed")
    assert not (out / "arm.json").exists()
    done = last_state(out, out / "state" / "from-0")
    assert (done is not None) and int(done.name.rpartition("-")[2]) < second + (when == "after it")
    train(models[0], DRAWN, "killed", **kwargs)
    names = [path.name for path in sorted(whole.glob("step-*"))]
    assert [path.name for path in sorted(out.glob("step-*"))] == names
    assert all(same(whole / name, out / name) for name in names)
    curves = [pd.read_parquet(f / "training.parquet")["loss"].tolist() for f in (whole, out)]
    assert curves[0] == curves[1]
    assert not (out / "state").exists()


def test_a_run_that_was_killed_before_its_record_is_only_written_down(models, train, monkeypatch):
    kwargs = {"arm": "sft", "snapshots": 2}
    whole = train(models[0], DRAWN, "whole", **kwargs)

    def stop(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Checkpoints, "on_train_end", stop)
        train(models[0], DRAWN, "killed", **kwargs)
    out = train(models[0], DRAWN, "killed", **kwargs)
    assert same(last(whole), last(out))
    budgets = [json.loads((f / "arm.json").read_text())["budget"] for f in (whole, out)]
    assert budgets[0] == budgets[1]


def kill_at(patched, update: int, when: str) -> None:
    def stop(self, args, state, control, **kwargs):
        if state.global_step == update:
            if when == "within the state":
                (Path(args.output_dir) / f"checkpoint-{update}").mkdir()
            raise KeyboardInterrupt
        return kept(self, args, state, control, **kwargs)

    name = {"after it": "on_step_begin"}.get(when, "on_step_end")
    kept = getattr(Checkpoints, name)
    patched.setattr(Checkpoints, name, stop)


def test_a_finished_run_stays_and_anew_replaces_it(models, train):
    out = train(models[0], DRAWN, arm="sft")
    record = (out / "arm.json").read_bytes()
    train(models[0], DRAWN, arm="sft")
    assert (out / "arm.json").read_bytes() == record
    train(models[0], DRAWN, arm="answer-only", snapshots=1, anew=True)
    assert json.loads((out / "arm.json").read_text())["arm"] == "answer-only"
    assert len(list(out.glob("step-*"))) == 1


def test_the_record_says_what_was_used(models, train):
    record = json.loads((train(models[0], DRAWN, arm="sft") / "arm.json").read_text())
    budget = record["budget"]
    assert budget["tokens"] >= 3000 > budget["tokens"] - 512
    assert budget["loss_tokens"] < budget["tokens"]
    assert budget["updates"] == -(-budget["examples"] // 4)
    assert budget["generated_tokens"] == 0
    assert record["recipe"]["rate"] == 5e-4
    assert {"torch", "transformers", "trl", "peft"} <= record["versions"].keys()
    assert record["checkpoints"][-1] == f"step-{budget['updates']:05d}"


def test_memory_that_runs_out_halves_the_rows_and_keeps_the_updates(models, train, monkeypatch):
    whole = train(models[0], DRAWN, "whole", arm="sft", lora=None)
    seen = []

    class Small(trainers.SFTTrainer):
        def compute_loss(self, model, inputs, **kwargs):
            seen.append(len(inputs["input_ids"]))
            if seen[-1] > 1:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return super().compute_loss(model, inputs, **kwargs)

    monkeypatch.setattr(trainers, "SFTTrainer", Small)
    parted = train(models[0], DRAWN, "parted", arm="sft", lora=None)
    assert seen[:3] == [4, 2, 1]
    for name, tensor in weights(last(whole)).items():
        torch.testing.assert_close(weights(last(parted))[name], tensor, atol=2e-5, rtol=1e-3)
    assert last(whole).name == last(parted).name


def test_one_example_that_does_not_fit_says_what_to_do(models, train, monkeypatch):
    def refuse(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(trainers.SFTTrainer, "compute_loss", refuse)
    with pytest.raises(
        UserError, match="one example alone does not fit into memory; take a smaller"
    ):
        train(models[0], DRAWN, arm="sft")


def test_a_loss_that_is_no_number_stops(models, train):
    with pytest.raises(UserError, match=r"the loss became .* at update .*; use a lower --rate"):
        train(models[0], DRAWN, arm="sft", rate=1e38, lora=None, budget=20_000)


def test_an_adapter_is_trained_on_as_the_model_that_it_makes(models, train):
    first = last(train(models[0], DRAWN, arm="sft"))
    second = train(str(first), DRAWN, "again", arm="sft", rate=2e-5)
    assert json.loads((second / "arm.json").read_text())["base"] == str(first)
    specs = models[0], str(first), str(last(second))
    base, start, end = (Reasoner.load(spec, device="cpu") for spec in specs)
    ids = torch.tensor([start.encode("<bos> <user> : c: 2 ; find c ?")])
    moved = (end.model(ids).logits - start.model(ids).logits).abs().max()
    assert 0 < moved < (start.model(ids).logits - base.model(ids).logits).abs().max() / 4


def test_chains_that_nobody_can_write_are_asked_for(plain, train, tmp_path):
    file = tmp_path / "problems.jsonl"
    file.write_text('{"id": "a", "question": "What is 3 + 4?", "answer": "7"}\n')
    with pytest.raises(
        UserError, match="nobody can write them for a; give them with --traces FILE"
    ):
        train(plain, MaterialSource(str(file)), arm="sft")
    assert json.loads(
        (train(plain, MaterialSource(str(file)), arm="answer-only") / "arm.json").read_text()
    )


def test_problems_without_answers_are_named(plain, train, tmp_path):
    file = tmp_path / "problems.jsonl"
    file.write_text('{"id": "a", "question": "What is 3 + 4?"}\n')
    with pytest.raises(UserError, match="answer"):
        train(plain, MaterialSource(str(file)), arm="answer-only")


def test_chains_that_end_wrong_are_named(plain, train, tmp_path):
    file = tmp_path / "chains.jsonl"
    row = {
        "id": "a",
        "question": "What is 3 + 4?",
        "chain": "3 + 4 = 8.",
        "answer_text": "The answer is 8",
    }
    file.write_text(json.dumps(row | {"answer": "7"}) + "\n")
    with pytest.raises(
        UserError, match=r"none of the 1 chains of .* a ends in '8', the reference is '7'"
    ):
        train(plain, MaterialSource(traces=file), arm="sft")


def test_hints_of_an_arm_are_its_own(models, train):
    with pytest.raises(
        UserError, match="--arm rationalise sets its hints itself; leave --leak out"
    ):
        train(models[0], DRAWN, arm="rationalise", leak="answer")


@pytest.mark.parametrize("name", ["budget", "lora", "batch", "snapshots"])
def test_nothing_to_do_is_refused(name):
    with pytest.raises(UserError, match=f"--{name}: expected at least 1, got 0"):
        ArmRecipe("sft", **{name: 0})


def test_a_budget_is_used_and_not_passed_by_more_than_one_example():
    sizes = [7, 11, 13]
    for budget in (1, 30, 31, 32, 500):
        order = ordered(sizes, ArmRecipe("sft", budget=budget))
        used = [sizes[i] for i in order]
        assert sum(used) >= budget > sum(used[:-1])
    passes = ordered(sizes, ArmRecipe("sft"))
    assert sorted(passes) == sorted([0, 1, 2] * 3)


def test_checkpoints_are_spread_evenly_and_sort_by_name(tmp_path):
    assert snapshot_steps(100, 5) == (20, 40, 60, 80, 100)
    assert snapshot_steps(3, 5) == (1, 2, 3)
    names = [step_folder(tmp_path, step).name for step in snapshot_steps(100, 5)]
    assert names == sorted(names)
