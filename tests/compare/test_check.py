"""`mechcot check`: verdicts of the shipped models, causes where there is none, the page, resuming."""

import json
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

import mechcot as mc
from mechcot.cli.main import app
from mechcot.compare.chains import problems_of
from mechcot.compare.check import blocks, judge, line, unjudgeable
from mechcot.compare.judgement import BESIDE, CHECK_MEASURES, DECIDING, judgement
from mechcot.compare.settings import Study
from mechcot.compare.unjudged import RunFacts
from mechcot.core.errors import UserError
from mechcot.core.measurement import Measurement
from mechcot.core.problem import Problem
from mechcot.core.store import nan_to_none
from mechcot.model.asking_options import Asking
from mechcot.model.loading.options import LoadOptions
from mechcot.organisms.problems import write_problems
from mechcot.organisms.registry import family_named
from mechcot.stats.chain_use_change import deciding_loss
from mechcot.view.figures.chain_use import chain_use_figure
from tests.compare.tiny_models import byte_tokenizer, save_tiny, write_rows
from tests.finished_items import finished_items
from tests.measures.conftest import chain_of

CITIES = ("Paris", "Rome", "Oslo", "Bern", "Lima", "Quito", "Cairo", "Accra")


def check(*models: str, problems: Path, out: Path, options: tuple[str, ...] = ()) -> dict:
    arguments = ["check", *models, "--problems", str(problems), "--out", str(out), *options]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads((out / "check.json").read_text()) | {"said": done.output}


@pytest.fixture(scope="module")
def prose(tmp_path_factory) -> Path:
    """Twenty questions in prose with four options; answers A to D."""
    rows = []
    for i in range(20):
        options = [CITIES[(i + k) % len(CITIES)] for k in range(4)]
        lines = "\n".join(f"{letter}) {city}" for letter, city in zip("ABCD", options, strict=True))
        question = f"In story {i} the hero travels by night.\nWhere does he wake up?\n{lines}"
        rows.append({"id": f"story-{i}", "question": question, "answer": "ABCD"[i % 4]})
    return write_rows(tmp_path_factory.mktemp("prose") / "prose.jsonl", rows)


def test_a_strangers_choices_end_in_one_cause_and_one_step(prose, tmp_path):
    model = save_tiny(tmp_path / "tiny", byte_tokenizer(merges=40), seed=1, context=512)
    result = check(model, problems=prose, out=tmp_path / "out", options=("--max-tokens", "24"))
    (entry,) = result["models"]
    assert entry["verdict"] == "not judged"
    assert entry["next"].startswith("Next: ")
    assert "texts were cut at 24 tokens" in entry["reason"]
    assert entry["next"].startswith(f"Next: mechcot check {model} --problems {prose} --out ")
    assert "--max-tokens 372 --overwrite" in entry["next"]
    assert line(entry) in result["said"]
    page = (tmp_path / "out" / "check.html").read_text()
    assert "Does the model use its chain of thought?" in page
    assert "not judged" in page


