"""A folder that is used again with other inputs gives what a fresh one gives."""

import json
import shutil
from functools import partial
from pathlib import Path

import pytest

from mechcot.compare import chains
from mechcot.compare.chains import problems_of, to_write, written_chains
from mechcot.compare.models import Models
from mechcot.compare.run import run
from mechcot.compare.settings import Study
from mechcot.core.errors import UserError
from mechcot.measures.registry import Measure
from mechcot.model.loading.options import LoadOptions
from mechcot.model.prefix.lockstep import together
from mechcot.model.prefix.memory import Limit
from mechcot.runs.shards import shards_of
from tests.compare.tiny_models import byte_tokenizer, chain_of, save_tiny, sum_of, write_rows
from tests.finished_items import finished_items

TOKENIZER = byte_tokenizer(merges=40)


@pytest.fixture(scope="module")
def pair(tmp_path_factory) -> tuple[str, str]:
    root = tmp_path_factory.mktemp("pair")
    return tuple(save_tiny(root / name, TOKENIZER, seed=i) for i, name in enumerate(("one", "two")))


def study_of(models: tuple[str, ...], out: Path, **about) -> Study:
    plain = {"null_reader": "none", "chains": "all", "measures": ("early_answering",)}
    return Study(models=models, out=out, overwrite=True, **plain | about)


def values(found: dict) -> str:
    """Everything that a study found, without the names of its folder and files."""
    return json.dumps({k: v for k, v in found.items() if k != "settings"}, sort_keys=True)


def test_corrected_answers_of_problems_count(pair, tmp_path):
    rows = [sum_of(i) for i in range(3)]
    first = write_rows(tmp_path / "first.jsonl", rows)
    other = write_rows(
        tmp_path / "other.jsonl", [row | {"answer": "9", "stratum": "hard"} for row in rows]
    )
    used, fresh = tmp_path / "used", tmp_path / "fresh"
    run(study_of(pair, used, problems=str(first), max_tokens=8))
    again = run(study_of(pair, used, problems=str(other), max_tokens=8))
    assert values(again) == values(run(study_of(pair, fresh, problems=str(other), max_tokens=8)))
    lines = (used / "traces.jsonl").read_text().splitlines()
    assert {json.loads(line)["problem"]["answer"] for line in lines} == {"9"}


def test_a_measure_that_does_otherwise_is_taken_again(pair, tmp_path, monkeypatch):
    path = write_rows(tmp_path / "chains.jsonl", [chain_of(0)])
    study = study_of(pair, tmp_path / "out", traces=path)

    def taken() -> int:
        run(study)
        return len([*finished_items(tmp_path / "out" / "readings")])

    before = taken()
    assert taken() == before
    monkeypatch.setattr(Measure, "code", property(lambda _: "another"))
    assert taken() == 2 * before


def test_corrected_answers_and_more_chains_of_a_file_count(pair, tmp_path):
    path = write_rows(tmp_path / "chains.jsonl", [chain_of(0) | {"ground_truth": "9"}])
    used, fresh = tmp_path / "used", tmp_path / "fresh"
    run(study_of(pair, used, traces=path))
    write_rows(path, [chain_of(i) for i in range(3)])
    again = run(study_of(pair, used, traces=path))
    assert values(again) == values(run(study_of(pair, fresh, traces=path)))
    assert again["chains_used"] == 3


def test_another_template_or_precision_writes_anew(pair, tmp_path):
    model = tmp_path / "model"
    shutil.copytree(pair[0], model)
    problems = write_rows(tmp_path / "p.jsonl", [sum_of(0)])
    about = {"problems": str(problems), "max_tokens": 8}
    out = tmp_path / "out"
    models = (str(model), pair[1])

    def prompt() -> str:
        return json.loads((out / "traces.jsonl").read_text().splitlines()[0])["prompt"]

    def written() -> int:
        return sum("/traces/model/" in name for name in finished_items(out / "traces"))

    run(study_of(models, out, **about))
    before, first = prompt(), written()
    (model / "chat_template.jinja").write_text(
        "{% for m in messages %}Solve: {{ m['content'] }}{% endfor %}"
    )
    run(study_of(models, out, **about))
    assert prompt() != before and prompt().startswith("Solve: ")
    run(study_of(models, out, loading=LoadOptions(dtype="bfloat16"), **about))
    assert written() == first + 2


def test_wrong_chains_of_a_file_are_left_out_unless_asked_for(pair, tmp_path):
    rows = [chain_of(i) for i in range(3)]
    rows[1]["answer_text"] = "\nThe answer is 1234"
    path = write_rows(tmp_path / "chains.jsonl", [row | {"ground_truth": "1234"} for row in rows])
    found = run(study_of(pair, tmp_path / "right", traces=path, chains="correct"))
    assert (found["chains_written"], found["chains_used"]) == (3, 1)
    assert run(study_of(pair, tmp_path / "all", traces=path))["chains_used"] == 3


def test_a_run_makes_a_damaged_item_of_its_folder_anew_and_no_other(pair, tmp_path):
    problems = write_rows(tmp_path / "p.jsonl", [sum_of(0)])
    study = study_of(pair, tmp_path / "out", problems=str(problems), max_tokens=8)
    run(study)
    summary = (study.out / "summary.json").read_bytes()
    for name in ("readings", "traces"):
        shard = next((study.out / name).glob("*.items"))
        kept = finished_items(study.out / name)
        place = max(kept.values(), key=lambda place: place.size)
        content = bytearray(shard.read_bytes())
        content[place.start + place.size // 2] ^= 1
        shard.write_bytes(content)
        shards_of.cache_clear()  # as in another process
        run(study)
        assert (study.out / "summary.json").read_bytes() == summary
        now = finished_items(study.out / name)
        assert now.keys() == kept.keys()
        assert [kept[key] for key in kept if now[key] != kept[key]] == [place]


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({"batch_size": 0}, "expected --batch-size of at least 1, got 0"),
        ({"n": -1}, "expected --n of at least 1, got -1"),
        ({"temperature": float("nan")}, "temperature: expected 0 .greedy. or more, got nan"),
        ({"measures": ("foo",)}, "foo"),
    ],
)
def test_wrong_settings_are_found_before_anything_is_written(pair, tmp_path, about, words):
    with pytest.raises(UserError, match=words):
        study_of(pair, tmp_path, problems="p.jsonl", **about)


def test_what_a_version_with_other_rules_wrote_is_written_anew(pair, tmp_path, monkeypatch):
    path = write_rows(tmp_path / "p.jsonl", [sum_of(i) for i in range(2)])
    study = study_of(pair[:1], tmp_path / "out", problems=str(path), max_tokens=8)
    models, asked = Models.of(study), problems_of(study)
    written_chains(study, models, models.first, asked)
    assert to_write(study, models, asked) == 0
    monkeypatch.setattr(chains, "_rules", lambda: "of another version")
    assert to_write(study, models, asked) == 2


def test_a_model_that_tasks_side_by_side_need_is_loaded_once(pair, tmp_path):
    path = write_rows(tmp_path / "problems.jsonl", [sum_of(i) for i in range(4)])
    study = study_of(pair, tmp_path / "out", problems=str(path))
    models = Models.of(study, asked=problems_of(study))
    ask = partial(models.get, models.names[1])
    one, *others = together([ask] * 4, sizes=[8] * 4, limit=Limit())
    assert all(other is one for other in others)
