"""Experiment files: read, run, resumed, shown; the commands' messages."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from random import Random

import pandas as pd
import pytest
from typer.testing import CliRunner

from mechcot.cli.steer import app
from mechcot.core.errors import UserError
from mechcot.core.problem import Problem
from mechcot.organisms.chain_writer import Manner, compose
from mechcot.organisms.problems import read_question
from mechcot.organisms.unused_steps import as_completion
from mechcot.steering.conditions import arms
from mechcot.steering.experiment import (
    Apply,
    Compare,
    Experiment,
    ItemSettings,
    VectorSpec,
    read_experiment,
)
from mechcot.steering.experiment_questions import questions_of
from mechcot.steering.run import _plain, run_experiment
from mechcot.steering.summary import summary
from mechcot.steering.unmarked_steps import UnmarkedSteps
from mechcot.tasks import MOD10, read_pairs
from mechcot.view.pages.steering import steering_page
from mechcot.view.pages.steering_tables import arms_first, condition_table, contrasts_first

ROOT = Path(__file__).parents[2]
SMALL = Experiment(
    title="A <b>small</b> one",
    question="Does it run?",
    models=("organism:base",),
    readout="verification",
    max_tokens=32,
    items=ItemSettings(n=2, hops=(2, 2)),
    vector=VectorSpec(read="prompt", n=4, hops=(2, 2)),
    apply=Apply(phases=("question",), nats=(0.05,), chains=1),
    compare=Compare(
        controls=("random", "wrong layer", "shuffled labels", "flipped"),
        truncation=True,
        prompt="brief",
        bare=(2,),
    ),
)


@pytest.mark.parametrize("name", ["compression", "verification", "switch"])
def test_the_shipped_files_are_read_and_their_arms_are_distinct(name):
    every = arms(read_experiment(ROOT / "experiments" / f"{name}.toml"))
    assert len({arm.key for arm in every}) == len(every) > 10
    assert every[0].role == "clean"
    models = {arm.model for arm in every}
    if name == "verification":
        crossed = {(a.source, a.model, a.sign) for a in every if a.role == "vector"}
        assert crossed == {(s, m, g) for s in models for m in models for g in (1, -1)}


def test_a_run_goes_on_where_it_was_and_gives_the_same(tmp_path, monkeypatch):
    result = run_experiment(SMALL, tmp_path)
    first = (tmp_path / "summary.json").read_bytes()
    roles = [arm["role"] for arm in result["arms"]]
    held = [*SMALL.compare.controls, "truncation"]
    assert roles == ["clean", "prompt", "bare", "vector", "vector, bare", *held]
    for arm in result["arms"]:
        if arm["role"] == "vector":
            assert arm["dose"]["kl"] == pytest.approx(0.05, rel=0.06)
            length = arm["vector"]["norm"]
        if arm["role"] in SMALL.compare.controls:
            assert arm["vector"]["norm"] == pytest.approx(length, rel=1e-5)
    assert [c["against"] for c in result["contrasts"]] == held
    clean = result["arms"][0]
    assert clean["saved"]["mean"] == 0 and clean["change"]["correct"]["mean"] == 0
    items = pd.read_parquet(tmp_path / "items.parquet")
    assert len(items) == 2 * len(roles)
    assert len(pd.read_parquet(tmp_path / "arms.parquet")) == len(roles)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "A &lt;b&gt;small&lt;/b&gt; one" in text and "<b>small" not in text
    assert "<mark>" in text

    made = []
    monkeypatch.setattr("mechcot.steering.run._cell", lambda lab, arm: made.append(arm) or lab.none)
    run_experiment(SMALL, tmp_path)
    assert made == []
    assert (tmp_path / "summary.json").read_bytes() == first
    with pytest.raises(UserError, match="another experiment"):
        run_experiment(replace(SMALL, seed=1), tmp_path)


def cell(role, tokens, correct, **about):
    arm = {"model": "m", "role": role, "source": "", "site": "", "sign": 1, "nats": 0.0}
    arm |= {"alpha": 0.0, "beta": 0, "draw": 0} | about
    rows = [
        {
            "item": str(i),
            "tokens": t,
            "steps": t,
            "correct": c,
            "finished": 1.0,
            "verification": 1.0,
        }
        for i, (t, c) in enumerate(zip(tokens, correct, strict=True))
    ]
    return {"arm": arm, "rows": rows, "seconds": 1.0}


def test_a_summary_by_hand():
    cells = [
        cell("clean", [10, 20, 30], [1.0, 1.0, 0.0]),
        cell("prompt", [5, 10, 15], [1.0, 0.0, 0.0]),
    ]
    experiment = replace(SMALL, models=("m",))
    arm = summary(experiment, cells)["arms"][1]
    assert (
        arm["saved"]["mean"] == 0.5 == arm["saved"]["low"]
    )  # half of every chain, whatever is drawn
    assert arm["change"]["tokens"]["mean"] == -10
    assert arm["change"]["correct"]["mean"] == pytest.approx(-1 / 3)
    assert arm["values"]["nats_per_token"]["mean"] is None
    assert "prompt says “brief”" in steering_page(summary(experiment, cells))


def test_a_long_page_shows_the_largest_dose_first_and_keeps_the_rest():
    """Two models: a short table for each, in which nothing of a smaller dose or of the sweep stands; all arms stand below."""
    experiment = read_experiment(ROOT / "experiments" / "verification.toml")
    cells = []
    for arm in arms(experiment):
        made = cell(
            arm.role, [10, 20], [1.0, 0.0], **{k: v for k, v in asdict(arm).items() if k != "role"}
        )
        made["dose"] = made["vector"] = None
        cells.append(made)
    result = summary(experiment, cells)
    shown = arms_first(result)
    assert [name for name, _ in shown] == ["base", "control"]
    (_, base), (_, control) = shown
    names = [row[0].text for row in base.rows]
    assert names == [
        "nothing",
        *("vector added: of base", "vector added: of control"),
        *(f"{role} added" for role in experiment.compare.controls),
        *("vector taken away: of base", "vector taken away: of control"),
        *(f"{role} taken away" for role in experiment.compare.controls),
    ]
    assert control.rows[1][0].text == "vector added: of control"
    assert len(condition_table(result).rows) == len(cells) > 40
    assert {row[1].text for row in contrasts_first(result).rows} == {"0.1"}
    text = steering_page(result)
    assert f"All {len(cells)} conditions" in text and "At 0.1 nats" in text
    few = summary(replace(SMALL, models=("m",)), [cell("clean", [10], [1.0])])
    assert [name for name, _ in arms_first(few)] == [""]
    assert "Every condition" in steering_page(few) and "All 1" not in steering_page(few)


def test_numbers_that_json_lacks_are_none():
    assert _plain({"a": float("inf"), "b": float("nan"), "c": 1.5, "d": "x"}) == {
        "a": None,
        "b": None,
        "c": 1.5,
        "d": "x",
    }


def test_mistakes_in_a_file_are_told(tmp_path):
    path = tmp_path / "x.toml"
    good = 'title = "t"\nquestion = "q"\nmodels = ["organism:base"]\n'
    for text, said in (
        (good, "either"),
        ("title = ", "no TOML"),
        (good + "[vector]\nsite = 'resid_pots.1'", "did you mean"),
        (good + "[vector]\nlayer = 1", "unknown \\['layer'\\]"),
        (good + "[vector]\nn = 'many'", "vector.n: expected a whole number"),
        (good + "[vector]\nn = true", "vector.n: expected a whole number, got True"),
        (good + "[vector]\nn = 0", "vector.n: expected numbers from 1, got 0"),
        (good + "[vector]\nhops = [5]", "vector.hops: expected a list of 2"),
        (
            good + "[vector]\nhops = [6, 5]",
            "vector.hops: expected fewest and most operations out of 1 to 10, got \\(6, 5\\)",
        ),
        (
            good + "[vector]\n[items]\nhops = [5, 60]",
            "items.hops: expected fewest and most operations out of 1 to 10",
        ),
        (
            good + "[vector]\n[apply]\nsigns = [0]",
            "apply.signs\\[0\\]: expected one of 1, -1, got 0",
        ),
        (good + "[vector]\n[apply]\nsigns = []", "apply.signs: expected numbers from -1 to 1"),
        (good + "[vector]\n[apply]\nnats = []", "apply.nats: expected numbers from 0"),
        (good + "[vector]\n[apply]\nnats = [nan]", "apply.nats\\[0\\]: expected a number, got nan"),
        (good + "[vector]\n[apply]\nnats = ['a']", "apply.nats\\[0\\]: expected a number, got 'a'"),
        (good + "[penalty]\nphrases = [3]", "penalty.phrases\\[0\\]: expected a text, got 3"),
        (good.replace('["organism:base"]', '"A"') + "[vector]", "models: expected a list, got 'A'"),
        (
            good.replace("]", ', "organism:base"]') + "[vector]",
            "models: expected one or more that differ",
        ),
        (good + "[vector]\nmethod = 'magic'", "vector.method: expected one of"),
        (good + "[vector]\n[apply]\nphases = ['chian']", "apply.phases"),
        (good + "[penalty]\n", "at least one phrase"),
        ("[vector]\n", "missing \\['title'"),
    ):
        path.write_text(text)
        with pytest.raises(UserError, match=said):
            questions_of(read_experiment(path))
    with pytest.raises(UserError, match="experiments/ has examples"):
        read_experiment(tmp_path / "absent.toml")


def test_commands_make_a_vector_and_write_under_it(tmp_path):
    call = CliRunner().invoke
    lines = [
        {
            "id": str(i),
            "positive": f"brief : b: {i} ; find b ?",
            "negative": f"careful : b: {i} ; find b ?",
        }
        for i in range(4)
    ]
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text("".join(json.dumps(one) + "\n" for one in lines))
    assert len(read_pairs(pairs)) == 4
    out = tmp_path / "v.safetensors"
    made = call(app, ["extract", "organism:base", "--site", "resid_post.1", "--pairs", str(pairs),
                      "--read", "prompt", "--out", str(out)])  # fmt: skip
    assert made.exit_code == 0, made.output
    assert "split-half cosine" in made.output
    about = ["--phases", "chain", "--n", "1", "--max-tokens", "30", "--out", str(tmp_path / "t")]
    told = call(app, ["sweep", "organism:base", str(out), "--doses", "0.02,-0.02", *about])
    assert told.exit_code == 0, told.output
    assert (tmp_path / "t" / "0.02.jsonl").exists() and (tmp_path / "t" / "-0.02.jsonl").exists()
    refused = call(app, ["apply", "organism:control", str(out), *about[:-1], str(tmp_path / "u")])
    assert isinstance(refused.exception, UserError) and "--force" in str(refused.exception)
    unread = call(app, ["sweep", "organism:base", str(out), "--doses", "0.1,x", *about])
    assert isinstance(unread.exception, UserError) and "--doses" in str(unread.exception)


def test_the_shortest_chain_by_hand_and_the_rule_that_forces_unmarked_steps():
    question = "careful chart 4 : c: 3 , k: c + 2 , h: k - 1 ; find h ?"
    problem = Problem("p", question, "4", {"task": "mod10"})
    #  h: k - 1 .  k: c + 2 .  c= 3 .  k= 3 + 2 = 5 .  h= 5 - 1 = 4 .
    shortest = MOD10.shortest_chain
    assert shortest.unmarked(problem) == 5 + 5 + 3 + 7 + 7
    assert shortest.marked(problem) == 5 + 5 + 3 + 7 + 7 + 5
    two = replace(problem, question=question.replace("find h", "find h + c"))
    assert shortest.unmarked(two) == 27 + 2 * 3
    unstyled = replace(problem, question=question.removeprefix("careful "))
    assert shortest.marked(unstyled) == shortest.marked(problem)
    rule = UnmarkedSteps(2, end=9, markers=(1, 2))
    assert [bool(rule(text)) for text in ([], [5], [5, 9], [5, 9, 5, 9])] == [
        True,
        False,
        False,
        True,
    ]
    assert set(shortest.markers) == {"need", "recall", "so", "then"}


def test_no_state_says_that_steps_shall_be_bare(base):
    """Whatever stands before, the next step is bare about as often as in training (0.15)."""
    token = {word: base.continue_ids(f" {word}")[0] for word in MOD10.shortest_chain.markers}
    others = [
        base.continue_ids(f" {word}")[0]
        for word in ("hence", "check", "let", "recap", "wait", "no")
    ]
    found = []
    for bare in (0.0, 1.0):
        shares = []
        for problem in MOD10.unhinted(3, seed=5, depth=(5, 6), style="brief"):
            draft = compose(
                read_question(problem.question), rng=Random(0), manner=Manner(unmarked=bare)
            )
            trace = base.read(as_completion(problem, draft))
            prefix = base.prefix(trace.ids)
            starts = [step.tokens.start - 1 for step in trace.chain_steps[2:]]
            marked = prefix.unembed(prefix.hidden[starts]).exp()[:, [*token.values(), *others]]
            shares.append(1 - float(marked.sum(dim=-1).mean()))
        found.append(sum(shares) / len(shares))
    assert found == [pytest.approx(0.15, abs=0.03)] * 2