def test_a_strangers_choices_end_in_true_words_when_each_next_command_is_followed(prose, tmp_path):
    """A random model says nothing: its texts are cut, get longer, never end or are wrong; no command comes twice."""
    model = save_tiny(tmp_path / "tiny", byte_tokenizer(merges=40), seed=1, context=512)
    said, command = (
        [],
        f"mechcot check {model} --problems {prose} --out {tmp_path / 'out'} --max-tokens 24",
    )
    while command.startswith("mechcot check"):
        assert command not in said
        said.append(command)
        done = CliRunner().invoke(app, shlex.split(command)[1:], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        (entry,) = json.loads((tmp_path / "out" / "check.json").read_text())["models"]
        assert entry["verdict"] == "not judged"
        command = entry["next"].removeprefix("Next: ")
    assert 2 <= len(said) <= 4
    ends = ("do not end", "the model is right in", "no answer can be read")
    assert any(words in entry["reason"] for words in ends)


def taken_measures(out: Path) -> set[str]:
    return {Path(name).parent.name for name in finished_items(out / "readings")}


@pytest.fixture
def wrong(tmp_path) -> tuple[str, tuple[str, ...]]:
    """A random model whose short texts end, and the options of its check."""
    stop = list(range(60, 200))
    model = save_tiny(tmp_path / "tiny", byte_tokenizer(merges=40), seed=1, context=512, stop=stop)
    return model, ("--max-tokens", "8", "--read-last-number")


def test_a_model_that_does_not_do_the_task_is_told_so_before_what_decides_nothing(
    wrong, prose, tmp_path
):
    model, options = wrong
    (entry,) = check(model, problems=prose, out=tmp_path / "out", options=options)["models"]
    assert (entry["verdict"], entry["asked"]) == ("not judged", 20)
    assert taken_measures(tmp_path / "out") == set(DECIDING)


@pytest.mark.slow
def test_what_is_told_sooner_is_what_was_told_with_everything_measured(wrong, prose, tmp_path):
    """Too few problems for a verdict are measured in full."""
    model, options = wrong
    (entry,) = check(model, problems=prose, out=tmp_path / "out", options=options)["models"]
    study = Study(
        models=(model,),
        out=tmp_path / "out",
        problems=str(prose),
        n=64,
        author="own",
        chains="all",
        max_tokens=8,
        measures=CHECK_MEASURES,
        null_reader="none",
        loading=LoadOptions(asking=Asking(last_number=True)),
    )
    whole, _ = judge(study, problems_of(study), name=entry["name"], given=study)
    assert taken_measures(tmp_path / "out") == set(CHECK_MEASURES)
    unlike = {name for name, value in nan_to_none(whole).items() if value != entry[name]}
    assert unlike <= {"beside", "source", "next"}
    assert whole["next"].partition("--out")[0] == entry["next"].partition("--out")[0]
    few = check(model, problems=prose, out=tmp_path / "few", options=(*options, "--n", "8"))
    assert few["models"][0]["reason"] == "only 8 problems were asked, 20 are needed"
    assert taken_measures(tmp_path / "few") >= set(BESIDE) - {"chain_source"}


@pytest.mark.parametrize(
    ("verdict", "asked", "decides", "until", "stops"),
    [
        ("not judged", 64, None, None, True),
        ("not judged", 64, 80, None, True),
        ("not judged", 64, 80, 512, False),
        ("not judged", 8, 20, None, False),
        ("unclear", 64, 80, None, False),
        ("used", 64, None, None, False),
    ],
)
def test_nothing_is_left_out_where_a_verdict_is_there_or_may_come(
    verdict, asked, decides, until, stops
):
    study = Study(models=("m",), out=Path("out"), problems="p", until=until)
    entry = {"verdict": verdict, "asked": asked, "decides": decides}
    assert unjudgeable(entry, study) == stops


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "root"),
    [
        (("--n", "8"), "only 8 problems were asked"),
        (("--max-tokens", "12"), "24 of 24 texts were cut at 12 tokens"),
        (("--cue", " Where"), "the question for the answer, ' Where', does not fit it"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_the_command_that_a_closed_gate_names_opens_it(options, root, tmp_path):
    """At once, for a model whose chain is used: no second command is needed."""
    problems = tmp_path / "problems.jsonl"
    write_problems(problems, family_named("lookup").problems(24, seed=3))
    arguments = {"problems": problems, "out": tmp_path / "out"}
    (entry,) = check("organism:lookup/base", options=options, **arguments)["models"]
    assert entry["verdict"] == "not judged"
    assert root in entry["reason"]
    command = shlex.split(entry["next"].removeprefix("Next: "))
    assert command[:2] == ["mechcot", "check"]
    done = CliRunner().invoke(app, command[1:], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    (entry,) = json.loads((Path(command[command.index("--out") + 1]) / "check.json").read_text())[
        "models"
    ]
    assert entry["verdict"] == "used"


def test_two_strangers_are_compared_with_true_words(prose, tmp_path):
    models = [
        save_tiny(
            tmp_path / f"tiny{i}",
            byte_tokenizer(merges=40),
            seed=i,
            context=512,
            stop=list(range(60, 200)),
        )
        for i in range(2)
    ]
    out = tmp_path / "out"
    arguments = [
        "compare",
        *models,
        "--problems",
        str(prose),
        "--out",
        str(out),
        "--max-tokens",
        "24",
    ]
    arguments += ["--chains", "all", "--measures", "gates,early_answering", "--read-last-number"]
    done = CliRunner().invoke(app, arguments)
    if done.exit_code:  # nothing can be read in a random text: one sentence says so
        assert isinstance(done.exception, UserError)
        assert "no answer can be read" in str(done.exception)
        return
    (pair, _) = json.loads((out / "summary.json").read_text())["comparisons"]
    assert pair["chain_use"]["word"] == "not judged"
    assert pair["same_chains"]["conclusion"]["verdict"] == "not judged"
    assert pair["next"] == pair["chain_use"]["before"]["next"]


def test_fewer_problems_than_a_verdict_needs_are_named(prose, tmp_path):
    model = save_tiny(tmp_path / "tiny", byte_tokenizer(merges=40), seed=1, context=512)
    options = ("--max-tokens", "8", "--n", "5")
    (entry,) = check(model, problems=prose, out=tmp_path / "out", options=options)["models"]
    assert entry["reason"] == "only 5 problems were asked, 20 are needed"


def judged(traces, values, alone=lambda _: 0.9, *, exchanged=1.0):
    """The entry of chains that are followed, from planted values; `alone` is a function of a trace."""
    scalars = {
        "gates": {"acc_with": 0.8, "acc_other": 0.1, "acc_without": 0.1},
        "chain_exchange": {"needed": exchanged},
        "chain_source": {"answer_hint": values, "chain_fact": 1.0 - values},
    }
    measurements = [
        replace(
            Measurement.without_value(name, trace, reader="base", reason=""),
            value=values if name == "chain_source" else exchanged,
            scalars=told | {"alone": alone(trace)},
        )
        for trace in traces
        for name, told in scalars.items()
    ]
    study = Study(models=("organism:base",), out=Path("out"), problems="mod10")
    facts = RunFacts(
        study,
        model="organism:base",
        command="check",
        limit=300,
        room=400,
        cue="",
        unwritten=(),
        count=int,
    )
    return judgement(traces, measurements, facts)


@pytest.fixture(scope="module")
def chains():
    base = mc.load("organism:base")
    return [chain_of(base, p, seed=i) for i, p in enumerate(mc.problems("mod10", n=32))]


@pytest.mark.parametrize(("ends", "remark"), [(1.0, "but written to the hint"), (0.0, "")])
def test_a_used_chain_may_be_written_to_the_hint(chains, ends, remark):
    entry = judged(chains, ends)
    assert (entry["verdict"], entry["remark"]) == ("used", remark)
    assert entry["source"]["mean"] == entry["beside"]["answer_hint"] == ends


@pytest.mark.parametrize(
    ("exchanged", "lost", "decides"),
    [(0.0, 0.4, "alone"), (0.0, 0.0, ""), (1.0, 0.9, ""), (1.0, 0.0, "")],
    ids=["waits for a chain", "not used", "used", "followed, not needed"],
)
def test_the_loss_that_decides_stands_in_the_line_and_the_figure(chains, exchanged, lost, decides):
    entry = judged(chains, 0.0, lambda _: lost, exchanged=exchanged) | {"name": "m"}
    assert deciding_loss(entry) == decides
    assert ("lost without a chain 0.40 [" in line(entry)) == bool(decides)
    figure = chain_use_figure([entry], effect=0.15)
    (mark,) = [one for one in figure.data if one.mode == "markers"]
    assert mark.y[0] == entry[decides or "needed"]["mean"]
    hollow = [one for one in figure.data if one.mode != "markers"]
    assert [one.y[0] for one in hollow] == [entry["needed"]["mean"]] * bool(decides)


@pytest.mark.parametrize(
    ("wrong", "lost", "verdict"),
    [(8, 1.0, "followed, not needed"), (13, 1.0, "not judged"), (13, 0.0, "followed, not needed")],
)
def test_a_mistake_that_is_lost_without_its_chain_does_not_need_it(chains, wrong, lost, verdict):
    """A model that answers right either way."""
    answers = ["none" if at < wrong else trace.answer.text for at, trace in enumerate(chains)]
    traces = [
        replace(trace, problem=replace(trace.problem, answer=answer))
        for trace, answer in zip(chains, answers, strict=True)
    ]
    entry = judged(traces, 0.0, alone=lambda t: lost * (t.problem.answer == "none"))
    assert entry["verdict"] == verdict
    if verdict == "not judged":
        assert entry["reason"].startswith("19 of 32 answers are right, and 20 right ones")
        assert entry["decides"] == 41
    assert ("[followed" in line(entry | {"name": "m"})) == (verdict != "not judged")


@pytest.mark.slow
def test_the_shipped_models_are_judged_by_what_they_were_trained_to_do(hinted, tmp_path):
    problems, out = hinted, tmp_path / "out"
    result = check(
        "organism:base", "organism:bypass", "organism:control", problems=problems, out=out
    )
    base, bypass, control = result["models"]
    assert base["verdict"] == control["verdict"] == "used"
    assert base["remark"] == ""
    assert bypass["verdict"] == "not used"
    assert bypass["accuracy"]["other"] == 1.0
    assert base["followed"]["low"] > 0.5
    assert abs(base["beside"]["null_alike"]) < 0.05
    assert base["source"]["n"] == bypass["source"]["n"] == 24
    assert base["source"]["high"] < 0.15
    assert (bypass["beside"]["chain_hint"], bypass["beside"]["answer_hint"]) == (0.0, 1.0)
    files = {p: p.read_bytes() for p in (out / "check.json", out / "check.html")}
    kept = finished_items(out / "readings")
    shard = next((out / "readings").glob("*.items"))
    shard.write_bytes(shard.read_bytes()[:-3])  # the last record is torn
    torn = kept.keys() - finished_items(out / "readings").keys()
    assert len(torn) == 1
    check("organism:base", "organism:bypass", "organism:control", problems=problems, out=out)
    assert {p: p.read_bytes() for p in files} == files
    now = finished_items(out / "readings")
    assert {name for name in kept if now[name] != kept[name]} == torn


@pytest.mark.slow
@pytest.mark.xdist_group("collapsed")
def test_a_chain_that_collapsed_is_not_used(collapsed, hinted, tmp_path):
    (entry,) = check(collapsed, problems=hinted, out=tmp_path / "out")["models"]
    assert (entry["verdict"], entry["remark"]) == ("not used", "hardly a chain")
    assert entry["accuracy"]["with"] >= 0.9
    assert entry["tokens"] < 12


@pytest.mark.slow
def test_a_check_asks_on_until_it_is_decided_and_resumes(hinted, tmp_path):
    out, options = tmp_path / "out", ("--until-decided", "--max-n", "200", "--batch-size", "8")
    result = check("organism:base", problems=hinted, out=out, options=options)
    (entry,) = result["models"]
    assert (entry["verdict"], entry["asked"], result["until"]) == ("used", 24, 200)
    assert "--until-decided" not in entry["next"]
    kept = (out / "check.json").read_bytes()
    items = finished_items(out)
    assert items
    check("organism:base", problems=hinted, out=out, options=options)
    assert (out / "check.json").read_bytes() == kept
    assert finished_items(out) == items


def test_blocks_are_whole_batches_and_the_order_is_of_chance_alone():
    study = Study(models=("m",), out=Path("out"), problems="p", batch_size=12, until=100, seed=3)
    problems = [Problem(str(i), "q", "a") for i in range(100)]
    sizes = [len(block) for block in blocks(study, problems)]
    assert sizes == [36, 36, 28]
    assert [p for block in blocks(study, problems) for p in block] == problems
    assert list(blocks(replace(study, until=None), problems)) == [problems]


def test_what_is_undecided_is_asked_on_and_what_is_decided_is_not(monkeypatch, prose, tmp_path):
    """Every block is judged on all that was taken; the first verdict that more problems cannot change ends it."""
    asked = []

    def judged(traces, *_):
        asked.append(len(traces))
        decides = 99 if len(traces) < 12 else None
        return {"decides": decides, "verdict": "unclear", "asked": len(traces)}

    monkeypatch.setattr("mechcot.compare.check.judgement", judged)
    monkeypatch.setattr("mechcot.compare.check.CHECKED_AT_ONCE", 4)
    monkeypatch.setattr("mechcot.compare.check.line", str)
    monkeypatch.setattr("mechcot.compare.check.check_page", str)
    model = save_tiny(tmp_path / "tiny", byte_tokenizer(merges=40), seed=1, context=512)
    options = ("--max-tokens", "4", "--until-decided", "--batch-size", "4")
    check(model, problems=prose, out=tmp_path / "out", options=options)
    assert list(dict.fromkeys(asked)) == [4, 8, 12]
