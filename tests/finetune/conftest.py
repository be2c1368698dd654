"""Tiny random models in three forms, and chains of word problems for them."""

import json
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

from mechcot.finetune.material import MaterialSource
from mechcot.finetune.recipe import SOFT, ArmRecipe
from mechcot.finetune.run import Tuning, tune
from mechcot.model.reasoner import Reasoner
from tests.compare.tiny_models import byte_tokenizer, save_tiny
from tests.user_files import apples

TEMPLATE = (
    "{% for message in messages %}{% if message['role'] == 'assistant' %}A:<think>\n"
    "{{ message['reasoning_content'] }}\n</think>\n\n{{ message['content'] }}<|end|>\n"
    "{% else %}U:{{ message['content'] }}\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}A:{% endif %}"
)
"""A chat whose model opens its thought itself, and whose turns end in a mark and a line break."""


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def plain(tmp_path_factory) -> str:
    """Without a chat template."""
    folder = tmp_path_factory.mktemp("tuned") / "plain"
    return save_tiny(folder, byte_tokenizer(merges=20), seed=0, layers=1, context=512)


@pytest.fixture(scope="session")
def chat(tmp_path_factory) -> str:
    """With a chat template and marks of a thought."""
    tokenizer = byte_tokenizer(merges=20)
    tokenizer.chat_template = TEMPLATE
    folder = tmp_path_factory.mktemp("tuned") / "chat"
    return save_tiny(folder, tokenizer, seed=1, layers=1, context=512)


@pytest.fixture(scope="session")
def bases(models, plain, chat) -> dict[str, Reasoner]:
    specs = {"spaced": models[0], "plain": plain, "chat": chat}
    return {name: Reasoner.load(spec, device="cpu") for name, spec in specs.items()}


@pytest.fixture(scope="session")
def word_chains(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("chains") / "apples.jsonl"
    path.write_text("".join(json.dumps(apples(i)) + "\n" for i in range(6)))
    return path


@pytest.fixture
def train(tmp_path):
    """Train one arm, and give its folder."""

    def run(
        base: str, source: MaterialSource, name: str = "out", *, anew: bool = False, **recipe
    ) -> Path:
        soft = recipe.pop("soft", SOFT)
        recipe = {"budget": 3000, "batch": 4, "snapshots": 2, "lora": 4} | recipe
        job = Tuning(base, ArmRecipe(**recipe), source, tmp_path / name, progress=False, soft=soft)
        job.out.mkdir(exist_ok=True)
        tune(job, claimed=nullcontext(), anew=anew)
        return job.out

    return run
