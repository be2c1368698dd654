import json

import numpy as np
import pandas as pd
import pytest

from mechcot.core.errors import UserError
from mechcot.stats.contrast import CONTRAST_COLUMNS, contrast_readers
from mechcot.stats.equivalence import equivalence
from mechcot.stats.gate_bounds import Gate
from mechcot.stats.measurement_tables import json_rows

NUMBERS = ["before", "after", "delta", "low", "high", "n", "p", "p_equivalence", "effect_size"]


@pytest.fixture
def compare(make_card):
    def run(measurements, cards=None, **changes):
        about = {
            "before": "base",
            "after": "tuned",
            "author": "base",
            "gates": (),
            "resamples": 999,
        }
        return contrast_readers(measurements, cards or [make_card()], **(about | changes))

    return run


def one(table):
    assert list(table.columns) == list(CONTRAST_COLUMNS)
    assert len(table) == 1
    return table.iloc[0]


def test_a_planted_fall_is_found(compare, make_readings, rng):
    base = rng.uniform(0.6, 0.9, size=50)
    row = one(compare(make_readings({"base": base, "tuned": base - 0.5})))
    assert row["verdict"] == "less"
    assert row["delta"] == pytest.approx(-0.5)
    assert row["before"] == pytest.approx(base.mean())
    assert (row["n"], row["dropped"], row["author"], row["status"]) == (
        50,
        0,
        "base",
        "provisional",
    )
    assert row["low"] <= row["delta"] <= row["high"] < 0
    assert row["before_low"] < row["before"] < row["before_high"]


def test_identical_sides_are_exactly_zero_and_no_change(compare, make_readings, rng):
    values = rng.uniform(size=50)
    row = one(compare(make_readings({"base": values, "tuned": values})))
    assert (row["delta"], row["low"], row["high"], row["p"]) == (0.0, 0.0, 0.0, 1.0)
    assert np.isnan(row["effect_size"])
    assert row["verdict"] == "no change"
    assert json_rows(pd.DataFrame([row]))[0]["effect_size"] is None
    json.dumps(json_rows(pd.DataFrame([row])), allow_nan=False)


def test_a_reader_against_itself_is_exactly_zero(compare, make_readings, rng):
    row = one(compare(make_readings({"base": rng.uniform(size=50)}), after="base"))
    assert (row["delta"], row["p"], row["verdict"]) == (0.0, 1.0, "no change")


def test_order_of_rows_changes_nothing(compare, make_readings, rng):
    measurements = make_readings({"base": rng.uniform(size=40), "tuned": rng.uniform(size=40)})
    for seed in range(3):
        shuffled = measurements.sample(frac=1, random_state=seed)
        pd.testing.assert_frame_equal(compare(measurements), compare(shuffled))


def test_swapping_before_and_after_flips_the_sign_exactly(compare, make_readings, rng):
    measurements = make_readings(
        {"base": rng.beta(2, 5, size=37), "tuned": rng.beta(3, 4, size=37)}
    )
    one_way = one(compare(measurements))
    other = one(compare(measurements, before="tuned", after="base"))
    assert other["delta"] == -one_way["delta"]
    assert (other["low"], other["high"]) == (-one_way["high"], -one_way["low"])
    assert other["effect_size"] == -one_way["effect_size"]
    assert (other["p"], other["p_equivalence"]) == (one_way["p"], one_way["p_equivalence"])
    assert (other["before"], other["after"]) == (one_way["after"], one_way["before"])


def test_another_measure_in_the_report_changes_only_the_corrections(
    compare, make_readings, make_card, rng
):
    early = make_readings({"base": rng.uniform(size=40), "tuned": rng.uniform(size=40)})
    filler = make_readings(
        {"base": rng.uniform(size=40), "tuned": rng.uniform(size=40)}, measure="filler"
    )
    alone = compare(early).iloc[0]
    both = compare(pd.concat([early, filler]), [make_card("filler"), make_card()]).iloc[1]
    assert both[NUMBERS].tolist() == alone[NUMBERS].tolist()
    assert both["p_holm"] >= alone["p_holm"]


def test_holm_family_is_the_judgeable_rows(compare, make_readings, make_card, rng):
    names = ["early", "filler", "words", "gated"]
    base = rng.uniform(0.5, 0.9, size=40)
    measurements = pd.concat(
        [
            make_readings({"base": base, "tuned": base - rng.normal(0.05, 0.2, size=40)}, measure=n)
            for n in names
        ]
    )
    cards = [
        make_card("early", low=-1.0),
        make_card("filler"),
        make_card("words", direction=0),
        make_card("gated"),
    ]
    shut = Gate("identity", "after", 0.1, 0.0, ok=False, reason="it moved", measure="gated")
    table = compare(measurements, cards, gates=[shut]).set_index("measure")
    assert np.isnan(table.loc[["words", "gated"], "p_holm"]).all()
    p = sorted(table.loc[["early", "filler"], "p"])
    assert sorted(table.loc[["early", "filler"], "p_holm"]) == pytest.approx(
        [min(1, 2 * p[0]), max(2 * p[0], p[1])]
    )
    assert table.loc["words", "verdict"] == "not judged"
    assert table.loc["words", "reason"].startswith(
        "this number cannot tell whether the chain is used"
    )
    assert table.loc["gated", "reason"] == "identity gate closed: it moved"
    assert np.isfinite(table["p"]).all()


