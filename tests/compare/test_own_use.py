"""`compare` on each model's own chains: a verdict for each, what changed between them, and which claim leads."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mechcot.cli.main import app
from mechcot.compare.run import run
from mechcot.compare.settings import Study, use_cells


def compare(*models: str, problems: Path, out: Path) -> dict:
    arguments = [
        "compare",
        *models,
        "--problems",
        str(problems),
        "--out",
        str(out),
        "--measures",
        "gates",
    ]
    done = CliRunner().invoke(app, [*arguments, "--n", "24"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads((out / "summary.json").read_text()) | {"said": done.output}


def test_every_model_reads_its_own_finished_chains_and_the_null_those_of_the_first(
    strangers, chains, tmp_path
):
    study = Study(models=strangers, out=tmp_path, problems="p.jsonl")
    cells = use_cells(study)
    assert {cell.measures for cell in cells} == {("chain_exchange",)}
    assert [(cell.author, cell.reader) for cell in cells] == [
        ("one", "one"), ("two", "two"), ("one", "one@logits=1.5"),
    ]  # fmt: skip
    given = Study(models=strangers, out=tmp_path, traces=chains)
    assert use_cells(given) == ()


def test_too_few_items_are_one_reason_and_the_other_claim_leads(strangers, sums, tmp_path):
    study = Study(
        models=strangers, out=tmp_path, problems=str(sums), author="own", chains="all",
        max_tokens=24, measures=("gates",), null_reader="none",
    )  # fmt: skip
    (pair,) = run(study)["comparisons"]
    use = pair["chain_use"]
    assert (use["word"], use["verdict"]) == ("not judged", "not judged")
    assert (
        use["sentence"] == "Own chains: not judged: one: only 5 problems were asked, 20 are needed."
    )
    assert {use["before"]["name"], use["after"]["name"]} == {"one", "two"}


@pytest.mark.slow
@pytest.mark.xdist_group("collapsed")
def test_a_collapsed_chain_is_judged_and_a_model_against_itself_is_as_before(
    collapsed, hinted, tmp_path
):
    out = tmp_path / "out"
    found = compare("organism:base", collapsed, "organism:base", problems=hinted, out=out)
    lost, itself, null = found["comparisons"]
    use = lost["chain_use"]
    assert (use["word"], use["verdict"]) == ("used → not used", "less")
    assert use["differences"]["followed"]["high"] < -0.5
    assert use["after"]["tokens"] < 12 < use["before"]["tokens"]
    assert lost["same_chains"]["conclusion"]["verdict"] == "not judged"
    assert itself["chain_use"]["word"] == "used as before"
    assert {d["mean"] for d in itself["chain_use"]["differences"].values()} == {0.0}
    assert null["null"]
    assert null["chain_use"]["verdict"] in {"no change", "inconclusive"}
    assert abs(null["chain_use"]["differences"]["followed"]["mean"]) < 0.15
    lines = [line.strip() for line in found["said"].splitlines()]
    pair = lines[lines.index(next(line for line in lines if "collapsed" in line and "→" in line)) :]
    assert pair[1].startswith("Own chains: used → not used: followed")
    page = (out / "report.html").read_text()
    assert page.index("Own chains: used → not used") < page.index(
        "Is the chain followed, and is it needed?"
    )
    assert page.count("A change of 10 points or more is ruled out") <= 2
