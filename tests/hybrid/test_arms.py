"""`mechcot hybrid` with several tuned models: one report of all, arms that cannot be run named, and no other run's folder taken."""

import json

import pytest

from mechcot.hybrid.arms import arms_sentences
from mechcot.organisms.problems import write_problems
from mechcot.organisms.registry import family_named
from mechcot.view.figures.hybrid import recovered_by_arm
from mechcot.view.pages.hybrid_arms import arms_page
from tests.compare.tiny_models import byte_tokenizer, save_tiny
from tests.runs.commands import call
from tests.user_files import checkpoints, problems_file


def value(mean: float) -> dict[str, float]:
    return {"mean": mean, "low": mean - 0.1, "high": mean + 0.1}


def arm(name: str, verdict: str, *, trained: str | None = None) -> dict:
    """An arm of which a run says this."""
    changed = {"trigger": "when", "mechanism": "what"}.get(verdict)
    vectors = 0.9 if verdict == "trigger" else 0.0
    rows = [
        {"name": help, "budget": budget, "share": budget / 2, "given": 1.0, "bits": 10 * budget, "beyond_random": None}
        | {"recovered": value(share), "accuracy": value(0.5)}
        for help, share in (("vectors", vectors), ("tokens", 1.0))
        for budget in (0.1, 0.2)
    ]  # fmt: skip
    return {
        "name": name, "trained": trained, "verdict": verdict, "changed": changed, "divides": verdict != "no gap", "gap": value(0.5),
        "right": {"base": value(0.2), "tuned": value(0.7)}, "conditions": rows, "sentences": [f"Open whose it is: {name}.", f"No gap of {name}."],
    }  # fmt: skip


ARMS = [
    arm("styled", "trigger", trained="sft, supervised"),
    arm("bypass", "mechanism", trained="grpo, reinforced"),
    arm("unclear", "open"),
    arm("same", "no gap"),
]
RESULT = {"base": "base", "n": 9, "give": "vectors", "recovers": 0.5, "least_gap": 0.05, "arms": ARMS, "left_out": [{"id": "<i>", "reason": "no"}]}  # fmt: skip


def test_what_changed_when_is_told_from_what_changed_what():
    said = arms_sentences("base", ARMS, "vectors")
    assert (
        said[0] == "styled (sft, supervised) changed when: base can do it itself, and is told when."
    )
    assert said[1] == "bypass (grpo, reinforced) changed what: base has to be told what."
    assert said[2:4] == ["unclear: Open whose it is: unclear.", "same: No gap of same."]
    assert "0.90" in said[4] and "styled (1.0 bits a text)" in said[4] and "same" not in said[4]
    tokens = [row | {"changed": None} for row in ARMS]
    said = " ".join(arms_sentences("base", tokens, "tokens"))
    assert "changed" not in said and "--give vectors does" in said


def test_the_page_shows_every_arm_and_escapes_names():
    result = RESULT | {"sentences": arms_sentences("base", ARMS, "vectors")}
    figure = recovered_by_arm(result)
    drawn = {(trace.legendgroup, trace.line.dash) for trace in figure.data}
    assert drawn == {("styled (supervised)", "solid"), ("bypass (reinforced)", "dash"), ("unclear", "dot")}  # fmt: skip
    assert len(figure.data) == 3 * 4 and "1 arm without a gap" in figure.layout.title.subtitle.text
    page = arms_page(result)
    assert "same" in page and "&lt;i&gt;" in page and "<i>" not in page
    recovered_by_arm(RESULT | {"arms": ARMS[-1:]})
    alone = [row for row in ARMS[1]["conditions"] if row["name"] == "tokens"]
    figure = recovered_by_arm(RESULT | {"arms": [ARMS[0], ARMS[1] | {"conditions": alone}]})
    assert sum(bool(trace.showlegend) for trace in figure.data) == 2, (
        "an arm that was given tokens alone is named"
    )


def test_a_strangers_arms_run_and_what_cannot_is_named(tmp_path):
    one, two = checkpoints(tmp_path, "one", "two")
    other = save_tiny(tmp_path / "other", byte_tokenizer(merges=0, shift=3), seed=1)
    few = ("--problems", problems_file(tmp_path, 4), "--n", 2, "--fit", 2, "--budget", ".3", "--max-tokens", 8, "--give", "tokens")  # fmt: skip
    out = tmp_path / "out"
    code, said = call("hybrid", one, two, other, *few, "--out", out)
    assert code == 0, said
    result = json.loads((out / "arms.json").read_text())
    assert [row["name"] for row in result["arms"]] == ["two"]
    assert [row["id"] for row in result["left_out"]] == ["other"] and "left out: other" in said
    assert (out / "arms" / "two" / "report.html").is_file()
    before = (out / "arms.json").read_bytes()
    code, said = call("hybrid", one, two, other, *few, "--out", out)
    assert code == 0 and (out / "arms.json").read_bytes() == before
    code, said = call("hybrid", one, two, one, *few, "--out", out)
    assert code != 0 and "other settings (tuned)" in said
    code, said = call("hybrid", one, two, *few, "--out", tmp_path / "alone")
    assert code == 0, said
    runs = (tmp_path / "alone", out / "arms" / "two")
    alone, arm = (json.loads((run / "hybrid.json").read_text())["conditions"] for run in runs)
    assert arm == alone, "an arm is the run of its pair"


@pytest.mark.slow
def test_an_arm_that_changed_when_is_told_from_one_that_changed_what(tmp_path):
    """The silent base needs to be told to begin a chain; a hint that it never reads is another matter."""
    from benchmarks.whose_mechanism import silent, spec_of

    base, problems = silent("lookup", tmp_path / "silent", seed=5), tmp_path / "problems.jsonl"
    write_problems(problems, family_named("lookup").problems(88, seed=5, hint="answer"))
    arms = ("organism:lookup/base", spec_of("lookup", "collapsed", tmp_path, seed=5))
    code, said = call("hybrid", base, *arms, "--problems", problems, "--max-tokens", 60, "--out", tmp_path / "out")  # fmt: skip
    assert code == 0, said
    result = json.loads((tmp_path / "out" / "arms.json").read_text())
    assert [row["changed"] for row in result["arms"]] == ["when", "what"], said
