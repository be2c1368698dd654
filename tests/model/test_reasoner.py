import json
import logging
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mechcot.core.errors import UserError
from mechcot.core.problem import Completion, Problem
from mechcot.core.trace import Phase
from mechcot.model.asking_options import Asking
from mechcot.model.generation.ask_answer import answer_after, answers_after
from mechcot.model.interface import Author, HasModel, Scorer, TextReader, TraceWriter
from mechcot.model.loading import weights as loading
from mechcot.model.loading.fingerprints import hash_module
from mechcot.model.loading.options import LoadOptions
from mechcot.model.loading.pairs import load_pair
from mechcot.model.loading.weights import same_storage
from mechcot.model.reasoner import Reasoner

IDS = torch.arange(30, 50)[None]


def logits(reasoner: Reasoner) -> torch.Tensor:
    with torch.inference_mode():
        return reasoner.model(IDS).logits


def test_a_reasoner_has_all_that_the_modules_below_it_ask_for(reasoner):
    reader = reasoner("llama")
    for protocol in (HasModel, Scorer, TextReader, Author, TraceWriter):
        assert isinstance(reader, protocol)
        assert not isinstance(object(), protocol)


def test_only_a_spaced_language_counts_its_steps_by_a_token(reasoner):
    assert reasoner("llama", words=True).policy.step_end == " ."
    assert reasoner("llama").policy.step_end == ""


# --- loading --------------------------------------------------------------------------------------


def test_loads_every_family_frozen_with_sdpa(reasoner, family):
    reader = reasoner(family)
    assert reader.model.config._attn_implementation == "sdpa"
    assert not reader.model.training
    assert not any(parameter.requires_grad for parameter in reader.model.parameters())
    assert (reader.dtype, reader.device.type, reader.max_length) == (torch.float32, "cpu", 512)


def test_a_family_that_refuses_sdpa_gets_eager_and_says_so(checkpoint, caplog):
    with caplog.at_level(logging.WARNING):
        reader = Reasoner.load(str(checkpoint("gemma2")), device="cpu")
    assert reader.model.config._attn_implementation == "eager"
    assert caplog.text.count("does not support SDPA: eager attention is used") == 1


def test_dtype(checkpoint, tmp_path):
    half = Reasoner.load(str(checkpoint("llama")), device="cpu", dtype="bfloat16")
    assert half.dtype == torch.bfloat16
    half.model.save_pretrained(tmp_path / "half")
    half.tokenizer.save_pretrained(tmp_path / "half")
    again = Reasoner.load(str(tmp_path / "half"), device="cpu")
    assert again.dtype == torch.float32  # stored in bf16, run in fp32
    with pytest.raises(
        UserError, match=r"dtype: expected auto, float32 or bfloat16, got 'float64'"
    ):
        Reasoner.load(str(checkpoint("llama")), dtype="float64")


def test_device_and_device_map(checkpoint):
    mapped = Reasoner.load(str(checkpoint("llama")), device_map={"": "cpu"})
    assert mapped.device == torch.device("cpu")
    with pytest.raises(UserError, match="device: expected auto, cpu, cuda or cuda:N, got 'gpu'"):
        Reasoner.load(str(checkpoint("llama")), device="gpu")
    if not torch.cuda.is_available():
        with pytest.raises(UserError, match="torch finds no CUDA device here; use --device cpu"):
            Reasoner.load(str(checkpoint("llama")), device="cuda")


def _copy(checkpoint: Callable[..., Path], folder: Path) -> Path:
    return shutil.copytree(checkpoint("llama"), folder)


def test_unknown_hub_name_without_a_network(monkeypatch):
    monkeypatch.setattr(loading, "hub_answers", lambda: False)
    with pytest.raises(
        UserError, match=r"org/nowhere: not a directory here, not in the local cache"
    ):
        Reasoner.load("org/nowhere")


