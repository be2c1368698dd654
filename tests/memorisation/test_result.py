"""`mc.stim` at the front door: the command's numbers as a value, from a file or from texts."""

import pytest

import mechcot as mc
from mechcot.memorisation.run import StimSettings, run_stim
from tests.memorisation.test_run import corpus_of, files  # noqa: F401 - a fixture
from tests.test_front_door import shows_itself


@pytest.fixture(scope="module")
def pair(base):
    return mc.Pair(base, base.scaled(1.5))


def test_the_value_holds_what_the_command_writes(files, base, pair, tmp_path):  # noqa: F811
    traces = mc.read_traces(files / "chains.jsonl", base)
    corpus = corpus_of(tmp_path, favourite="7")
    told = mc.stim(pair, traces, corpus)
    shows_itself(told)
    kept = run_stim(pair, traces, settings=StimSettings(corpus), out=tmp_path / "run")
    assert told.result == kept
    assert len(told.tokens) == kept["tokens"]
    frame = told.to_frame().set_index("score")
    assert frame.loc["stim", ["change", "change_low", "change_high"]].tolist() == [0.0, 0.0, 0.0]
    texts = corpus.read_text().split("\n---\n")
    assert mc.stim(pair, traces, texts).to_frame().equals(told.to_frame())


def test_what_cannot_be_told_is_said(files, base, pair, tmp_path):  # noqa: F811
    traces = mc.read_traces(files / "chains.jsonl", base)
    with pytest.raises(mc.UserError, match="none of 1 chain has a step that is known to be wrong"):
        mc.stim(pair, [t for t in traces if t.problem.id == "d"], ["so c= 2 ."])
    with pytest.raises(mc.UserError, match="texts that say something"):
        mc.stim(pair, traces, [" "])
    with pytest.raises(mc.UserError, match=r"nowhere\.txt"):
        mc.stim(pair, traces, tmp_path / "nowhere.txt")
