"""A folder whose run was made from other inputs under the same names is refused, with the next step; --overwrite takes it over."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mechcot.cli.main import app
from mechcot.core.errors import UserError
from mechcot.core.store import file_digest, read_json
from mechcot.model.asking_options import Asking
from mechcot.model.loading.options import LoadOptions
from mechcot.model.reasoner import Reasoner
from mechcot.runs.output_claims import claimed
from mechcot.runs.reader_keys import precision, read_by
from mechcot.sae.run import Training, open_study, train_and_fit
from mechcot.sae.training import TrainingSettings
from mechcot.steering.experiment import read_experiment
from mechcot.steering.run import run_experiment
from tests.runs.commands import EXPERIMENT, write_pairs

BFLOAT16 = LoadOptions(dtype="bfloat16")


def call(*words: object) -> None:
    app([str(word) for word in words], standalone_mode=False)


def test_a_type_of_numbers_is_part_of_a_run_and_float32_goes_without_saying(models, tmp_path):
    exact, rough = Reasoner.open(models[0]), Reasoner.open(models[0], BFLOAT16)
    assert exact.weights_hash == rough.weights_hash
    assert precision(exact) == []
    assert precision(rough) == ["torch.bfloat16"]
    with claimed(tmp_path, "prune", read_by([exact], [])):
        (tmp_path / "item").touch()
    with (
        pytest.raises(UserError, match=r"other settings \(models\).*--overwrite"),
        claimed(tmp_path, "prune", read_by([rough], [])),
    ):
        pass


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "items"), [("prune", "*.json"), ("influence", "*.safetensors")]
)
def test_items_of_another_type_of_numbers_do_not_serve(command, items, models, chains, tmp_path):
    words = (command, models[0], "--traces", chains, "--out", tmp_path, "--n", 2)
    call(*words, "--dtype", "float32")
    exact = set((tmp_path / "items").glob(items))
    call(*words, "--dtype", "bfloat16", "--overwrite")
    both = set((tmp_path / "items").glob(items))
    assert exact < both
    assert len(both) == 2 * len(exact)


@pytest.fixture
def experiment(models, problems, tmp_path) -> Path:
    own, path = tmp_path / "problems.jsonl", tmp_path / "x.toml"
    own.write_text(problems.read_text())
    pairs = write_pairs(problems, tmp_path / "pairs.jsonl")
    text = EXPERIMENT.format(one=models[0], two=models[1], problems=own, pairs=pairs)
    path.write_text(text)
    return path


@pytest.mark.slow
def test_an_experiment_on_another_file_of_the_same_name_is_refused(experiment, tmp_path):
    out = tmp_path / "run"
    run_experiment(read_experiment(experiment), out)
    before = {path: path.stat().st_mtime_ns for path in (out / "arms").iterdir()}
    stamp = read_json(out / "experiment.json", what="a stamp")
    assert stamp["files"][str(tmp_path / "problems.jsonl")] == file_digest(
        tmp_path / "problems.jsonl"
    )
    del stamp["files"]  # as earlier versions wrote it
    (out / "experiment.json").write_text(json.dumps(stamp))
    run_experiment(read_experiment(experiment), out)
    assert {path: path.stat().st_mtime_ns for path in (out / "arms").iterdir()} == before
    lines = (tmp_path / "problems.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "problems.jsonl").write_text("".join(lines[::-1]).replace("brief", "careful"))
    with pytest.raises(
        UserError, match=r"other files or other weights; choose another --out.*--overwrite"
    ):
        run_experiment(read_experiment(experiment), out)
    with pytest.raises(UserError, match="other files or other weights"):
        run_experiment(read_experiment(experiment), out, loading=BFLOAT16)
    run_experiment(read_experiment(experiment), out, overwrite=True)
    assert all(path.stat().st_mtime_ns > before[path] for path in (out / "arms").iterdir())


def test_commands_of_one_folder_do_not_replace_one_another(experiment, models, tmp_path):
    for command in ("compare", "prune"):
        out = tmp_path / command
        with claimed(out, command, {"seed": 7}):
            (out / "item").touch()
        with pytest.raises(
            UserError, match=f"holds a run of `mechcot {command}`; choose another --out"
        ):
            run_experiment(read_experiment(experiment), out)
        with pytest.raises(UserError, match=f"holds a run of `mechcot {command}`"):
            call("sae", "train", *models, "--site", "resid_post.1", "--out", out)
        with pytest.raises(UserError, match=f"holds a run of `mechcot {command}`|other settings"):
            call("demo", "--out", out)


def opened(*models, **ask):
    with open_study(*models, **ask):
        pass


@pytest.mark.parametrize("asking", [Asking(cue=" So it is"), Asking(answer_after="answer")])
def test_another_way_of_asking_is_named_and_is_no_other_model(models, tmp_path, asking):
    """Of a run of two models, and of one that reads them rounded besides."""
    readers = [Reasoner.open(name) for name in models]
    asked = [reader.asked_with(asking) for reader in readers]
    with claimed(tmp_path, "sae", read_by(readers, [])):
        (tmp_path / "item").touch()
    rounded = [asked[0], Reasoner.open(models[1], BFLOAT16).asked_with(asking)]
    for other, differs in (
        (asked, "way of asking"),
        (rounded, "models, way of asking"),
        (readers[::-1], "models"),
        (readers[:1], "models"),
    ):
        with (
            pytest.raises(UserError, match=rf"other settings \({differs}\); choose another --out"),
            claimed(tmp_path, "sae", read_by(other, [])),
        ):
            pass
    with claimed(tmp_path, "sae", read_by(readers, [])):
        pass


@pytest.mark.slow
def test_a_dictionary_is_of_its_questions_and_its_scores_are_of_a_dictionary(
    models, chains, tmp_path
):
    job = Training(
        *models, site="resid_post.1", settings=TrainingSettings(width=16, k=4, samples=2000), problems=None,
        n=8, max_tokens=40, out=tmp_path / "dictionary", traces=chains,
    )  # fmt: skip
    train_and_fit(job)
    weights = (job.out / "sae_weights.safetensors").stat().st_mtime_ns
    train_and_fit(job)
    assert (job.out / "sae_weights.safetensors").stat().st_mtime_ns == weights
    for other in (
        replace(job, traces=None),
        replace(job, max_tokens=41),
        replace(job, loading=BFLOAT16),
    ):
        with pytest.raises(UserError, match=r"with other settings .*choose another --out"):
            train_and_fit(other)
    ask = {"problems": None, "n": 4, "seed": 0, "traces": chains, "out": tmp_path / "found"}
    source = str(job.out)
    record = read_json(job.out / "training.json", what="a record")
    (job.out / "training.json").write_text(json.dumps(record | {"problems_seen": []}))
    opened(source, *models, **ask)
    (ask["out"] / "score.json").write_text("{}")  # a folder that holds nothing is anybody's
    opened(source, *models, **ask)
    with pytest.raises(UserError, match=r"other settings \(models\)"):
        opened(source, models[1], models[0], **ask)
    train_and_fit(replace(job, settings=replace(job.settings, seed=1), overwrite=True))
    (job.out / "training.json").unlink()
    with pytest.raises(UserError, match=r"other settings \(dictionary\).*--overwrite"):
        opened(source, *models, **ask)
    opened(source, *models, **ask, overwrite=True)