def test_a_closed_shared_gate_silences_every_measure(compare, make_readings):
    shut = Gate("accuracy", "after", 0.1, 0.2, ok=False, reason="tuned is near chance")
    row = one(compare(make_readings({"base": [0.9] * 50, "tuned": [0.1] * 50}), gates=[shut]))
    assert row["verdict"] == "not judged"
    assert row["reason"] == "accuracy gate closed: tuned is near chance"
    assert row["delta"] == pytest.approx(-0.8)


def test_dropped_pairs_are_counted_and_too_few_are_not_judged(compare, make_readings):
    values = [0.9] * 15 + [np.nan] * 10
    measurements = make_readings({"base": [0.9] * 25, "tuned": values})
    measurements.loc[measurements["value"].isna(), "reason"] = "answer not read"
    row = one(compare(measurements))
    assert (row["n"], row["dropped"]) == (15, 10)
    assert row["verdict"] == "not judged"
    assert (
        row["reason"] == "only 15 complete pairs, 20 are needed; 10 dropped: answer not read (10)"
    )


def test_a_measure_without_readings_gets_a_row(compare, make_readings, make_card):
    table = compare(make_readings({"base": [0.5] * 30, "tuned": [0.5] * 30}), [make_card("absent")])
    row = one(table)
    assert (row["n"], row["verdict"]) == (0, "not judged")
    assert row["reason"] == "only 0 complete pairs, 20 are needed"
    assert json_rows(table)[0]["delta"] is None


def test_an_unknown_model_is_named(compare, make_readings):
    with pytest.raises(
        UserError, match="no readings by the model 'nobody'; there are readings by base, tuned"
    ):
        compare(make_readings({"base": [0.1], "tuned": [0.2]}), after="nobody")


def test_clusters_count_as_units(compare, make_readings, rng):
    values = np.repeat(rng.uniform(0.2, 0.4, size=10), 5)
    measurements = make_readings({"base": np.repeat(0.5, 50), "tuned": values})
    clusters = {f"i{k:03d}": f"c{k // 5}" for k in range(50)}
    row = one(compare(measurements, clusters=clusters))
    assert (row["n"], row["units"]) == (50, 10)
    same = dict.fromkeys(clusters, "one")
    assert one(compare(measurements, clusters=same))["reason"].startswith(
        "all items belong to one cluster"
    )


def family(make_readings, make_card, rng, *, shift, spread=0.15, n=40, smallest=0.001):
    names = ["m1", "m2", "m3", "m4", "m5"]
    measurements = []
    common = rng.normal(size=n)
    for name in names:
        noise = spread * (0.7 * common + 0.7 * rng.normal(size=n))
        base = np.full(n, 0.5)
        measurements.append(
            make_readings({"base": base, "tuned": base + shift + noise}, measure=name)
        )
    cards = [make_card(name, low=-5.0, high=6.0, smallest_effect=smallest) for name in names]
    return pd.concat(measurements), cards


def test_false_verdicts_under_the_null_are_at_most_5_percent(
    compare, make_readings, make_card, rng
):
    """Five correlated measures, a negligible smallest effect: only p, Holm and the interval protect."""
    false = 0
    for seed in range(80):
        measurements, cards = family(make_readings, make_card, rng, shift=0.0)
        verdicts = set(compare(measurements, cards, seed=seed, resamples=399)["verdict"])
        false += bool(verdicts & {"less", "more"})
    assert false / 80 <= 0.05 + 2 * (0.05 * 0.95 / 80) ** 0.5


def test_power_under_a_planted_effect(compare, make_readings, make_card, rng):
    found = []
    for seed in range(8):
        measurements, cards = family(make_readings, make_card, rng, shift=-0.2, smallest=0.1)
        found.append(
            (compare(measurements, cards, seed=seed, resamples=999)["verdict"] == "less").mean()
        )
    assert np.mean(found) > 0.95


def test_a_small_but_clear_difference_is_not_a_verdict(compare, make_readings, rng):
    base = rng.uniform(0.3, 0.7, size=200)
    row = one(compare(make_readings({"base": base, "tuned": base - 0.03})))
    assert row["p"] < 0.01
    assert row["verdict"] == "no change"
    assert row["reason"].endswith("a smaller one was found")


def test_the_equivalence_test_knows_the_whole_span_of_a_signed_card(
    compare, make_readings, make_card, rng
):
    base = rng.uniform(0.4, 0.6, size=60)
    measurements = make_readings({"base": base, "tuned": base + rng.normal(0, 0.02, 60)})
    about = {"bound": 0.15, "resamples": 999, "seed": 0, "purpose": "early"}
    for low, span in ((0.0, 1.0), (-1.0, 2.0)):
        row = one(compare(measurements, [make_card(low=low, smallest_effect=0.15)]))
        moved = measurements["value"][60:].to_numpy() - measurements["value"][:60].to_numpy()
        assert row["p_equivalence"] == equivalence(moved, span=span, **about).p
