import json
from dataclasses import replace

import pandas as pd
import pytest

from mechcot.stats.pair_comparison import compare_pair

PAIR = {"before": "base", "after": "tuned", "author": "base"}


@pytest.fixture
def study(make_readings, make_scalars, make_card, rng):
    """Measurements, scalars and cards of a model that fell by `fall` on three measures."""

    def build(fall, *, n=60, author="base", **scalars):
        names = ["early", "filler", "patching"]
        base = rng.uniform(0.74, 0.8, size=n)
        tuned = base - fall + rng.normal(0, 0.005, size=n)
        measurements = pd.concat(
            [
                make_readings({"base": base, "tuned": tuned}, measure=name, author=author)
                for name in names
            ]
        )
        return (
            measurements,
            make_scalars(n, author=author, **scalars),
            [make_card(name) for name in names],
        )

    return build


def test_a_model_that_bypasses_its_chain(study):
    found = compare_pair(*study(0.7, acc_other=[("base", 0.1), ("tuned", 1.0)]), **PAIR)
    lines = found.sentences()
    assert lines[0].startswith("Accuracy did not change: 100 % right before, 100 % after")
    assert lines[1].startswith(
        "The chain is no longer used: 3 of 3 judged measures fell (Early, Filler and Patching)"
    )
    assert len(lines) == 5
    assert found.matched is None


def test_a_control_shows_no_change(study):
    found = compare_pair(*study(0.0), **PAIR)
    assert found.conclusion.verdict == "no change"
    assert set(found.table["verdict"]) == {"no change"}


def test_a_broken_model_is_not_judged_but_its_accuracy_is(study):
    found = compare_pair(*study(0.7, acc_with=[("tuned", 0.0)]), **PAIR)
    accuracy, chain = found.sentences()[:2]
    assert accuracy.startswith("Accuracy fell: 100 % right before, 0 % after")
    assert chain.startswith(
        "Whether the chain is still used is not judged: accuracy gate closed: tuned answers 0% right"
    )


def test_summary_is_strict_json_and_repeatable(study):
    tables = study(0.3)
    one, two = (
        json.dumps(compare_pair(*tables, **PAIR).summary(), allow_nan=False) for _ in range(2)
    )
    assert one == two
    summary = json.loads(one)
    assert set(summary) == {
        "before",
        "after",
        "author",
        "gates",
        "measures",
        "accuracy",
        "conclusion",
        "matched",
    }
    assert {"before", "after", "delta", "low", "high", "n", "p", "verdict", "sentence"} <= set(
        summary["measures"][0]
    )
    assert summary["conclusion"]["sentence"].startswith("The chain is used less")
    assert summary["gates"][0]["name"] == "items"


def test_own_chains_are_judged_on_items_of_matched_length(study):
    tables = study(0.3, author=None, n_tokens=[("tuned", [100.0] * 40 + [20.0] * 20)])
    found = compare_pair(*tables, **(PAIR | {"author": None}))
    assert set(found.table["n"]) == {40}
    assert found.accuracy.n == 60
    assert found.matched.considered == 60
    gate = next(g for g in found.gates if g.name == "length")
    assert gate.ok
    assert gate.reason.startswith("40 of 60 items have own chains")
    assert found.summary()["author"] == "own"


def test_own_chains_of_unmatched_length_are_not_judged(study):
    tables = study(0.3, author=None, n_tokens=[("tuned", 20.0)])
    found = compare_pair(*tables, **(PAIR | {"author": None}))
    assert set(found.table["verdict"]) == {"not judged"}
    assert "lengths cannot be matched" in found.table["reason"][0]


def test_what_would_decide_an_open_claim_comes_from_widths_alone(study):
    claim = compare_pair(*study(0.0), **PAIR)
    assert claim.conclusion.verdict != "inconclusive"
    assert claim.decides is None
    rows = {
        "verdict": ["inconclusive", "inconclusive", "less"],
        "low": [-0.5, -0.2, -0.9], "high": [0.1, 0.0, -0.7],
        "smallest_effect": [0.15, 0.15, 0.15], "n": [20, 20, 20],
    }  # fmt: skip
    unsure = replace(claim.conclusion, verdict="inconclusive")
    wide = replace(claim, table=pd.DataFrame(rows), conclusion=unsure)
    assert wide.decides == 80  # half a width of 0.3 is twice the smallest effect
    moved = {name: [x + 0.3 for x in rows[name]] for name in ("low", "high")}
    assert replace(wide, table=pd.DataFrame(rows | moved)).decides == wide.decides
    narrow = {"low": [-0.2, -0.2, -0.9], "high": [0.0, 0.0, -0.7]}
    assert replace(wide, table=pd.DataFrame(rows | narrow)).decides == 4 * 20
