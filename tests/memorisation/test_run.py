"""`mechcot stim` from files to a page: identity, null, planted effect, what is said where nothing can be."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from mechcot.cli.main import app
from mechcot.core.errors import UserError
from mechcot.core.pair import Pair
from mechcot.memorisation.findings import RISE, risen
from mechcot.memorisation.first_wrong_step import first_wrong_step
from mechcot.memorisation.run import StimSettings, run_stim
from mechcot.model.loading.pairs import load_pair
from mechcot.traces.load import load_traces

WRONG = ": c: 2 , d: c + 3 ; find d ?", " so c= 2 . so d= 2 + 3 = 7 .", " answer 7"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stim")
    question, chain, said = WRONG
    row = {"question": question, "chain": chain, "answer_text": said, "answer": "5"}
    lines = [row | {"id": "a"}, row | {"id": "b", "first_error": "so d= 2 + 3 = 7 ."}]
    lines += [row | {"id": "c", "first_error": 1}, row | {"id": "d", "first_error": ""}]
    lines += [row | {"id": "e", "task": "mod10"}]
    (folder / "chains.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def corpus_of(folder, *, favourite):
    """Texts in which `favourite` stands behind `2 + 3 =`."""
    texts = [f"so d= 2 + 3 = {favourite} ."] * 40
    texts += [f"so c= {digit} . so d= {digit} ." for digit in range(10) for _ in range(digit + 1)]
    path = folder / f"corpus-{favourite}.txt"
    path.write_text("\n---\n".join(texts))
    return path


def test_the_first_wrong_step_is_the_named_one_else_the_first_that_the_check_calls_wrong(files, base):  # fmt: skip
    traces = {t.problem.id: t for t in load_traces(files / "chains.jsonl", base)}
    said = {name: first_wrong_step(trace) for name, trace in traces.items()}
    places = {name: None if step is None else step.index for name, step in said.items()}
    assert places == {"a": 1, "b": 1, "c": 0, "d": None, "e": 1}


@pytest.mark.parametrize(
    ("value", "sentence"),
    [(9, r"first_error names step 9, and the chain has 2"), ("so", "stands in 2 of the chain's 2 steps"), ("nothing of it", "stands in none of the chain's 2 steps")],
)  # fmt: skip
def test_a_named_step_that_is_not_there_is_said(files, base, value, sentence):
    (trace, *_) = load_traces(files / "chains.jsonl", base)
    wrong = replace(trace, problem=replace(trace.problem, meta={"first_error": value}))
    with pytest.raises(UserError, match=sentence):
        first_wrong_step(wrong)


def test_a_model_against_itself_changes_nothing_and_neither_do_sharper_logits(
    files, base, tmp_path
):
    traces = load_traces(files / "chains.jsonl", base)
    settings = StimSettings(corpus_of(tmp_path, favourite="7"))
    for name, other in (("same", base), ("sharper", base.scaled(1.5))):
        result = run_stim(Pair(base, other), traces, settings=settings, out=tmp_path / name)
        for row in result["changes"]:
            assert row["change"]["mean"] in (0.0, None)
        assert result["changes"][0]["change"]["mean"] == 0.0
        assert result["risen"]["tokens"] == 0


def test_a_rise_counts_from_its_least_size_on_and_beyond_the_null():
    rows = pd.DataFrame(
        {
            "before_corpus_stim": [0.0, 0.0, 0.0, 0.0, np.nan],
            "after_corpus_stim": [RISE, RISE - 0.01, 0.5, 0.5, 1.0],
            "before_null_stim": [0.0, 0.0, 0.0, np.nan, 0.0],
            "after_null_stim": [0.0, 0.0, 0.6, 0.9, 0.0],
        }
    )
    assert risen(rows).tolist() == [True, False, False, True, pd.NA]


def test_the_command_reads_a_strangers_models_chains_and_texts(models, chains, tmp_path):
    """Models with random weights; chains whose first wrong step only the file knows, no arithmetic in the corpus."""
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "a.txt").write_text("so c= 2 . then d= c .\n---\nneed d . find c ?")
    rows = [json.loads(line) | {"first_error": 1} for line in chains.read_text().splitlines()]
    named = tmp_path / "named.jsonl"
    named.write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ["stim", *models, "--corpus", str(tmp_path / "corpus"), "--traces", str(named), "--out", str(tmp_path / "run")]  # fmt: skip
    told = CliRunner().invoke(app, words)
    assert told.exit_code == 0, told.output
    assert (
        f"in {len(rows)} first wrong steps follow the corpus more in two than in one" in told.output
    )
    result = json.loads((tmp_path / "run" / "stim.json").read_text())
    table = pd.read_parquet(tmp_path / "run" / "tokens.parquet")
    assert result["tokens"] == len(table) > 0
    assert table["before_corpus_stim"].dropna().between(-1, 1).all()
    assert "Do the wrong tokens follow the training texts?" in (tmp_path / "run" / "index.html").read_text()  # fmt: skip
    before = (tmp_path / "run" / "stim.json").read_bytes()
    assert CliRunner().invoke(app, words).exit_code == 0
    assert (tmp_path / "run" / "stim.json").read_bytes() == before


def test_what_is_missing_is_said(models, chains, files, tmp_path):
    words = ["stim", *models, "--corpus", str(files / "chains.jsonl"), "--out", str(tmp_path / "x")]
    for more, sentence in (
        ([], "give --traces FILE, or --problems FILE for AFTER to write chains, not both"),
        (["--traces", str(chains)], "none of 4 chains has a step that is known to be wrong"),
        (["--traces", str(chains), "--null-corpus", str(tmp_path / "no.txt")], "cannot read the file"),
    ):  # fmt: skip
        told = CliRunner().invoke(app, [*words, *more])
        assert isinstance(told.exception, UserError)
        assert sentence in str(told.exception)
        assert not (tmp_path / "x" / "stim.json").exists()


def test_other_texts_are_the_null_that_is_asked_for(files, tmp_path):
    pair = load_pair("organism:base", "organism:bypass")
    traces = load_traces(files / "chains.jsonl", pair.before)
    corpus = corpus_of(tmp_path, favourite="7")
    settings = StimSettings(corpus, null=corpus)
    result = run_stim(pair, traces, settings=settings, out=tmp_path / "run")
    assert result["null"]["name"] == corpus.name
    assert result["null"]["tokens"] == result["corpus"]["tokens"]
    assert result["changes"][0]["beyond"]["mean"] == pytest.approx(0, abs=0.2)
    assert result["risen"]["tokens"] == 0  # what rises on the corpus rises as much on itself
