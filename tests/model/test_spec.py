import json
import os
from pathlib import Path

import pytest

from mechcot.core.errors import UserError
from mechcot.model.loading import spec as spec_module
from mechcot.model.loading.spec import ModelSpec, check_spec, distinct_names, parse_spec, run_names


def test_hub_name():
    spec = parse_spec("Qwen/Qwen2.5-Math-1.5B")
    assert (spec.base, spec.name, spec.adapter, spec.logit_scale) == (
        "Qwen/Qwen2.5-Math-1.5B",
        "Qwen2.5-Math-1.5B",
        None,
        1.0,
    )
    assert not spec.is_local
    assert parse_spec("gpt2").name == "gpt2"


def test_options_in_any_order():
    spec = parse_spec("org/name@revision=step-10@logits=1.5")
    assert (spec.revision, spec.logit_scale, spec.name) == ("step-10", 1.5, "name@logits=1.5")
    again = parse_spec("org/name@logits=1.5@revision=step-10")
    assert (again.revision, again.logit_scale) == ("step-10", 1.5)


def test_local_directory_and_adapter(tmp_path: Path):
    base, adapter = tmp_path / "base", tmp_path / "lora"
    base.mkdir()
    adapter.mkdir()
    spec = parse_spec(f"{base}+{adapter}@logits=2")
    assert spec == ModelSpec(
        str(base), str(adapter), "base+lora@logits=2", None, 2.0, f"{base}+{adapter}@logits=2"
    )
    assert spec.is_local


def test_a_directory_may_have_a_plus_in_its_name(tmp_path: Path):
    plus, adapter = tmp_path / "a+b", tmp_path / "c"
    plus.mkdir()
    adapter.mkdir()
    assert parse_spec(str(plus)).adapter is None
    spec = parse_spec(f"{plus}+{adapter}")
    assert (spec.base, spec.adapter) == (str(plus), str(adapter))


def test_relative_directory_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "run").mkdir()
    monkeypatch.chdir(tmp_path)
    assert parse_spec("run").base == str(tmp_path / "run")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("./nowhere", "expected a directory at .*nowhere, found nothing there"),
        ("/nowhere/at/all", "found nothing there"),
        ("", "got nothing"),
        ("org/name@logits=0", "expected a positive number after @logits=, got '0'"),
        ("org/name@logits=many", "expected a positive number"),
        ("org/name@temperature=1", "expected the options @logits=FACTOR or @revision=REV"),
        ("org/name+./nowhere", "the adapter in .* expected a directory"),
        ("organism:nobody", "organism:nobody: expected one of .*`mechcot organism train NAME`"),
        ("organism:", "expected one of"),
    ],
)
def test_messages(text: str, words: str):
    with pytest.raises(UserError, match=words):
        parse_spec(text)


def test_organism_first_folder_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folders = (tmp_path / "checkout", tmp_path / "package")
    for folder, names in zip(folders, (["base"], ["base", "bypass"]), strict=True):
        for name in names:
            (folder / name).mkdir(parents=True)
            (folder / name / "config.json").write_text("{}")
    monkeypatch.setattr(spec_module, "organism_folders", lambda: folders)
    assert parse_spec("organism:base").base == str(folders[0] / "base")
    assert parse_spec("organism:bypass").base == str(folders[1] / "bypass")
    assert parse_spec("organism:base").name == "base"
    with pytest.raises(UserError, match="expected one of base, bypass"):
        parse_spec("organism:control")


def test_names_become_distinct():
    same = [ModelSpec("/runs/a/last", name="last"), ModelSpec("/runs/b/last", name="last")]
    assert [spec.name for spec in distinct_names(same)] == ["a-last", "b-last"]
    twice = [ModelSpec("org/m", name="m"), ModelSpec("org/m", name="m")]
    assert len({spec.name for spec in distinct_names(twice)}) == 2
    one = (ModelSpec("/runs/a/last", name="last"),)
    assert distinct_names(one) == one


