"""An open claim on the same chains beside a decided one on own chains: which claim it is, and what would decide it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mechcot.compare.own_use import UseClaim
from mechcot.compare.pair_finding import PairFinding
from mechcot.compare.pair_step import next_step
from mechcot.compare.settings import Study
from mechcot.stats.chain_use_change import AXES, AxisChange, UseChange
from mechcot.stats.pair_comparison import compare_pair
from tests.compare.test_unjudged import facts
from tests.stats.conftest import make_card, make_readings, make_scalars

STUDY = Study(models=("tiny", "later"), out=Path("out"), problems="p.jsonl", n=24)
SAME = AxisChange(0.0, -0.01, 0.01, 40, 0.01, "no change")


@pytest.fixture
def finding() -> PairFinding:
    """Own chains say `as before`; on the same chains the one measure is undecided."""
    fell = [0.9 if i % 2 else 0.1 for i in range(40)]
    claim = compare_pair(
        make_readings({"base": [0.6] * 40, "tuned": fell}),
        make_scalars(),
        [make_card()],
        before="base",
        after="tuned",
        author="base",
    )
    side: dict[str, Any] = {"verdict": "used", "reason": "", "next": "", "tokens": 30}
    side |= {axis: {"mean": 0.9} for axis in AXES} | {"needed": {"by": "alone", "mean": 0.9}}
    change = UseChange("used as before", "no change", dict.fromkeys(AXES, SAME))
    use = UseClaim(side | {"name": "base"}, side | {"name": "tuned"}, change)
    return PairFinding(claim, own=None, strata=pd.DataFrame(), use=use)


def test_an_open_claim_beside_a_decided_one_says_which_it_is_and_what_decides_it(finding):
    assert finding.headline.conclusion.verdict == "inconclusive"
    ahead = next_step(STUDY, finding, lambda _: facts(study=STUDY))
    own, same, said, _ = replace(finding, next=ahead).told()
    assert own.startswith("Own chains: used as before: ")
    opens = "On the same chains: it is not clear whether the use of the chain changed: "
    assert same.startswith(opens)
    assert said.startswith("Next: mechcot check tiny later --problems p.jsonl --out out --n ")
    assert int(said.split("--n ")[1].split()[0]) == finding.headline.decides


def test_where_the_file_has_no_more_it_says_how_many_are_wanted(finding):
    ahead = next_step(STUDY, finding, lambda _: facts(held=24, study=STUDY))
    wanted = finding.headline.decides
    assert ahead == f"Next: a file of about {wanted} problems (p.jsonl has 24)"


def test_given_chains_want_more_chains_and_a_null_wants_nothing(finding, tmp_path):
    given = Study(models=STUDY.models, out=Path("out"), traces=tmp_path / "t.jsonl")
    assert next_step(given, finding, lambda _: facts(study=given)) == "Next: more chains"
    null = replace(finding, headline=replace(finding.headline, after="tiny@logits=1.5"))
    assert next_step(STUDY, null, lambda _: facts(study=STUDY)) == ""


def test_a_decided_claim_needs_nothing(finding):
    settled = replace(finding.headline.conclusion, verdict="no change")
    done = replace(finding, headline=replace(finding.headline, conclusion=settled))
    assert next_step(STUDY, done, lambda _: facts(study=STUDY)) == ""
    assert done.leads == "same"
