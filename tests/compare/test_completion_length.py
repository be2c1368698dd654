"""The longest completion comes from the context, is said with its cost, and what it cuts is said."""

import json
from dataclasses import replace

import pytest
from rich.console import Console

from mechcot.compare.completion_length import ANSWER_TOKENS, announce_writing, limit, longest
from mechcot.compare.models import Models
from mechcot.compare.run import run
from mechcot.compare.settings import MOST, Study
from mechcot.core.errors import UserError
from mechcot.core.problem import Problem
from mechcot.model.loading.options import LoadOptions
from mechcot.model.reasoner import Reasoner
from tests.compare.tiny_models import byte_tokenizer, save_tiny, sum_of, write_rows

TOKENIZER = byte_tokenizer(merges=20)
ASKED = [Problem(**sum_of(i)) for i in range(3)]


@pytest.fixture(scope="module")
def short(tmp_path_factory) -> str:
    return save_tiny(
        tmp_path_factory.mktemp("short") / "short", TOKENIZER, seed=0, layers=1, context=160
    )


@pytest.mark.parametrize(
    ("context", "most"),
    [(160, None), (2048, None), (4096 + 40, None), (100_000, MOST), (10**7, MOST)],
)
def test_the_limit_is_what_the_context_leaves_up_to_a_stated_most(short, context, most):
    reader = Reasoner.load(short, device="cpu")
    reader.model.config.max_position_embeddings = context
    prompt = min(len(reader.encode(reader.render(problem))) for problem in ASKED)
    left = context - prompt - len(reader.cue_ids) - ANSWER_TOKENS
    assert limit(reader, ASKED) == (most or left) == min(MOST, left)


def test_one_long_question_takes_nothing_from_the_others(short):
    reader = Reasoner.load(short, device="cpu")
    long = Problem("long", "What is " + "1 + " * 60 + "1?", "61")
    assert limit(reader, [*ASKED, long]) == limit(reader, ASKED)


def test_a_limit_that_is_given_stays(short, tmp_path):
    study = Study(models=(short, short), out=tmp_path, problems="p.jsonl", max_tokens=7)
    assert longest(study, Models.of(study), ASKED) is study
    with pytest.raises(UserError, match="max_tokens: expected at least 1, got 0"):
        replace(study, max_tokens=0)


def test_a_run_says_limit_and_cost_before_and_the_cut_texts_after(short, tmp_path, capsys):
    path = write_rows(tmp_path / "sums.jsonl", [sum_of(i) for i in range(3)])
    study = Study(
        models=(short, short), out=tmp_path / "out", problems=str(path), chains="all", measures=("gates",),
        null_reader="none", loading=LoadOptions("cpu"),
    )  # fmt: skip
    found = run(study)
    said = " ".join(capsys.readouterr().err.split())
    most = found["settings"]["max_tokens"]
    assert most == limit(Reasoner.load(short, device="cpu"), ASKED)
    assert f"6 texts to write, of at most {most} tokens each (--max-tokens; " in said
    assert "has a context of 160)" in said and "if every text gets as long" in said
    cut = json.loads((tmp_path / "out" / "summary.json").read_text())["chains_written"]
    assert cut == 3
    assert f"do not end within the model's context, which leaves {most} tokens" in said
    again = run(study)
    assert again == found
    assert "texts to write" not in capsys.readouterr().err  # all on disk


def test_the_cost_is_for_texts_as_long_as_they_may_get(short, tmp_path, monkeypatch):
    study = Study(
        models=(short, short), out=tmp_path, problems="p.jsonl", max_tokens=100, batch_size=2
    )
    monkeypatch.setattr("mechcot.compare.completion_length._seconds_a_token", lambda *_: 0.5)
    console = Console(record=True, width=400)
    announce_writing(study, Models.of(study), ASKED, 6, console=console)
    assert "6 texts to write" in (text := console.export_text())
    assert "600 tokens, 2 min if every text gets as long" in text  # 3 batches of 100 steps
    announce_writing(study, Models.of(study), ASKED, 0, console=console)
    assert console.export_text() == ""