def test_adapters_of_one_base_are_named_by_their_own_runs():
    """Two arms of `mechcot tune` have steps of one name; their base lies in one folder, and says nothing."""

    def arm(run: str, base: str = "/m/base") -> ModelSpec:
        return ModelSpec(base, f"/runs/{run}/step-00100", name="base+step-00100")

    names = [spec.name for spec in distinct_names([arm("leak"), arm("sft")])]
    assert names == ["leak-base+step-00100", "sft-base+step-00100"]
    names = [spec.name for spec in distinct_names([arm("sft"), arm("sft", "/other/base")])]
    assert names == ["m-base+step-00100", "other-base+step-00100"]
    plain = ModelSpec("/runs/base", name="base")
    full = ModelSpec("/runs/grpo/step-00007", name="step-00007")
    names = [spec.name for spec in run_names([plain, full, arm("sft")])]
    assert names == ["base", "grpo-step-00007", "sft-base+step-00100"]


def _folder(tmp_path: Path, *names: str) -> ModelSpec:
    for name in names:
        (tmp_path / name).write_text("{}")
    return ModelSpec(str(tmp_path), name="x")


def test_check_accepts_safetensors(tmp_path: Path):
    check_spec(_folder(tmp_path, "config.json", "model.safetensors"))
    check_spec(ModelSpec("org/not-looked-up", name="x"))


def test_check_refuses_pickles_and_says_why(tmp_path: Path):
    with pytest.raises(UserError, match=r"found only pytorch_model\.bin.*run code when opened"):
        check_spec(_folder(tmp_path, "config.json", "pytorch_model.bin"))


def test_check_names_what_is_missing(tmp_path: Path):
    with pytest.raises(UserError, match=r"expected a config\.json"):
        check_spec(ModelSpec(str(tmp_path)))
    with pytest.raises(UserError, match=r"expected weights in safetensors .*, found none"):
        check_spec(_folder(tmp_path, "config.json"))


def test_check_adapter(tmp_path: Path):
    base, adapter = tmp_path / "base", tmp_path / "adapter"
    base.mkdir()
    adapter.mkdir()
    _folder(base, "config.json", "model.safetensors")
    spec = ModelSpec(str(base), str(adapter))
    with pytest.raises(UserError, match=r"expected a PEFT adapter \(adapter_config\.json\)"):
        check_spec(spec)
    (adapter / "adapter_config.json").write_text(json.dumps({"peft_type": "PREFIX_TUNING"}))
    with pytest.raises(UserError, match="got PREFIX_TUNING, which adds tokens of its own"):
        check_spec(spec)
    (adapter / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA"}))
    (adapter / "adapter_model.bin").write_text("")
    with pytest.raises(UserError, match=r"found only adapter_model\.bin"):
        check_spec(spec)
    (adapter / "adapter_model.safetensors").write_text("")
    check_spec(spec)
    with pytest.raises(UserError, match=f"This is a PEFT adapter: write BASE\\+{os.sep}"):
        check_spec(ModelSpec(str(adapter)))


def test_an_adapter_alone_is_a_model_where_its_config_names_its_base(tmp_path: Path):
    base, adapter = tmp_path / "base", tmp_path / "step-10"
    base.mkdir()
    adapter.mkdir()
    _folder(base, "config.json", "model.safetensors")
    config = adapter / "adapter_config.json"
    for named, resolved in (
        (str(base), base),
        ("organism:base", Path(parse_spec("organism:base").base)),
    ):
        config.write_text(json.dumps({"base_model_name_or_path": named}))
        spec = parse_spec(f"{adapter}@logits=1.5")
        assert (spec.base, spec.adapter) == (str(resolved), str(adapter))
        assert spec.name == "base+step-10@logits=1.5"
    for text in ("{", "[]", "{}", json.dumps({"base_model_name_or_path": str(tmp_path / "gone")})):
        config.write_text(text)
        assert parse_spec(str(adapter)).adapter is None
