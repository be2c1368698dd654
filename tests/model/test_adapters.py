"""Adapters of many kinds: read as PEFT reads them, or refused with one sentence; the shared base stays as it is."""

import json
import shutil
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from peft import PeftModel, get_peft_model
from peft.tuners.lora.layer import Linear as LoraLinear, LoraLayer
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from mechcot.core.errors import UserError
from mechcot.doctor import model as lines
from mechcot.model.loading import adapters
from mechcot.model.loading.fingerprints import hash_text_files
from mechcot.model.loading.low_rank import LowRankLinear
from mechcot.model.loading.options import LoadOptions
from mechcot.model.loading.pairs import load_models, load_pair, with_adapter
from mechcot.model.loading.spec import PROMPTS, parse_spec
from mechcot.model.prompts import Asking
from mechcot.model.reasoner import Reasoner
from tests.model.conftest import make_adapter

LM = {"task_type": "CAUSAL_LM"}
QV = {**LM, "target_modules": ["q_proj", "v_proj"]}
LORA = {**QV, "r": 2}
INSIDE: dict[str, Any] = {
    "lora": lambda: peft.LoraConfig(**LORA),
    "rslora": lambda: peft.LoraConfig(**LORA, use_rslora=True),
    "dora": lambda: peft.LoraConfig(**LORA, use_dora=True),
    "biases": lambda: peft.LoraConfig(**LORA, bias="all"),
    "own biases": lambda: peft.LoraConfig(**LORA, bias="lora_only"),
    "ranks": lambda: peft.LoraConfig(
        **LORA, rank_pattern={"q_proj": 4}, alpha_pattern={"v_proj": 3}
    ),
    "one layer": lambda: peft.LoraConfig(**LORA, layers_to_transform=[1]),
    "all linear": lambda: peft.LoraConfig(**LM, r=2, target_modules="all-linear"),
    "head saved": lambda: peft.LoraConfig(**LORA, modules_to_save=["lm_head"]),
    "norms saved": lambda: peft.LoraConfig(**LORA, modules_to_save=["input_layernorm"]),
    "embedding": lambda: peft.LoraConfig(**LM, r=2, target_modules=["embed_tokens"]),
    "head": lambda: peft.LoraConfig(**LM, r=2, target_modules=["lm_head"]),
    "token rows": lambda: peft.LoraConfig(**LORA, trainable_token_indices=[9, 77]),
    "only token rows": lambda: peft.TrainableTokensConfig(**LM, token_indices=[123, 200]),
    "pissa": lambda: peft.LoraConfig(**LORA, init_lora_weights="pissa"),
    "olora": lambda: peft.LoraConfig(**LORA, init_lora_weights="olora"),
    "ia3": lambda: peft.IA3Config(**QV, feedforward_modules=[]),
    "vera": lambda: peft.VeraConfig(**LM, target_modules=["q_proj"], r=4),
    "loha": lambda: peft.LoHaConfig(**QV, r=2),
    "lokr": lambda: peft.LoKrConfig(**QV, r=2),
    "oft": lambda: peft.OFTConfig(**QV, oft_block_size=4),
    "boft": lambda: peft.BOFTConfig(**QV, boft_block_size=4),
    "hra": lambda: peft.HRAConfig(**QV, r=2),
    "norms": lambda: peft.LNTuningConfig(**LM, target_modules=["input_layernorm"]),
}


def save(base: Path, folder: Path, config: Any, *, noise: float = 0.3) -> Path:
    """An adapter on a base, its weights moved by noise; 0 leaves it as it was before training."""
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(1)
        tuned = get_peft_model(AutoModelForCausalLM.from_pretrained(base), config)
        for weight in tuned.parameters():
            if weight.requires_grad:
                weight.data += noise * torch.randn_like(weight)
        tuned.save_pretrained(folder)
    return folder


def logits(model: Any, ids: list[int]) -> torch.Tensor:
    with torch.no_grad():
        return model(input_ids=torch.tensor([ids])).logits[0]


