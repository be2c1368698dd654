"""Shipped weights behind other words: the same ids, the same texts, the same verdicts."""

from dataclasses import replace

import pytest

import mechcot as mc
from benchmarks.other_words import QUESTIONS, SEED, WORDINGS, judged, reworded
from mechcot.organisms.registry import family_named

QUICK = ("Japanese", "JSON", "Korean", "few-shot")
SLOW = ("Hindi", "letters", "table", "Arabic", "empty thought", "whole sentences")
"""Other scripts, another family, tables, marks; all the others stand in the benchmark."""
TRIED = [
    *(pytest.param(WORDINGS[name], id=name) for name in QUICK),
    *(pytest.param(WORDINGS[name], id=name, marks=pytest.mark.slow) for name in SLOW),
]


@pytest.mark.parametrize("wording", TRIED)
def test_other_words_are_the_same_tokens(wording, tmp_path):
    problems = mc.problems(str(reworded(wording, tmp_path, arms=("base",))))
    plain = mc.Asking(cue="\n", think="none", instruction="none")
    new = mc.load(str(tmp_path / "base"), asking=plain)
    old = mc.load(str(wording.shipped["base"]))
    theirs = family_named(wording.family).problems(QUESTIONS, seed=SEED)
    mine, shipped = new.write(problems[:2]), old.write(theirs[:2])
    end = (old.tokenizer.eos_token_id,) if wording.tail else ()
    for trace, other in zip(mine, shipped, strict=True):
        assert trace.completion.endswith(wording.tail) and trace.completion != other.completion
        if not wording.plain:
            assert trace.ids == (*other.ids, *end)
            said = "".join(map(wording.text, old.tokenizer.convert_ids_to_tokens(trace.ids)))
            assert trace.completion.strip() in said


def test_words_that_run_into_each_other_are_refused(tmp_path):
    dates = WORDINGS["dates"]
    with pytest.raises(ValueError, match="words run into each other"):
        reworded(replace(dates, words={**dates.words, " Ada": " Bo"}), tmp_path, arms=())


@pytest.mark.slow
def test_a_model_is_judged_by_what_it_does_not_by_its_words(tmp_path):
    assert set(
        judged(WORDINGS["process and response"], n=32, out=tmp_path)["outcomes"].values()
    ) == {"right"}