def test_offline_mode_asks_nobody(monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert loading.hub_answers.__wrapped__() is False


def test_pickled_weights_are_refused(checkpoint, tmp_path):
    folder = _copy(checkpoint, tmp_path / "m")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(UserError, match="run code when opened"):
        Reasoner.load(str(folder))


def test_damaged_weights(checkpoint, tmp_path):
    folder = _copy(checkpoint, tmp_path / "m")
    (folder / "model.safetensors").write_bytes(b"not a tensor")
    with pytest.raises(UserError, match="a damaged file must be copied again"):
        Reasoner.load(str(folder))


def test_missing_weights_are_not_filled_with_noise(checkpoint, tmp_path):
    from safetensors.torch import load_file, save_file

    folder = _copy(checkpoint, tmp_path / "m")
    weights = load_file(folder / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"lacks 1 weights .*up_proj.*they would be random"):
        Reasoner.load(str(folder))


def test_missing_tokenizer(checkpoint, tmp_path):
    folder = _copy(checkpoint, tmp_path / "m")
    for path in folder.glob("tokenizer*"):
        path.unlink()
    with pytest.raises(UserError, match=r"the tokenizer could not be loaded"):
        Reasoner.load(str(folder))


@pytest.mark.parametrize("family", ["llama", "qwen2", "neox", "gemma"])
def test_a_folder_without_a_tokenizer_is_named_whatever_its_class_makes_of_it(
    checkpoint, tmp_path, family
):
    """Some classes refuse to be made of nothing, others hold one special token then; the spelling of a cue is not at fault."""
    folder = shutil.copytree(checkpoint(family), tmp_path / "m")
    for path in folder.iterdir():
        if path.name not in {"config.json", "model.safetensors"}:
            path.unlink()
    words = r"m: the tokenizer could not be loaded: the folder holds none of its files; expected tokenizer\.json, .*tekken\.json; found config\.json, model\.safetensors; copy them"
    with pytest.raises(UserError, match=words):
        Reasoner.load(str(folder))


def test_a_tokenizer_of_special_tokens_alone_is_none(checkpoint, tmp_path):
    """Its files are there and hold nothing."""
    from transformers import GPT2Tokenizer

    folder = _copy(checkpoint, tmp_path / "m")
    for path in folder.glob("tokenizer*"):
        path.unlink()
    empty = GPT2Tokenizer()
    empty.add_tokens(["<think>"])
    empty.save_pretrained(folder)
    with pytest.raises(
        UserError, match="no tokens of its own, and 2 special or added tokens; expected"
    ):
        Reasoner.load(str(folder))


def test_not_a_language_model(checkpoint, tmp_path):
    folder = _copy(checkpoint, tmp_path / "m")
    (folder / "config.json").write_text(json.dumps({"model_type": "vit"}))
    with pytest.raises(UserError, match="expected a decoder language model"):
        Reasoner.load(str(folder))


def test_remote_code_only_when_asked(checkpoint, tmp_path):
    folder = _copy(checkpoint, tmp_path / "m")
    config = json.loads((folder / "config.json").read_text())
    config |= {
        "model_type": "own",
        "auto_map": {"AutoConfig": "code.Own", "AutoModelForCausalLM": "code.Model"},
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "code.py").write_text("raise SystemExit('remote code ran')\n")
    with pytest.raises(UserError, match="then pass --trust-remote-code to run it"):
        Reasoner.load(str(folder))


# --- adapters -------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_adapter_equals_peft_and_leaves_hf_names(checkpoint, adapter):
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    base = checkpoint("llama")
    tuned = Reasoner.load(f"{base}+{adapter}", device="cpu")
    oracle = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), adapter).eval()
    with torch.inference_mode():
        assert torch.equal(logits(tuned), oracle(IDS).logits)
    assert type(tuned.model).__name__ == "LlamaForCausalLM"


def test_a_pair_shares_one_copy_of_the_weights(checkpoint, adapter, reasoner):
    base = checkpoint("llama")
    pair = load_pair(str(base), f"{base}+{adapter}", device="cpu")
    assert torch.equal(logits(pair.before), logits(reasoner("llama")))
    assert torch.equal(logits(pair.after), logits(Reasoner.load(f"{base}+{adapter}", device="cpu")))
    assert not torch.allclose(logits(pair.before), logits(pair.after), atol=1e-2)
    own = {p.data_ptr() for p in pair.before.model.parameters()}
    extra = [p.numel() for p in pair.after.model.parameters() if p.data_ptr() not in own]
    assert 0 < sum(extra) < sum(p.numel() for p in pair.before.model.parameters()) / 10
    assert pair.before.policy is pair.after.policy
    assert pair.before.policy.mode == "shared"
    assert pair.before.weights_hash != pair.after.weights_hash


