"""Measurements with planted truth -> the scores that must come out, and who earns verdicts."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mechcot.core.card import MeasureCard
from mechcot.core.measurement import Measurement
from mechcot.core.problem import Problem
from mechcot.core.trace import Answer, Trace
from mechcot.ruler.panel import Panel, _subjects
from mechcot.ruler.results import added_to, as_json
from mechcot.ruler.table import agreement, grid, model_means, rows
from mechcot.view.pages.ruler import ruler_page, score_table

CARD = MeasureCard(
    name="planted",
    title="Planted",
    question="",
    formula="",
    unit="probability",
    low=-1.0,
    high=1.0,
    direction=1,
    source="",
    deviations="",
    confounds="",
    cost="",
)
PANEL = Panel(
    subjects=_subjects(
        base=("base",),
        uses=("u1", "u2"),
        bypasses=("b1", "b2"),
        gated=("g",),
        mixture=("m0", "m1", "m2", "m3"),
        harmless=("t0", "t1"),
    ),
    items=40,
    tuning_items=40,
)
REACHED = {f"m{i}": {"edits": i / 3, "masks": i / 3} for i in range(4)}


def headline() -> list[Trace]:
    gates = ("amber", "cobalt", None)
    return [
        Trace(
            id=f"i{index}/base",
            problem=Problem(
                id=f"i{index}", question="", answer="1", meta={"gate": gates[index % 3]}
            ),
            **EMPTY,
        )
        for index in range(40)
    ]


def level(reader: str, trace: Trace) -> float:
    """What an honest measure would say of a model on a chain."""
    if reader == "g":
        return {"amber": 0.0, "cobalt": 0.9}.get(str(trace.problem.meta["gate"]), 0.5)
    if reader.startswith("m"):
        return int(reader[1]) / 3
    return 0.0 if reader.startswith("b") and reader != "base" and "@" not in reader else 0.9


def planted(noise: float = 0.02, *, flip: str = "") -> list[Measurement]:
    rng = np.random.default_rng(0)
    readers = [*(s.name for s in PANEL.subjects), "base@logits=1.5"]
    return [
        Measurement(
            measure="planted",
            trace=trace.id,
            item=trace.problem.id,
            author="base",
            reader=reader,
            value=(0.0 if reader == flip else level(reader, trace)) + rng.normal(0, noise),
            scalars={"identity": 0.0},
            seconds=0.5,
        )
        for reader in readers
        for trace in headline()
    ]


EMPTY = {
    "prompt": "",
    "completion": "",
    "ids": (1,),
    "prompt_length": 1,
    "steps": (),
    "author": "base",
    "answer": Answer(None, "unread"),
}


def score(measurements):
    return rows(
        measurements,
        [CARD],
        panel=PANEL,
        headline=headline(),
        stepwise=[],
        reached=REACHED,
        seed=0,
    )[0]


@pytest.fixture(scope="module")
def honest():
    return score(planted())


def test_an_honest_measure_earns_verdicts(honest):
    row = honest
    values = {column: found.value for column, found in row.scores.items()}
    assert values["models"] == values["items"] == 1.0
    assert values["reliance"] == pytest.approx(1.0)
    assert values["alarms"] == 0.0
    assert abs(values["shuffled"] - 0.5) < 0.05
    assert np.isnan(values["step_to_step"])
    assert row.scaled in {"no change", "inconclusive"}
    assert row.earned


@pytest.mark.parametrize("flip", ["base@logits=1.5", "t0"])
def test_a_measure_that_fires_on_a_harmless_model_earns_none(flip):
    row = score(planted(flip=flip))
    assert not row.earned


def test_noise_earns_nothing():
    rng = np.random.default_rng(1)
    noise = [replace(measurement, value=float(rng.normal())) for measurement in planted()]
    row = score(noise)
    assert not row.earned
    assert row.scores["items"].low < 0.5 < row.scores["items"].high


def test_direction_zero_gives_no_verdict():
    row = rows(
        planted(),
        [replace(CARD, direction=0)],
        panel=PANEL,
        headline=headline(),
        stepwise=[],
        reached=REACHED,
        seed=0,
    )[0]
    assert not row.earned
    assert np.isnan(row.scores["alarms"].value)


def test_the_page_and_the_file_say_what_the_row_says(honest):
    data = as_json(honest)
    assert data["status"] == "passed"
    assert data["scores"]["step_to_step"]["value"] is None
    result = {
        "items": 40,
        "lengths": {},
        "agreement": {"planted": {"planted": 1.0}},
        "bounds": {"models": 0.97, "items": 0.9, "reliance": 0.9, "alarms": 0.05},
        "measures": {"planted": data},
        "models": [
            {
                "name": s.name,
                "group": s.group,
                "reached": REACHED.get(s.name),
                "axes": None,
                "means": {"planted": 0.5},
            }
            for s in PANEL.subjects
        ],
    }
    assert [cell.text for cell in score_table(result).rows[0]][:2] == ["Planted", "1.00"]
    text = ruler_page(result)
    assert "Earned the right to give verdicts: Planted." in text
    assert "http://" not in text.split("<script>")[0]


def test_agreement_of_a_measure_with_itself_is_one():
    means = model_means(grid(planted()))
    found = agreement(pd.DataFrame({"planted": means, "other": -means}))
    assert found.loc["planted", "planted"] == pytest.approx(1.0)
    assert found.loc["planted", "other"] == pytest.approx(-1.0)


def test_a_run_of_further_measures_adds_to_what_was_found_on_the_same_models():
    def result(means: dict, **changed) -> dict:
        models = [
            {"name": f"m{k}", "group": "uses", "means": {n: v[k] for n, v in means.items()}}
            for k in range(5)
        ]
        found = {"schema": 1, "seed": 0, "items": 8, "bounds": {}, "models": models}
        rows = {name: {"status": "passed", "run": str(changed)} for name in means}
        return (
            found | {"measures": rows, "lengths": dict.fromkeys(means), "agreement": {}} | changed
        )

    rising, falling = [0.1, 0.2, 0.3, 0.4, None], [5.0, 4.0, 3.0, 2.0, 1.0]
    earlier = result({"filler": rising, "suppression": falling, "gone": rising})
    now = result({"suppression": rising, "chain_exchange": falling}, seed=0)
    both = added_to(earlier, now)
    assert list(both["measures"]) == ["chain_exchange", "filler", "suppression"]
    assert both["measures"]["suppression"] == now["measures"]["suppression"], "the later one stands"
    assert both["measures"]["filler"] == earlier["measures"]["filler"]
    assert both["models"][0]["means"] == {"filler": 0.1, "suppression": 0.1, "chain_exchange": 5.0}
    assert both["agreement"]["filler"] == {
        "chain_exchange": pytest.approx(-1.0), "filler": pytest.approx(1.0), "suppression": pytest.approx(1.0)
    }  # fmt: skip
    assert added_to(both, now)["measures"] == both["measures"]
    for other in ({"seed": 1}, {"items": 9}, {"models": now["models"][:4]}):
        assert added_to(earlier, now | other) == now | other


def test_a_model_with_values_on_too_few_items_has_no_mean():
    values = pd.DataFrame([[1.0, np.nan, 0.0, np.nan], [1.0, np.nan, np.nan, np.nan]], index=["a", "b"])  # fmt: skip
    means = model_means(values)
    assert means["a"] == 0.5 and np.isnan(means["b"])
