"""Circuits and the 2 x 2 of a model with soft tokens: they read it as plain forwards over its soft vectors do."""

import json
import shutil

import pandas as pd
import pytest
import torch

from mechcot.circuits.result import circuit
from mechcot.circuits.step_edit import step_edit
from mechcot.core.trace import Phase
from mechcot.model.reasoner import Reasoner
from mechcot.model.soft.checkpoints import write_soft
from mechcot.tasks import check_default_problems, task_of
from mechcot.text.problems import load_problems
from mechcot.traces.load import load_traces
from tests.finetune.test_soft import slow, soft_reader
from tests.runs.commands import call


@pytest.fixture(scope="module")
def base(bases):
    return bases["spaced"]


def test_a_circuit_of_soft_tokens_is_that_of_plain_forwards(chains):
    base = Reasoner.load("organism:base", device="cpu")
    soft = soft_reader(base, seed=1)
    check_default_problems([base, soft])  # it may be asked the shipped task
    traces = load_traces(chains, base)[:2]
    result = circuit([base, soft], traces, patched=1).result
    shares = []
    for trace in traces:
        read = soft.view(trace)
        edit = step_edit(soft, read, task_of(trace.problem).counterfactuals, seed=0)
        rows = [slow(base, soft, ids)[-1] for ids in (edit.clean, edit.edited)]
        clean, edited = (float(row[edit.other] - row[edit.own]) for row in rows)
        shares.append((edited - clean) / (-2 * clean))
    own, other = result["sides"]
    assert result["traces"] == len(traces) == len(shares)
    assert other["whole"]["mean"] == pytest.approx(sum(shares) / len(shares), rel=1e-3)
    assert own["identity"] == other["identity"] == 0
    assert abs(own["whole"]["mean"] - other["whole"]["mean"]) > 0.01


@pytest.mark.slow
def test_a_2_x_2_of_soft_tokens_writes_what_the_model_writes(base, models, problems, tmp_path):
    folder, copy = tmp_path / "soft", tmp_path / "copy"
    write_soft(soft_reader(base, seed=1).model, folder, base=models[0])
    shutil.copytree(folder, copy)
    kwargs = ("--styles", "--nats", 0.003, "--n", 2, "--chains", 2, "--chance", 1)

    def crossed(one, two, name):
        words = ("--problems", problems, *kwargs, "--max-tokens", 12, "--out", tmp_path / name)
        code, said = call("steer cross", one, two, *words)
        assert code == 0, said
        (row,) = json.loads((tmp_path / name / "two_by_two.json").read_text())["rows"]
        return row

    same = crossed(folder, copy, "same")
    assert len({(cell["mean"], cell["low"], cell["high"]) for cell in same["cells"]}) == 1
    assert all(c["mean"] == 0 for c in same["contrasts"])
    crossed(models[0], folder, "apart")
    items = pd.read_parquet(tmp_path / "apart/runs/styles/items.parquet")
    tuned = items[(items["role"] == "clean") & (items["model"] == str(folder))]
    asked = {problem.id: problem for problem in load_problems(problems)}
    reader = Reasoner.load(str(folder), device="cpu")
    alone = reader.write([asked[name] for name in tuned["item"]], max_tokens=12)
    surprise = []
    for trace in alone:
        chain = trace.phase(Phase.CHAIN)
        logprobs = torch.log_softmax(slow(base, reader, list(trace.ids)), -1)
        scores = [logprobs[at - 1, trace.ids[at]] for at in range(chain.start, chain.stop)]
        surprise.append(-float(torch.stack(scores).mean()))
    assert tuned["nats_per_token"].tolist() == pytest.approx(surprise, rel=1e-3)