def test_a_pair_of_two_directories(checkpoint):
    pair = load_pair(str(checkpoint("llama")), str(checkpoint("qwen2", "chat")), device="cpu")
    problem = Problem("q", "What is 3 + 4?", "7")
    assert pair.before.render(problem) == pair.after.render(problem)


@pytest.mark.parametrize("about", [{"layers": 1}, {"layers": 3}, {"family": "gpt2"}])
def test_adapter_of_another_model(checkpoint, adapter, about):
    base = checkpoint(**{"family": "llama"} | about)
    with pytest.raises(
        UserError, match=r"does not fit this base \(.*was trained on .*before the \+"
    ):
        Reasoner.load(f"{base}+{adapter}", device="cpu")


# --- identity -------------------------------------------------------------------------------------


def test_weights_hash_follows_the_weights(checkpoint, tmp_path, reasoner):
    reader = reasoner("llama")
    again = Reasoner.load(str(_copy(checkpoint, tmp_path / "copy")), device="cpu")
    assert again.weights_hash == reader.weights_hash
    assert reader.scaled(1.5).weights_hash == reader.weights_hash
    again.model.lm_head.weight.data[0, 0] += 1
    again.model.save_pretrained(tmp_path / "copy")
    assert Reasoner.load(str(tmp_path / "copy")).weights_hash != reader.weights_hash


def test_models_in_memory_are_hashed_by_parameters(reasoner):
    reader = reasoner("llama")
    memory = Reasoner.of(reader.model, reader.tokenizer)
    assert memory.weights_hash == hash_module(reader.model)
    changed = same_storage(reader.model)
    changed.lm_head.weight = torch.nn.Parameter(changed.lm_head.weight + 1, requires_grad=False)
    assert Reasoner.of(changed, reader.tokenizer).weights_hash != memory.weights_hash


def test_scaled_shares_the_model_and_only_changes_confidence(reasoner, problems):
    reader = reasoner("llama")
    scaled = reader.scaled(1.5)
    assert scaled.model is reader.model
    assert (scaled.logit_scale, scaled.name) == (1.5, f"{reader.name}@logits=1.5")
    greedy = [r.write(problems[:2], max_tokens=8) for r in (reader, scaled)]
    assert [t.ids for t in greedy[0]] == [t.ids for t in greedy[1]]
    spec = Reasoner.load(f"{reader.spec.base}@logits=1.5", device="cpu")
    assert (spec.logit_scale, spec.name) == (1.5, scaled.name)
    about = {"max_tokens": 8, "temperature": 1.5, "seed": 3}
    same = reader.write(problems[:2], **about | {"temperature": 1.0})
    assert [t.ids for t in scaled.write(problems[:2], **about)] == [t.ids for t in same]


# --- reading --------------------------------------------------------------------------------------


def test_written_traces_obey_the_laws(reasoner, family, problems):
    reader = reasoner(family)
    for trace in reader.write(problems, max_tokens=20):
        assert trace.ids[: trace.prompt_length] == tuple(reader.encode(trace.prompt))
        assert trace.author == reader.name
        assert trace.id == f"{trace.problem.id}/{reader.name}"
        assert reader.view(trace) is trace


def test_retoken_reads_other_text_the_same_way(reasoner, problems):
    reader = reasoner("llama")
    prompt = reader.render(problems[0])
    text = "First we add 3 and 4. So the sum is 7.\n</think>\n\nThe final answer is \\boxed{7}"
    trace = reader.read(Completion(problems[0], prompt, text, "someone"))
    twin = reader.retoken(trace, prompt.replace("3", "5"), text.replace("3", "5").replace("7", "9"))
    assert (twin.id, twin.author, twin.problem) == (trace.id, "someone", problems[0])
    assert (trace.answer.text, twin.answer.text) == ("7", "9")
    assert [step.kind for step in twin.steps] == [step.kind for step in trace.steps]
    assert reader.retoken(trace, trace.prompt, trace.completion) == trace


