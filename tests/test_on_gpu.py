"""On a CUDA device: the numbers of the CPU, identities that are exactly 0, half precision, and training. Skipped where there is none."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch

import mechcot as mc
from mechcot.finetune.material import MaterialSource
from mechcot.finetune.recipe import ArmRecipe
from mechcot.finetune.run import Tuning, tune
from mechcot.measures.registry import MEASURES, STANDARD
from mechcot.model.loading.options import LoadOptions

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device here"),
]
NAMES = (*STANDARD, "chain_exchange", "early_answering_by_content", "answer_entropy")


@pytest.fixture(scope="module")
def readers():
    return {device: mc.load("organism:base", device=device) for device in ("cpu", "cuda")}


@pytest.fixture(scope="module")
def traces(readers):
    return readers["cpu"].write(mc.problems("mod10", n=4))


def _values(name, reader, traces):
    measured = [mc.measure(name, reader, trace, others=traces) for trace in traces]
    return [[one.value, *one.scalars.values()] for one in measured]


@pytest.mark.parametrize("name", NAMES)
def test_a_measure_gives_the_numbers_of_the_cpu(readers, traces, name):
    here, there = (_values(name, readers[device], traces) for device in ("cpu", "cuda"))
    for one, other in zip(here, there, strict=True):
        assert other == pytest.approx(one, abs=2e-4, nan_ok=True)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_an_edit_of_nothing_is_exactly_0(traces, dtype):
    reader = mc.load("organism:base", device="cuda", dtype=dtype)
    here = [reader.view(trace) for trace in traces]
    found = [mc.measure(name, reader, trace).scalars for trace in here for name in STANDARD]
    moved = [scalars["identity"] for scalars in found if "identity" in scalars]
    assert len(moved) >= len(here)
    assert not np.any(moved)


def test_bfloat16_stays_below_the_smallest_effects(readers, traces):
    half = mc.load("organism:base", device="cuda", dtype="bfloat16")
    for name in ("early_answering", "suppression"):
        least = MEASURES[name].card.smallest_effect
        whole = np.array([v[0] for v in _values(name, readers["cuda"], traces)])
        rounded = np.array([v[0] for v in _values(name, half, traces)])
        assert abs(np.nanmean(rounded - whole)) < least


def test_greedy_chains_are_those_of_the_cpu(readers, traces):
    written = readers["cuda"].write(mc.problems("mod10", n=4))
    assert [trace.ids for trace in written] == [trace.ids for trace in traces]


@pytest.mark.parametrize("arm", ["sft", "dpo-fault", "grpo"])
@pytest.mark.parametrize("lora", [4, None])
def test_an_arm_trains_and_its_checkpoint_loads(tmp_path, arm, lora):
    recipe = ArmRecipe(arm=arm, budget=1500, lora=lora, rate=1e-3, snapshots=1)
    loading = LoadOptions(device="cuda")
    job = Tuning("organism:base", recipe, MaterialSource("mod10", n=16), tmp_path, loading)
    checkpoint = tune(job, claimed=nullcontext())[-1]
    reader = mc.load(str(checkpoint), device="cuda")
    assert len(reader.write(mc.problems("mod10", n=2))) == 2
