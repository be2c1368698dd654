"""What a family cannot give is known before chains are written: left out and named, or refused when it is all there is."""

import json
import re
from dataclasses import replace

import pytest
import transformers as tf

from mechcot.compare.run import run
from mechcot.compare.settings import Study
from mechcot.core.errors import UserError
from mechcot.model.internals.capabilities import lacks
from mechcot.model.loading.options import LoadOptions
from mechcot.model.reasoner import Reasoner
from tests.compare.tiny_models import byte_tokenizer, chain_of, write_rows

SMALL = {
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "hidden_size": 32,
    "initializer_range": 0.2,
}
GPT = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256, "initializer_range": 0.2}
FAMILIES = {
    "gpt-oss": lambda v: tf.GptOssConfig(
        **SMALL, vocab_size=v, intermediate_size=32, num_key_value_heads=2, head_dim=8,
        num_local_experts=2, num_experts_per_tok=1, max_position_embeddings=256, eos_token_id=0, pad_token_id=0,
    ),
    "gpt-j": lambda v: tf.GPTJConfig(**GPT, vocab_size=v, rotary_dim=4, eos_token_id=0, bos_token_id=1),
    "gpt-neo": lambda v: tf.GPTNeoConfig(
        vocab_size=v, hidden_size=32, num_layers=2, num_heads=4, attention_types=[[["global", "local"], 1]],
        max_position_embeddings=256, initializer_range=0.2, eos_token_id=0, bos_token_id=1,
    ),
    "falcon": lambda v: tf.FalconConfig(**SMALL, vocab_size=v, eos_token_id=0, bos_token_id=1, alibi=False),
    "llama": lambda v: tf.LlamaConfig(**SMALL, vocab_size=v, intermediate_size=64, eos_token_id=0),
}  # fmt: skip
UNSEEN = ("gpt-oss", "gpt-j", "gpt-neo", "falcon")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    tokenizer = byte_tokenizer(merges=20)
    root = tmp_path_factory.mktemp("families")

    def build(family):
        folder = root / family
        if not folder.exists():
            tf.AutoModelForCausalLM.from_config(FAMILIES[family](len(tokenizer))).save_pretrained(
                folder
            )
            tokenizer.save_pretrained(folder)
        return str(folder)

    return build


@pytest.mark.parametrize("family", FAMILIES)
def test_whether_attention_can_be_read_is_tried(made, family):
    reader = Reasoner.load(made(family), device="cpu")
    assert bool(lacks(reader, "attention")) == (family in UNSEEN)
    assert lacks(reader, "hiding") == ""


def study(made, tmp_path, **about):
    traces = write_rows(tmp_path / "chains.jsonl", [chain_of(i) for i in range(2)])
    models = (made("gpt-neo"), made("gpt-neo"))
    return Study(
        models=models,
        out=tmp_path / "out",
        traces=traces,
        chains="all",
        loading=LoadOptions("cpu"),
        **about,
    )


def test_a_measure_that_the_family_cannot_give_is_left_out_and_named(made, tmp_path, capsys):
    asked = study(made, tmp_path, measures=("early_answering", "step_attention", "receiver_heads"))
    found = run(asked)
    said = " ".join(capsys.readouterr().err.split())
    for name in ("step_attention", "receiver_heads"):
        assert re.search(
            f"left out: {name}: .*gpt-neo: GPTNeoForCausalLM does not run its att", said
        )
    assert found["settings"]["measures"] == ["gates", "early_answering"]
    assert list(found["settings"]["left_out"]) == ["step_attention", "receiver_heads"]
    assert not found["not_judged"]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "left out: step_attention" in page
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["settings"]["left_out"]


@pytest.mark.parametrize(
    "names",
    [("step_attention",), ("receiver_heads", "gates"), ("step_attention", "receiver_heads")],
)
def test_measures_of_which_none_is_left_are_refused_before_anything_is_written(
    made, tmp_path, names
):
    with pytest.raises(UserError, match=r"cannot be taken: .*gpt-neo: .* name other measures"):
        run(study(made, tmp_path, measures=names))
    assert not (tmp_path / "out").exists()


def test_hiding_is_asked_of_the_backbone(made, monkeypatch):
    from mechcot.model.internals import capabilities

    reader = Reasoner.load(made("llama"), device="cpu")
    plain = capabilities.backbone_of
    monkeypatch.setattr(
        capabilities,
        "backbone_of",
        lambda model: replace(plain(model), maskable=False, leak="it leaks"),
    )
    assert lacks(reader, "hiding") == "steps cannot be hidden in LlamaForCausalLM: it leaks"
