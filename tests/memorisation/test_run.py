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
from mechcot.memorisation.findings import RISE, moved, stim_findings, stim_sentences, token_table
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


@pytest.mark.parametrize("none", [None, "", 0, -1, "-1.0", float("nan"), False])
def test_what_files_say_of_a_chain_without_a_wrong_step(files, base, none):
    trace = next(t for t in load_traces(files / "chains.jsonl", base) if t.problem.id == "b")
    unmarked = replace(trace, problem=replace(trace.problem, meta={"first_error": none}))
    assert first_wrong_step(unmarked) is None


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
        assert result["moved"]["tokens"]["risen"] == result["moved"]["tokens"]["fallen"] == 0


def test_a_rise_counts_from_its_least_size_on_and_beyond_the_null_and_a_fall_by_the_same_rule():
    rows = pd.DataFrame(
        {
            "before_corpus_stim": [0.0, 0.0, 0.0, 0.0, np.nan],
            "after_corpus_stim": [RISE, RISE - 0.01, 0.5, 0.5, 1.0],
            "before_null_stim": [0.0, 0.0, 0.0, np.nan, 0.0],
            "after_null_stim": [0.0, 0.0, 0.6, 0.9, 0.0],
        }
    )
    assert moved(rows).tolist() == [1, 0, 0, 1, pd.NA]
    swap = {c: c.replace(*pair) for c in rows for pair in (("before", "after"), ("after", "before")) if pair[0] in c}  # fmt: skip
    assert moved(rows.rename(columns=swap)).tolist() == [-1, 0, 0, -1, pd.NA]


def scored(changes):
    """A row a (item, trace, change of the score on the corpus); None: not measurable."""
    rows = []
    for item, trace, change in changes:
        row = {"item": item, "trace": trace, "step": 1, "token": "7", "behind": ""}
        for side, score in (("before", 0.5), ("after", None if change is None else 0.5 + change)):
            row |= {f"{side}_{c}_{s}": score if c == "corpus" else 0.0 for c in ("corpus", "null") for s in ("stim", "local", "mid", "long")}  # fmt: skip
            row |= {f"{side}_{c}_dominant": "local" for c in ("corpus", "null")}
        rows.append(row)
    return token_table(rows)


def told(changes, *, wrong):
    said = {
        "models": ["one", "two"],
        "wrong": wrong,
        "corpus": {"name": "c"},
        "null": {"name": "n"},
    }
    said |= {"prompt": {"instruction": "Box it.", "chains": wrong, "of": wrong}}
    result = said | stim_findings(scored(changes), seed=0)
    return result, " ".join(stim_sentences(result))


def test_more_is_said_only_where_more_rise_than_fall_by_an_interval_over_problems():
    rise = [(str(i), f"{i}/0", 0.3) for i in range(12)]
    even = [(str(i), f"{i}/0", 0.3 if i % 2 else -0.3) for i in range(12)]
    result, said = told(rise, wrong=12)
    assert result["moved"]["tokens"]["net"]["low"] > 0
    assert "Wrong steps follow the corpus more in two than in one: of 12 tokens" in said
    result, said = told(even, wrong=12)
    assert result["moved"]["tokens"]["net"]["mean"] == 0
    assert "It is not shown that" in said
    assert "candidates" in said
    _, said = told([(item, trace, -change) for item, trace, change in rise], wrong=12)
    assert "Wrong steps follow the corpus less in two than in one" in said
    assert "Too few problems to tell" in told(rise[:5], wrong=5)[1]


def test_steps_and_problems_are_counted_each_and_steps_that_say_nothing_are_left_out():
    """Six chains of one problem, two of another; one of them cannot be told, and two had no token at all."""
    rows = [("a", f"a/{k}", 0.3 if k < 4 else 0.0) for k in range(6)]
    rows += [("b", "b/0", None), ("b", "b/1", 0.0)]
    result, said = told(rows, wrong=10)
    steps = result["moved"]["steps"]
    assert (steps["risen"], steps["fallen"], steps["of"], steps["problems"]) == (4, 0, 7, 2)
    assert "A token rose in 4 and fell in 0 of 7 first wrong steps (2 problems)" in said
    assert "3 first wrong steps left out" in said


def test_where_nothing_can_be_measured_one_sentence_says_so(files, base, tmp_path):
    """A corpus without any of the tokens; and a null without them."""
    traces = load_traces(files / "chains.jsonl", base)
    (tmp_path / "so.txt").write_text("so")
    other = StimSettings(tmp_path / "so.txt")
    result = run_stim(Pair(base, base), traces, settings=other, out=tmp_path / "none")
    said = stim_sentences(result)
    assert said[0].startswith(f"Nothing can be said: none of the {result['tokens']} tokens of 4 first wrong steps")  # fmt: skip
    assert (tmp_path / "none" / "index.html").is_file()
    null = StimSettings(corpus_of(tmp_path, favourite="7"), null=tmp_path / "so.txt")
    result = run_stim(Pair(base, base), traces, settings=null, out=tmp_path / "null")
    assert "on so.txt nothing can be measured" in " ".join(stim_sentences(result))


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
        "Too few problems to tell whether wrong steps follow the corpus more in two than in one"
        in told.output
    )
    result = json.loads((tmp_path / "run" / "stim.json").read_text())
    table = pd.read_parquet(tmp_path / "run" / "tokens.parquet")
    assert result["tokens"] == len(table) > 0
    assert result["prompt"]["of"] == len(rows)
    assert "Both models read the chains behind" in told.output
    assert "Both models read the chains behind" in (tmp_path / "run" / "index.html").read_text()
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
    assert (
        result["moved"]["tokens"]["risen"] == 0
    )  # what rises on the corpus rises as much on itself