IDS = [1, 9, 77, 123, 200, 250, 40]


@pytest.mark.parametrize("kind", INSIDE)
def test_layers_alone_do_what_peft_does_and_leave_the_shared_base(checkpoint, tmp_path, kind):
    base = checkpoint("qwen2")
    folder = save(base, tmp_path / "adapter", INSIDE[kind]())
    pair = load_pair(str(base), f"{base}+{folder}", device="cpu")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        oracle = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), folder)
    theirs = logits(oracle.eval(), IDS)
    plain = logits(AutoModelForCausalLM.from_pretrained(base), IDS)
    assert torch.allclose(logits(pair.after.model, IDS), theirs, atol=1e-4)
    assert torch.equal(logits(pair.before.model, IDS), plain)
    assert float((theirs - plain).abs().max()) > 1e-2


@pytest.mark.parametrize("kind", INSIDE)
def test_two_adapters_share_their_base_and_are_what_each_is_alone(
    checkpoint, tmp_path, kind, monkeypatch
):
    base = checkpoint("qwen2")
    specs = [
        f"{base}+{save(base, tmp_path / name, INSIDE[kind](), noise=noise)}"
        for name, noise in (("one", 0.1), ("two", 0.2))
    ]
    alone = [Reasoner.load(spec, device="cpu") for spec in specs]
    loads: list[int] = []
    plain = AutoModelForCausalLM.from_pretrained
    monkeypatch.setattr(
        AutoModelForCausalLM, "from_pretrained", lambda *a, **k: loads.append(1) or plain(*a, **k)
    )
    pair = load_models(specs, LoadOptions(device="cpu"), prompts="own")
    assert len(loads) == 1
    for reader, own in zip(pair, alone, strict=True):
        assert reader.name == own.name
        assert reader.weights_hash == own.weights_hash
        assert torch.equal(logits(reader.model, IDS), logits(own.model, IDS))
        assert reader.policy.template("Why?") == own.policy.template("Why?")
        assert replace(reader.policy, template=str) == replace(own.policy, template=str)
    one, two = (logits(reader.model, IDS) for reader in pair)
    assert float((one - two).abs().max()) > 1e-2
    tables = [{w.data_ptr() for w in reader.model.parameters()} for reader in pair]
    assert len(tables[0] & tables[1]) > len(tables[0]) / 3


def test_plain_lora_adds_in_place_and_all_else_stays_with_peft(checkpoint, tmp_path):
    base = checkpoint("qwen2")
    dropped = peft.LoraConfig(**{**LORA, "r": 3}, lora_alpha=7, lora_dropout=0.5)
    folder = save(base, tmp_path / "plain", dropped)
    reader = Reasoner.load(f"{base}+{folder}", device="cpu")
    quick = [layer for layer in reader.model.modules() if isinstance(layer, LowRankLinear)]
    assert len(quick) == 2 * reader.model.config.num_hidden_layers
    x = torch.randn(2, 5, quick[0].in_features).transpose(0, 1).requires_grad_()
    ours, theirs = quick[0](x), LoraLinear.forward(quick[0], x)
    assert torch.allclose(ours, theirs, atol=1e-6)
    for out in (ours, theirs):
        assert not torch.allclose(out, quick[0].base_layer(x), atol=1e-2)
    grads = [torch.autograd.grad(out.square().sum(), x)[0] for out in (ours, theirs)]
    assert torch.allclose(*grads, atol=1e-4)
    halved = Reasoner.load(f"{base}+{folder}", device="cpu", dtype="bfloat16")
    half = [layer for layer in halved.model.modules() if isinstance(layer, LowRankLinear)]
    assert {w.dtype for layer in half for w in layer.parameters()} == {torch.bfloat16}
    exact = logits(reader.model, IDS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bases = AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16)
        peft_half = PeftModel.from_pretrained(bases, folder).eval()
    ours, theirs = (
        (logits(m, IDS).float() - exact).abs().mean() for m in (halved.model, peft_half)
    )
    assert 0 < float(ours) < 1.3 * float(theirs)
    for name in ("dora", "embedding"):
        other = save(base, tmp_path / name, INSIDE[name]())
        kept = Reasoner.load(f"{base}+{other}", device="cpu").model.modules()
        lora = [layer for layer in kept if isinstance(layer, LoraLayer)]
        assert lora
        assert not any(isinstance(layer, LowRankLinear) for layer in lora)