def test_retoken_keeps_the_layout_where_every_word_is_one_token(reasoner):
    reader = reasoner("llama", words=True)
    problem = Problem("q", "find x", "7")
    text = " so x = 3 . so y = 7 . </think> answer 7"
    trace = reader.read(Completion(problem, reader.render(problem), text, "w"))
    twin = reader.retoken(trace, trace.prompt, trace.completion.replace("7", "9"))
    assert [step.tokens for step in twin.steps] == [step.tokens for step in trace.steps]
    assert sum(a != b for a, b in zip(twin.ids, trace.ids, strict=True)) == 2


def test_words_are_read_word_by_word(reasoner):
    reader = reasoner("llama", words=True)
    problem = Problem("q", "find x", "7")
    prompt = reader.render(problem)
    trace = reader.read(
        Completion(problem, prompt, " so x = 3 . so y = 7 . </think> answer 7", "w")
    )
    assert [step.text for step in trace.chain_steps] == [" so x = 3 . ", "so y = 7 . "]
    assert trace.answer.text == "7"
    assert reader.decode(reader.cue_ids).split() == ["</think>", "answer"]
    assert len(trace.phase(Phase.ANSWER)) == 3
    assert reader.view(trace) is trace


def test_cue_and_answer_ids_spell_what_they_should(reasoner):
    for reader in (reasoner("llama"), reasoner("gpt2", template="plain")):
        whole = reader.decode([*reader.encode("x"), *reader.cue_ids, *reader.answer_ids("12")])
        assert whole == f"x{reader.cue.text}{reader.cue.lead}12"
    words = reasoner("llama", words=True)
    assert words.decode(words.answer_ids("7")) == "7"


def test_logprobs_are_those_of_the_model(reasoner, problems):
    reader = reasoner("llama")
    (trace,) = reader.write(problems[:1], max_tokens=10)
    with torch.inference_mode():
        out = reader.model(torch.tensor([trace.ids])).logits[0].float().log_softmax(-1)
    expected = out[:-1].gather(-1, torch.tensor(trace.ids[1:])[:, None])[:, 0]
    assert torch.allclose(reader.prefix(trace.ids).logprobs()[1:], expected, atol=1e-5)


def test_answer_after_some_steps(reasoner, problems):
    reader = reasoner("llama")
    prompt = reader.render(problems[0])
    text = "First we add 3. Then 4.</think>7"
    trace = reader.read(Completion(problems[0], prompt, text, "someone"))
    assert answer_after(reader, trace) == answer_after(reader, trace, steps=2)
    with pytest.raises(UserError, match="expected a step count from 0 to 2, got 3"):
        answer_after(reader, trace, steps=3)


def test_one_run_answers_as_each_way_of_asking_does_alone(reasoner, problems):
    reader = reasoner("gpt2", template="plain")
    other = reader.asked_with(Asking(cue=" So it is", answer_after="so"))
    prompt, text = reader.render(problems[0]), "First we add 3. Then 4, so 7. The answer is 7."
    readers = (reader, other)
    texts = [each.read(Completion(problems[0], prompt, text, "someone")) for each in readers]
    assert texts[0].cuts()[-1] != texts[1].cuts()[-1]
    alone = [answer_after(*pair) for pair in zip(readers, texts, strict=True)]
    assert answers_after(readers, texts) == alone
    assert answers_after(readers[::-1], texts[::-1]) == alone[::-1]


def test_twins_share_storage_but_not_hooks(reasoner):
    model = reasoner("llama").model
    twin = same_storage(model)
    fired: list[int] = []
    handle = twin.model.layers[0].register_forward_hook(lambda *_: fired.append(1))
    with torch.inference_mode():
        model(IDS)
        assert not fired
        twin(IDS)
        assert fired
    handle.remove()
    assert {p.data_ptr() for p in twin.parameters()} == {p.data_ptr() for p in model.parameters()}


def test_the_default_never_trusts():
    assert LoadOptions().trust_remote_code is False
    assert replace(LoadOptions(), dtype="bfloat16").device == "auto"
