"""A dose is found where it can be, noted as measured where it cannot, and only equal doses are compared."""

import math
from dataclasses import replace

import pytest
import torch

from mechcot.core.errors import UserError
from mechcot.core.store import read_json, write_json
from mechcot.core.trace import Phase
from mechcot.model.generation.steering_hooks import PositionSelector
from mechcot.model.internals.sites import Site
from mechcot.stats.dose_tolerance import DOSE_FACTOR, OFF, same_dose
from mechcot.steering.conditions import arms
from mechcot.steering.contrast_vectors import pair_vectors
from mechcot.steering.controls import control
from mechcot.steering.dose_calibration import DoseCalibrator, OutOfReach, Overflow, _Measured
from mechcot.steering.experiment import Apply, Compare, Experiment, ItemSettings, VectorSpec
from mechcot.steering.run import run_experiment
from mechcot.steering.vector_commands import _describe
from mechcot.steering.vectors import Origin, SteeringVector
from mechcot.view.pages.steering import steering_page

SITE = Site("resid_post", 1)
QUESTION = PositionSelector(phases=(Phase.QUESTION,))


@pytest.fixture(scope="module")
def vector(base, pairs):
    return pair_vectors(base, pairs, sites=[SITE], read="prompt")[SITE]


@pytest.fixture
def curved(base, chains, vector):
    """A meter whose doses follow a curve of the factor, in lengths of the states; `start` is where the expansion points."""

    def make(curve, start=1.0):
        meter = DoseCalibrator(base, chains[:1], vector, PositionSelector())
        whole = meter.whole

        def given(gamma):
            kl = curve(gamma / whole)
            if kl == math.inf:
                raise Overflow("too much")
            return _Measured(kl, 0.5 * kl, 2 * kl, 3 * kl)

        meter._run = given
        meter.gamma_max = lambda _: start * whole
        return meter

    return make


def test_equal_means_equal_up_to_what_bisection_may_miss():
    assert same_dose(()) and same_dose((0.0, 0.0)) and same_dose((0.05,))
    assert same_dose(((1 - OFF) * 0.1, (1 + OFF) * 0.1))
    for low, high in ((0.001, 0.051), (0.1, 0.1 * DOSE_FACTOR * 1.001), (0.0, 0.01)):
        assert not same_dose((low, high)) and not same_dose((high, low, high))


def test_a_slow_scan_finds_the_same_factor(base, chains, vector):
    meter = DoseCalibrator(base, chains[:1], vector, QUESTION)
    dose = meter.dose(0.05)
    grid = [dose.gamma * k / 20 for k in range(31)]
    doses = [meter.measure(gamma)[0] for gamma in grid]
    assert doses[0] == 0.0
    reached = [g for g, kl in zip(grid, doses, strict=True) if abs(kl - 0.05) <= OFF * 0.05]
    assert reached[0] <= dose.gamma <= reached[-1]
    assert max(kl for g, kl in zip(grid, doses, strict=True) if g < reached[0]) < 0.05
    assert dose.kl_low == dose.kl == dose.kl_high <= dose.kl_max  # one chain


def test_the_ends_of_a_dose_are_those_of_single_chains(base, chains, vector):
    dose = DoseCalibrator(base, chains[:3], vector, QUESTION).dose(0.05)
    alone = [DoseCalibrator(base, [c], vector, QUESTION).measure(dose.gamma)[0] for c in chains[:3]]
    assert (dose.kl_low, dose.kl_high) == pytest.approx((min(alone), max(alone)), rel=1e-4)
    assert dose.kl_low < dose.kl < dose.kl_high