def test_what_acts_in_place_changes_nobody_elses_tensor(checkpoint, tmp_path):
    base = checkpoint("qwen2")
    reader = Reasoner.load(
        f"{base}+{save(base, tmp_path / 'plain', INSIDE['lora']())}", device="cpu"
    )
    layer = next(part for part in reader.model.modules() if isinstance(part, LowRankLinear))
    x, caught = torch.randn(3, layer.in_features), []
    ours, plain = layer(x), layer.base_layer(x)
    handle = layer.base_layer.register_forward_hook(lambda *call: caught.append(call[2]))
    assert torch.equal(layer(x), ours)
    handle.remove()
    assert torch.equal(caught[0], plain)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.allclose(layer(x).float(), ours, atol=0.1)
    layer.enable_adapters(enabled=False)
    assert torch.equal(layer(x), plain)
    layer.enable_adapters(enabled=True)
    layer.merge()
    assert torch.allclose(layer(x), ours, atol=1e-5)


def test_an_adapter_that_wants_more_than_half_precision_stays_with_peft(checkpoint, tmp_path):
    base = checkpoint("qwen2")
    loud = peft.LoraConfig(**{**QV, "target_modules": "all-linear"}, r=2, lora_alpha=4e5)
    folder = save(base, tmp_path / "loud", loud, noise=0.01)
    reader = Reasoner.load(f"{base}+{folder}", device="cpu", dtype="bfloat16")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bases = AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16)
        oracle = PeftModel.from_pretrained(bases, folder).eval()
    assert torch.equal(logits(reader.model, IDS), logits(oracle, IDS))
    assert not any(isinstance(part, LowRankLinear) for part in reader.model.modules())


def test_a_start_that_is_drawn_or_lost_is_refused_and_the_random_numbers_go_on(
    checkpoint, tmp_path
):
    base = checkpoint("qwen2")
    fast = peft.LoraConfig(**LORA, init_lora_weights="pissa_niter_1")
    folder = save(base, tmp_path / "fast", fast)
    with pytest.raises(
        UserError, match=r"another model at every load.*'pissa_niter_1'.* plain LoRA"
    ):
        Reasoner.load(f"{base}+{folder}", device="cpu")
    plain = save(base, tmp_path / "plain", INSIDE["lora"]())
    before = torch.random.get_rng_state()
    Reasoner.load(f"{base}+{plain}", device="cpu")
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("start", ["corda", "loftq", "lora_ga"])
def test_a_start_that_took_an_unknown_part_out_of_the_base_is_refused(checkpoint, tmp_path, start):
    """PEFT itself loads LoRA-GA without a word, on a base that still has the part."""
    base = checkpoint("qwen2")
    plain = save(base, tmp_path / "plain", INSIDE["lora"]())
    file = plain / "adapter_config.json"
    file.write_text(
        json.dumps(
            json.loads(file.read_text())
            | {"init_lora_weights": start, "loftq_config": {"loftq_bits": 4, "loftq_iter": 1}}
        )
    )
    with pytest.raises(
        UserError, match=f"cannot be loaded.*'{start}'.* plain LoRA.*init_lora_weights"
    ):
        Reasoner.load(f"{base}+{plain}", device="cpu")


