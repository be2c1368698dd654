"""The cost table: what it says before the start against what the run then takes."""

import io
import json
import re
import shutil

import numpy as np
import pytest
import torch
from rich.console import Console

from mechcot.compare.chains import collect
from mechcot.compare.cost import announce, costs, made_bytes, reading_bytes
from mechcot.compare.measurements import jobs, measure_trace
from mechcot.compare.models import Models
from mechcot.compare.run import run
from mechcot.compare.settings import Study, cells
from mechcot.measures.registry import MEASURES
from mechcot.model.loading.memory_estimate import adapter_bytes, base_bytes
from mechcot.model.loading.options import LoadOptions
from mechcot.model.loading.spec import parse_spec
from mechcot.model.reasoner import Reasoner
from tests.compare.tiny_models import byte_tokenizer, chain_of, save_tiny, write_rows


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    root = tmp_path_factory.mktemp("pair")
    tokenizer = byte_tokenizer(merges=40)
    return (
        save_tiny(root / "one", tokenizer, seed=0),
        save_tiny(root / "two", tokenizer, seed=1, layers=4),
    )


def weights(reader: Reasoner) -> int:
    return sum(p.numel() * p.element_size() for p in reader.model.parameters())


def study_of(pair, tmp_path, **about):
    path = write_rows(tmp_path / "chains.jsonl", [chain_of(i) for i in range(2)])
    return Study(models=pair, out=tmp_path / "out", traces=path, **about)


@pytest.mark.parametrize("dtype", ["auto", "float32", "bfloat16"])
def test_sizes_are_those_of_the_loaded_weights(pair, dtype):
    for text in pair:
        found = base_bytes(parse_spec(text), LoadOptions("cpu", dtype))
        assert found == weights(Reasoner.load(text, device="cpu", dtype=dtype))


def test_sizes_of_sharded_and_half_stored_weights(pair, tmp_path):
    reader = Reasoner.load(pair[1], device="cpu", dtype="bfloat16")
    reader.model.save_pretrained(tmp_path / "half", max_shard_size="30KB")
    assert len(list((tmp_path / "half").glob("*.safetensors"))) > 1
    spec = parse_spec(str(tmp_path / "half"))
    assert base_bytes(spec, LoadOptions("cpu", "bfloat16")) == weights(reader)
    assert base_bytes(spec, LoadOptions("cpu", "auto")) == 2 * weights(reader)


def test_memory_is_that_of_all_models_held_together_or_of_the_largest(pair, tmp_path):
    each = [weights(Reasoner.load(text)) for text in pair]
    assert each[0] < each[1]
    for residency, expected in (("together", sum(each)), ("one-at-a-time", max(each))):
        models = Models.of(study_of(pair, tmp_path, residency=residency))
        assert models.weight_bytes() == expected
        assert not models._held, "nothing may be loaded to know it"


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_an_adapter_costs_only_itself_where_the_base_is_shared(pair, tmp_path):
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    adapter = tmp_path / "lora"
    model = AutoModelForCausalLM.from_pretrained(pair[0])
    trained = LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False)
    get_peft_model(model, trained).save_pretrained(adapter)
    both = (pair[0], f"{pair[0]}+{adapter}")
    base = weights(Reasoner.load(pair[0]))
    own = adapter_bytes(parse_spec(both[1]))
    assert own == 2 * (2 * 32 + 32 * 2) * torch.float32.itemsize
    assert Models.of(study_of(both, tmp_path)).weight_bytes() == base + own
    alone = Models.of(study_of(both, tmp_path, residency="one-at-a-time"))
    assert alone.weight_bytes() == base + own
    assert weights(Reasoner.load(both[1])) == base + own
    shutil.copytree(adapter, tmp_path / "again")
    two = Models.of(study_of((both[1], f"{pair[0]}+{tmp_path / 'again'}"), tmp_path))
    assert two.weight_bytes() == base + 2 * own
    held = [two.get(name).model.get_input_embeddings().weight for name in two.names]
    assert held[0].data_ptr() == held[1].data_ptr()


def test_the_table_before_and_the_disk_after(pair, tmp_path):
    study = study_of(pair, tmp_path, null_reader="none")
    models = Models.of(study)
    chains = collect(study, models, [])
    todo = jobs(study, models, cells(study, author=chains.author), chains.by_author)
    said = io.StringIO()
    announce(study, models, todo, console=Console(file=said, width=200))
    total = sum(row.disk for row in costs(todo, layers=2, heads=4))
    made = made_bytes(todo, layers=2, heads=4, comparisons=1)
    assert f"{(total + made) / 1e6:.1f} MB of disk" in said.getvalue()
    assert "of weights in memory (2 models together)" in said.getvalue()
    first = [job for job in todo if job.cell.reader == "one"]
    list(measure_trace(study, models, first, chains.by_author))
    assert {row.reader for row in costs(todo, layers=2, heads=4)} == {"two"}
    list(measure_trace(study, models, todo, chains.by_author))
    assert not costs(todo, layers=2, heads=4)
    taken = sum(path.stat().st_size for path in (study.out / "readings").iterdir())
    assert taken <= total <= 1.5 * taken


@pytest.mark.parametrize(
    ("steps", "measures", "models"),
    [
        (3, ("early_answering",), 2),
        (70, ("suppression", "step_attention"), 2),
        (25, ("suppression", "step_attention", "filler"), 3),
    ],
)
def test_the_whole_folder_takes_what_was_said(steps, measures, models, tmp_path):
    tokenizer = byte_tokenizer(merges=40)
    names = [save_tiny(tmp_path / str(i), tokenizer, seed=i, context=2048) for i in range(models)]
    chain = " ".join(f"So {k} + 4 = {k + 4}." for k in range(steps))
    rows = [chain_of(i) | {"chain": chain} for i in range(2)]
    traces = write_rows(tmp_path / "chains.jsonl", rows)
    study = Study(models=tuple(names), out=tmp_path / "out", traces=traces, measures=measures)
    said = io.StringIO()
    run(study, console=Console(file=said, width=300))
    told = float(re.search(r"about ([\d.]+) MB of disk", said.getvalue()).group(1)) * 1e6
    files = [path for path in study.out.rglob("*") if path.is_file()]
    taken = sum(-(-path.stat().st_size // 4096) * 4096 for path in files)
    assert taken / 1.5 <= told <= 1.5 * taken


def test_disk_grows_with_the_square_of_the_steps_where_arrays_do():
    sizes = [reading_bytes("step_attention", steps=n, layers=4, heads=4) for n in (100, 200)]
    assert 3.0 < sizes[1] / sizes[0] < 4.0
    assert reading_bytes("gates", steps=100, layers=4, heads=4) == 1_500 + 8 * 200


def test_a_run_of_a_measure_without_a_range_ends_in_a_report(tmp_path):
    tokenizer = byte_tokenizer(merges=40)
    names = [save_tiny(tmp_path / str(i), tokenizer, seed=i) for i in range(2)]
    traces = write_rows(tmp_path / "chains.jsonl", [chain_of(i) for i in range(2)])
    measures = tuple(m for m in MEASURES if not np.isfinite(MEASURES[m].card.high))
    assert measures
    run(Study(models=tuple(names), out=tmp_path / "out", traces=traces, measures=measures))
    cards = json.loads((tmp_path / "out" / "summary.json").read_text())["cards"]
    assert all(cards[name]["low"] is None is cards[name]["high"] for name in measures)