def test_a_planted_vector_and_a_random_one_come_to_one_dose_and_no_dose_is_exactly_none(
    base, chains
):
    """The planted one writes the answer's own word; the last block hands it on, so that it moves the logits directly."""
    site = Site("resid_post", 3)
    rows = base.model.get_output_embeddings().weight.detach()
    token = base.answer_ids("7")[0]
    origin = Origin(base.name, base.weights_hash, "planted", "unembedding", ())
    planted = SteeringVector(rows[token] - rows.mean(dim=0), site, origin)
    for one in (planted, control(planted, "random", seed=0)):
        meter = DoseCalibrator(base, chains[:2], one, PositionSelector())
        dose = meter.dose(0.02)
        assert same_dose((dose.kl, 0.02))
        assert meter.measure(0.0) == (0.0, 0.0)
        nothing = meter.nearest(0.0)
        assert (nothing.gamma, nothing.kl, nothing.kl_high) == (0.0, 0.0, 0.0)
        assert dose.gamma == pytest.approx(
            dose.gamma_max, rel=0.5
        )  # the expansion holds for small doses
    random = DoseCalibrator(
        base, chains[:2], control(planted, "random", seed=0), PositionSelector()
    ).dose(0.02)
    known = DoseCalibrator(base, chains[:2], planted, PositionSelector()).dose(0.02)
    assert random.gamma != pytest.approx(known.gamma, rel=0.05)


def test_of_several_crossings_the_first_is_taken(curved):
    def two_hills(x):
        return 0.15 * math.exp(-(((x - 0.6) / 0.2) ** 2)) + 0.3 / (1 + math.exp(-8 * (x - 2)))

    for start in (0.3, 0.8, 1.5, 2.2, 4.0):
        dose = curved(two_hills, start).dose(0.1)
        assert dose.gamma / curved(two_hills).whole < 0.6, start
        assert same_dose((dose.kl, 0.1))


def test_a_hill_between_two_doublings_is_found(curved):
    def hill(x):
        return 0.03 + 0.09 * math.exp(-((math.log2(x / 2.83) / 0.3) ** 2)) if x else 0.0

    assert all(hill(2.0**k) < 0.1 for k in range(9))
    meter = curved(hill)
    dose = meter.dose(0.1)
    assert same_dose((dose.kl, 0.1)) and 2 < dose.gamma / meter.whole < 2.83


@pytest.mark.parametrize("start", [1e-3, 1.0, 1e3])
def test_where_it_saturates_the_nearest_is_the_least_factor_of_the_plateau(curved, start):
    meter = curved(lambda x: 0.04 * x**2 / (1 + x**2), start)
    with pytest.raises(
        OutOfReach, match=r"gives 0.05 nats .*\(the most is 0.04 nats, at .* smaller dose"
    ):
        meter.dose(0.05)
    dose = meter.nearest(0.05)
    assert dose.kl == pytest.approx(0.04, rel=0.02) and dose.gamma / meter.whole < 16
    assert same_dose((meter.nearest(0.039).kl, 0.039))


def test_an_expansion_without_a_slope_starts_at_the_length_of_the_states(curved):
    meter = curved(lambda x: max(0.0, x - 0.5) ** 2, math.inf)
    assert same_dose((meter.dose(0.1).kl, 0.1))


def test_states_that_overflow_end_the_search_and_not_the_run(curved):
    meter = curved(lambda x: 0.02 * x if x < 4 else math.inf)
    assert same_dose((meter.dose(0.05).kl, 0.05))
    with pytest.raises(OutOfReach, match=r"the most is 0\.0566"):
        meter.dose(0.1)
    assert meter.nearest(0.1).kl == pytest.approx(0.02 * 2**1.5)


def test_a_vector_of_nothing_is_out_of_reach_of_every_dose_but_none(base, chains):
    origin = Origin(base.name, base.weights_hash, "nothing", "nothing", ())
    meter = DoseCalibrator(
        base, chains[:1], SteeringVector(torch.zeros(128), SITE, origin), PositionSelector()
    )
    assert meter.dose(0.0).gamma == 0
    with pytest.raises(OutOfReach, match="the most is 0"):
        meter.dose(0.01)


