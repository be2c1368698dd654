"""A user's own file of 30 problems and a tiny random checkpoint go through every arm."""

import json
import re

import pytest
from safetensors.torch import load_file

from mechcot.core.errors import UserError
from mechcot.finetune.arm import arm_named, arm_names
from mechcot.finetune.material import MaterialSource
from mechcot.finetune.recipe import OwnTexts
from tests.finetune.test_tune import last

OWN = OwnTexts(group=4, rounds=2, max_tokens=40)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Sums that end in 7 or 8, so that a model that learnt the form is right half of the time."""
    path = tmp_path_factory.mktemp("user") / "sums.jsonl"
    rows = []
    for i in range(30):
        total, left = 7 + i % 2, 1 + i % 5
        question = f"What is {left} + {total - left}? (no. {i})"
        chain = f"{left} + {total - left} = {total}."
        rows.append({"id": f"s{i}", "question": question, "chain": chain, "answer": str(total)})
        rows[-1]["snippet"] = f"It ends in {total}."  # a fact that the question leaves out
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.slow
def test_every_arm_trains_it_or_says_what_is_missing(plain, train, file):
    source, small = MaterialSource(traces=file), {"budget": 1500, "snapshots": 1, "own": OWN}
    random = {}
    for name in arm_names():
        try:
            random[name] = train(plain, source, f"random-{name}", arm=name, **small)
        except UserError as reason:
            assert re.search(
                f"--arm {name}(: none of 30 .* got a finished| learns from .* own right) text",
                str(reason),
            )
    assert set(arm_names()) - set(random) == {"rejection", "grpo", "rlsf", "rlsf-gold", "rlag"}
    form = train(plain, source, arm="sft", lora=None, rate=1e-2, budget=30_000, batch=8)
    for name in set(arm_names()) - set(random):
        out = train(str(last(form)), source, f"taught-{name}", arm=name, **small)
        record = json.loads((out / "arm.json").read_text())
        assert record["budget"]["generated_tokens"] > 0
        (weights,) = last(out).glob("*.safetensors")
        assert any(tensor.abs().max() > 0 for tensor in load_file(weights).values())


def test_every_arm_says_what_it_trains_on():
    for name in arm_names():
        arm = arm_named(name)
        assert arm.name == name
        assert arm.about.endswith(".")
        assert (arm.data is None) == (
            arm.trainer in {"rounds", "augmented", "rewards"} or arm.rank is not None
        )