def test_repeated_layers_run_as_peft_runs_them_or_are_the_reason_given(checkpoint, tmp_path):
    repeats = peft.LoraConfig(**LORA, layer_replication=[[0, 2], [0, 2]])
    folder = save(checkpoint("llama"), tmp_path / "llama", repeats)
    reader = Reasoner.load(f"{checkpoint('llama')}+{folder}", device="cpu")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        oracle = PeftModel.from_pretrained(
            AutoModelForCausalLM.from_pretrained(checkpoint("llama")), folder
        )
    assert torch.allclose(logits(reader.model, IDS), logits(oracle.eval(), IDS), atol=1e-4)
    folder = save(checkpoint("qwen2"), tmp_path / "qwen2", repeats)
    with pytest.raises(
        UserError, match=r"repeats layers of its base \(layer_replication \[\[0, 2\], \[0, 2\]\]\)"
    ):
        Reasoner.load(f"{checkpoint('qwen2')}+{folder}", device="cpu")


OUTSIDE = {
    "activated": (lambda: peft.LoraConfig(**LORA, alora_invocation_tokens=[7, 40]), "activated LORA"),
    "activated all": (
        lambda: peft.LoraConfig(**LM, r=2, target_modules="all-linear", alora_invocation_tokens=[5]),
        "activated LORA",
    ),
    "prompt": (lambda: peft.PromptTuningConfig(**LM, num_virtual_tokens=3), "PROMPT_TUNING"),
    "prefix": (lambda: peft.PrefixTuningConfig(**LM, num_virtual_tokens=3), "PREFIX_TUNING"),
    "encoder": (lambda: peft.PromptEncoderConfig(**LM, num_virtual_tokens=3, encoder_hidden_size=8), "P_TUNING"),
    "cpt": (
        lambda: peft.CPTConfig(
            **LM, cpt_token_ids=[5, 6], cpt_mask=[1, 1], cpt_tokens_type_mask=[1, 2],
            tokenizer_name_or_path="gpt2",
        ),
        "CPT",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", OUTSIDE)
def test_adapters_that_act_outside_the_layers_are_refused_by_name(checkpoint, tmp_path, kind):
    base, (config, word) = checkpoint("llama"), OUTSIDE[kind]
    folder = save(base, tmp_path / "adapter", config())
    with pytest.raises(UserError, match=f"expected an adapter inside the layers.* got {word}"):
        Reasoner.load(f"{base}+{folder}", device="cpu")


def test_every_kind_of_prompt_that_peft_has_is_known_before_weights_are_read():
    kinds = {
        kind.value
        for kind, config in peft.mapping.PEFT_TYPE_TO_CONFIG_MAPPING.items()
        if issubclass(config, peft.PromptLearningConfig)
    }
    assert kinds <= PROMPTS


@pytest.mark.parametrize(
    "kind",
    ["lora", "dora", "head saved", "ia3", "vera", "loha", "oft", "only token rows", "biases"],
)
def test_an_adapter_saved_before_training_does_nothing(checkpoint, tmp_path, kind):
    base = checkpoint("llama")
    folder = save(base, tmp_path / "fresh", INSIDE[kind](), noise=0.0)
    with pytest.raises(UserError, match=r"does nothing: it moves no logit .* trained adapter"):
        Reasoner.load(f"{base}+{folder}", device="cpu")


def test_one_trained_row_outside_the_text_that_is_tried_is_something(checkpoint, tmp_path):
    """Rows are saved whole, one differs, and no token of the trial's text has it."""
    base, folder = checkpoint("llama"), tmp_path / "row"
    config = peft.LoraConfig(**LORA, modules_to_save=["embed_tokens"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tuned = get_peft_model(AutoModelForCausalLM.from_pretrained(base), config)
    saved = tuned.get_input_embeddings().weight
    row = 2
    tried = torch.linspace(0, len(saved) - 1, adapters.SPREAD).long().tolist()
    assert row not in tried
    saved.data[row] += 1.0
    tuned.save_pretrained(folder)
    there = Reasoner.load(f"{base}+{folder}", device="cpu")
    here = Reasoner.load(str(base), device="cpu")
    assert torch.equal(logits(there.model, tried), logits(here.model, tried))
    assert not torch.equal(logits(there.model, [row]), logits(here.model, [row]))


# --- a vocabulary of its own ----------------------------------------------------------------------


def with_tokens(
    base: Path, folder: Path, config: Any, *, tokens: tuple[str, ...], rows: int | None = None
) -> Path:
    """An adapter trained after tokens were added: its tokenizer beside it, its embeddings saved by PEFT."""
    tokenizer = AutoTokenizer.from_pretrained(base)
    tokenizer.add_special_tokens({"additional_special_tokens": list(tokens)})
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(2)
        model = AutoModelForCausalLM.from_pretrained(base)
        model.resize_token_embeddings(rows or len(tokenizer))
        tuned = get_peft_model(model, config)
        for weight in tuned.parameters():
            if weight.requires_grad:
                weight.data += 0.3 * torch.randn_like(weight)
        tuned.save_pretrained(folder)
    oracle = tuned.eval()
    tokenizer.save_pretrained(folder)
    said = logits(oracle, [*IDS, (rows or len(tokenizer)) - 1])
    save_file({"logits": said.contiguous()}, folder.parent / "oracle.safetensors")
    return folder


GROWN = {
    "think": (INSIDE["lora"], ("<thought>", "</thought>"), None),
    "one": (INSIDE["dora"], ("<|new|>",), None),
    "padded": (INSIDE["lora"], ("<|a|>", "<|b|>", "<|c|>"), 384),
    "saved": (
        lambda: peft.LoraConfig(**LORA, modules_to_save=["embed_tokens", "lm_head"]),
        ("<|a|>",),
        None,
    ),
    "embedding": (lambda: peft.LoraConfig(**LM, r=2, target_modules=["embed_tokens", "lm_head"]), ("<|a|>",), None),
    "rows": (lambda: peft.LoraConfig(**LORA, trainable_token_indices=[320]), ("<|a|>",), None),
}  # fmt: skip


@pytest.mark.parametrize("kind", GROWN)
@pytest.mark.parametrize("family", ["llama", "gemma"])  # untied, tied
def test_the_base_gets_the_rows_and_the_tokenizer_of_the_adapter(
    checkpoint, tmp_path, kind, family
):
    base, (config, tokens, rows) = checkpoint(family), GROWN[kind]
    if family == "gemma" and kind in {"saved", "embedding"}:
        pytest.skip("tied embeddings are saved once")
    folder = with_tokens(base, tmp_path / "adapter", config(), tokens=tokens, rows=rows)
    pair = load_pair(str(base), f"{base}+{folder}", device="cpu")
    ids = [*IDS, pair.after.n_vocabulary - 1]
    oracle = load_file(tmp_path / "oracle.safetensors")["logits"]
    assert torch.allclose(logits(pair.after.model, ids), oracle, atol=1e-4)
    assert all(len(pair.after.encode(token)) == 1 for token in tokens)
    assert torch.equal(
        logits(pair.before.model, IDS), logits(AutoModelForCausalLM.from_pretrained(base), IDS)
    )
    assert pair.before.n_vocabulary == pair.before.model.config.vocab_size == 320


def test_rows_that_are_in_no_file_are_named(checkpoint, tmp_path):

    base = checkpoint("llama")
    folder = with_tokens(base, tmp_path / "adapter", INSIDE["lora"](), tokens=("<|a|>", "<|b|>"))
    held = load_file(folder / "adapter_model.safetensors")
    save_file(
        {key: value for key, value in held.items() if "lm_head" not in key},
        folder / "adapter_model.safetensors",
    )
    with pytest.raises(
        UserError, match=r"has 322 tokens, the base 320 rows.*resize_token_embeddings\(322\)"
    ):
        Reasoner.load(f"{base}+{folder}", device="cpu")


def test_the_template_beside_the_adapter_renders_and_doctor_says_so(checkpoint, tmp_path):
    base = checkpoint("llama")
    folder = make_adapter(base, tmp_path / "lora")
    name = f"{base}+{folder}"

    def said() -> str:
        return next(
            line.text for line in lines(name, LoadOptions(device="cpu")) if line.name == "adapter"
        )

    before = hash_text_files(parse_spec(name))
    assert said().endswith("tokenizer and template are the base's")
    tokenizer = AutoTokenizer.from_pretrained(base)
    tokenizer.chat_template = "{% for m in messages %}Q: {{ m['content'] }}\nA:{% endfor %}"
    tokenizer.save_pretrained(folder)
    assert said().endswith("tokenizer and template are those beside the adapter")
    assert Reasoner.load(name, device="cpu").policy.template("Why?") == "Q: Why?\nA:"
    assert hash_text_files(parse_spec(name)) != before
    (folder / "chat_template.jinja").unlink()
    assert said().endswith("the tokenizer is the one beside the adapter, the template the base's")
    (folder / "tokenizer.json").write_text("{")
    with pytest.raises(
        UserError, match=r"the tokenizer beside the adapter .* copy its files again"
    ):
        Reasoner.load(name, device="cpu")


def test_how_answers_are_asked_for_goes_along_with_an_own_template(checkpoint, tmp_path):
    base = checkpoint("llama")
    folder = make_adapter(base, tmp_path / "lora")
    tokenizer = AutoTokenizer.from_pretrained(base)
    tokenizer.chat_template = "{% for m in messages %}Q: {{ m['content'] }}\nA:{% endfor %}"
    tokenizer.save_pretrained(folder)
    asking = Asking(answer_after="Result:")
    first = Reasoner.load(str(base), device="cpu", asking=asking)
    spec = parse_spec(f"{base}+{folder}")
    tuned = with_adapter(first, spec)
    assert tuned.policy.template("Why?") == "Q: Why?\nA:"
    assert tuned.policy.asking == asking
    shared = with_adapter(replace(first, policy=first.policy.shared()), spec)
    assert shared.policy.template("Why?") == first.policy.template("Why?") != "Q: Why?\nA:"


# --- more tokens than rows ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tokens", "template", "ok"),
    [
        (("<|image|>",), None, True),  # only a text of the user's could hold it
        (("<|go|>",), "{{ messages[0]['content'] }}<|go|>", False),  # stands in every prompt
        (("[THINK]", "[/THINK]"), "{{ messages[0]['content'] }}[THINK]", False),
        (("ordinary",), None, False),
    ],
)
def test_tokens_without_a_row(checkpoint, tmp_path, tokens, template, ok):
    base = tmp_path / "base"
    shutil.copytree(checkpoint("llama", template="chat"), base)
    tokenizer = AutoTokenizer.from_pretrained(base)
    if tokens == ("ordinary",):
        made = json.loads((base / "tokenizer.json").read_text())
        made["model"]["vocab"]["ordinary"] = 320
        (base / "tokenizer.json").write_text(json.dumps(made))
    else:
        tokenizer.add_special_tokens({"additional_special_tokens": list(tokens)})
        tokenizer.chat_template = template or tokenizer.chat_template
        tokenizer.save_pretrained(base)
    if not ok:
        rows = r"the tokenizer has 32[12] tokens, the model 320 rows, none for .*resize_token_embeddings\(32[12]\)"
        with pytest.raises(UserError, match=rows):
            Reasoner.load(str(base), device="cpu")
        return
    from mechcot.core.errors import NotMeasurable
    from mechcot.core.problem import Problem

    reader = Reasoner.load(str(base), device="cpu")
    skipped = []
    asked = [Problem("a", "What is 1 + 1?", "2"), Problem("b", "What is <|image|>?", "2")]
    found = reader.write(asked, max_tokens=2, skip=lambda _, reason: skipped.append(str(reason)))
    assert [trace.problem.id for trace in found] == ["a"]
    assert skipped == [f"the text holds '<|image|>' (token 320), and {reader.name} has 320 rows"]
    with pytest.raises(NotMeasurable, match="token 320"):
        reader.write(asked[1:], max_tokens=2)