STRONG = Experiment(
    title="Strong",
    question="Does it matter which direction?",
    models=("organism:base",),
    max_tokens=40,
    items=ItemSettings(n=3, hops=(2, 2)),
    vector=VectorSpec(read="prompt", n=6, hops=(2, 2)),
    apply=Apply(phases=("question",), nats=(0.2,), chains=2),
    compare=Compare(
        controls=("random", "orthogonal"), truncation=True, sweep=("resid_post.3",), sweep_nats=0.2
    ),
)


@pytest.fixture(scope="module")
def strong(tmp_path_factory):
    """On the question random directions saturate far below this dose."""
    folder = tmp_path_factory.mktemp("strong")
    return folder, run_experiment(STRONG, folder)


def test_controls_that_cannot_reach_the_dose_are_not_compared(strong):
    folder, result = strong
    kl = {arm["role"]: arm["dose"]["kl"] for arm in result["arms"] if arm["dose"]}
    assert same_dose((kl["vector"], 0.2)) and max(kl["random"], kl["orthogonal"]) < 0.1
    held = {c["against"]: c for c in result["contrasts"]}
    for role in ("random", "orthogonal"):
        assert held[role]["judged"] is False
        assert held[role]["doses"] == [kl["vector"], kl[role]]
    assert held["truncation"]["judged"] is True and held["truncation"]["doses"] == []
    assert result["apart"] == DOSE_FACTOR
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert "Not judged: no control reached the dose: random (" in text
    assert "does more than" not in text and "apply.nats = [0.0" in text
    assert f"where the vector has {kl['vector']:.3g}" in text
    assert text.count("not compared") >= 4
    assert "blocks.3.hook_resid_post has" in text or "resid_post.3 has" in text


def test_a_page_of_an_earlier_version_judges_by_the_arms(strong):
    """A summary without the new fields: the measured doses stand in the arms."""
    _, result = strong
    old = dict(result)
    del old["apart"]
    new = ("doses", "judged")
    old["contrasts"] = [{k: v for k, v in c.items() if k not in new} for c in result["contrasts"]]
    old["arms"] = [
        arm
        | {
            "dose": arm["dose"]
            and {k: v for k, v in arm["dose"].items() if k not in ("kl_low", "kl_high")}
        }
        for arm in result["arms"]
    ]
    text = steering_page(old)
    assert "names them" in text and "knows English alone" in text
    assert "Not judged: no control reached the dose: random (" in text
    assert text.count("not compared") >= 4


def test_an_arm_that_an_earlier_version_left_below_its_dose_is_written_again(strong):
    folder, result = strong
    every = {arm.role: folder / "arms" / f"{arm.key}.json" for arm in arms(STRONG)}
    before = {role: path.read_bytes() for role, path in every.items()}
    for role in ("vector", "random"):
        old = read_json(every[role], what="an arm")
        del old["dose"]["kl_low"]
        write_json(every[role], old)
    kept = every["vector"].read_bytes()
    again = run_experiment(STRONG, folder)
    assert every["vector"].read_bytes() == kept  # it had its dose
    assert "kl_low" in read_json(every["random"], what="an arm")["dose"]
    assert all(every[r].read_bytes() == before[r] for r in every if r not in ("vector", "random"))
    assert [c["judged"] for c in again["contrasts"]] == [c["judged"] for c in result["contrasts"]]


def test_a_vector_that_cannot_reach_its_dose_is_said_before_anything_is_written(tmp_path):
    way = replace(STRONG.apply, nats=(0.001, 3.0))
    with pytest.raises(
        UserError,
        match=r"apply.nats: the vector of organism:base, added: no factor .* gives 3 nats .*the most is",
    ):
        run_experiment(replace(STRONG, apply=way), tmp_path)
    assert not list((tmp_path / "arms").glob("*.json"))


def test_answers_that_cannot_be_read_are_not_zero_percent_right(chains):
    def unread(trace):
        return replace(trace, answer=replace(trace.answer, text=None))

    assert _describe(chains[:2]).endswith("% right")
    assert _describe([unread(t) for t in chains[:2]]).endswith("steps, no answer could be read")
    assert _describe([chains[0], unread(chains[1])]).endswith("% right (1 unread)")
