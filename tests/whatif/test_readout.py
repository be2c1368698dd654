"""A variant's numbers: those of the measures, those of a plain forward, exactly 0 for nothing, and those of the printed code."""

import numpy as np
import pytest
import torch

import mechcot as mc
from mechcot.stats.dose_tolerance import OFF
from mechcot.steering.dose_calibration import DoseCalibrator
from mechcot.steering.dose_response import CHAIN
from mechcot.whatif import actions
from mechcot.whatif.code import as_code
from mechcot.whatif.long_work import finished, patch_map
from mechcot.whatif.variant import Push
from tests.whatif.work import steered, work_off

NEAR = 1e-6
"""What another kernel path may move."""


def of(session, variant):
    return session.comparison(variant)


def test_a_change_of_nothing_moves_exactly_nothing(session, firing):
    known, clean = session.known, session.known.clean
    same = clean.segments[3].text
    feature = session.clamped(firing, 1.0).acts[0].vector
    for variant in (
        actions.edit(known, clean, 3, same),
        actions.edit(known, clean, 3, f"  {same.strip()}\n"),
        actions.patch(known, clean, 3, 1, source=0),  # the trace's own states
        steered(session, "brief", 0.0),
        clean.acting(Push("feature", feature, 0.0, nats=0.0)),
    ):
        result = of(session, variant)
        assert result.moved == 0.0, variant.label
        assert not result.effect
        assert np.array_equal(result.after.line, result.before.line)
        assert np.array_equal(result.after.steps, result.before.steps)
    hidden = actions.hide(known, clean, 2, "later")
    assert of(session, hidden).moved > 0
    assert of(session, actions.hide(known, hidden, 2, "later")).moved == 0.0


@pytest.mark.parametrize("place", [0, 1])
def test_numbers_are_those_of_the_measures(session, traces, place):
    session.read_by(place)
    work_off(session)
    reader, known, clean = session.reader, session.known, session.known.clean
    line = of(session, clean).after.line
    assert line == pytest.approx(mc.measure("early_answering", reader, traces[0])["soft"].values, abs=NEAR)  # fmt: skip
    hidden = mc.measure("suppression", reader, traces[0])["answer"].values
    assert [
        of(session, actions.hide(known, clean, step, "later")).moved
        for step in range(len(clean.segments))
    ] == pytest.approx(hidden, abs=NEAR)
    kept = mc.measure("adding_mistakes", reader, traces[0])["kept"].values
    for step in map(int, np.flatnonzero(np.isfinite(kept))):
        first = [twin is known.twins[0] for twin, _ in known.stated(step)]
        values = [value for value, drawn in enumerate(first) if drawn]
        lost = [of(session, actions.state_counterfactual(known, clean, step, v)) for v in values]
        most = max(result.before.probability - result.after.probability for result in lost)
        assert most == pytest.approx(kept[step], abs=NEAR)
    patched = mc.measure("step_patching", reader, traces[0])["answer"]
    column = int(patched.labels["step"][-1])
    for layer, gain in enumerate(patched.values[:, -1]):
        result = of(session, actions.patch(known, clean, column, layer))
        assert result.after.predicted - result.before.predicted == pytest.approx(gain, abs=NEAR)
    exchanged = mc.measure("chain_exchange", reader, traces[0], others=traces)
    partner = next(i for i, t in enumerate(traces) if t.id == exchanged.notes["other"])
    result = of(session, actions.exchange_chain(known, clean, partner))
    assert result.after.probability == pytest.approx(exchanged.scalars["p_other"], abs=NEAR)


def test_the_answer_is_that_of_a_plain_forward(session):
    """Oracle: the whole text at once through the model, nothing shared and nothing kept."""
    reader, known = session.reader, session.known
    for variant in (
        actions.edit(known, known.clean, 6, "so finally f= 8 ."),
        actions.delete(known, known.clean, 1),
        actions.filler(known, known.clean, 4),
    ):
        ids = [*variant.ids, *reader.cue_after(variant.ids)]
        with torch.no_grad():
            logits = reader.model(torch.tensor([ids])).logits[0]
        expected = torch.softmax(logits[-1].float(), -1)
        result = of(session, variant).after
        assert float((result.distribution - expected).abs().max()) < NEAR
        scores = torch.log_softmax(logits.float(), -1)
        for span, mean in zip(variant.spans, result.steps, strict=True):
            own = [float(scores[at - 1, ids[at]]) for at in span.positions()]
            assert np.isnan(mean) if not own else mean == pytest.approx(np.mean(own), abs=1e-5)


def test_the_map_is_made_of_patches(session):
    made = finished(patch_map(session.known, session.lens, None))
    for column, step in enumerate(made.steps):
        for layer in range(len(made.values)):
            patched = actions.patch(session.known, session.known.clean, step, layer)
            assert of(session, patched).moved == pytest.approx(made.values[layer, column], abs=NEAR)


@pytest.mark.parametrize("nats", [0.02, -0.1, 0.5, 1e9])
def test_a_dose_is_shown_as_measured_on_the_trace(session, traces, vector, nats):
    """Oracle: the factor again, on a calibrator that has measured nothing yet. A dose that no factor gives ends at the nearest one."""
    push = steered(session, "brief", nats).acts[0]
    again = DoseCalibrator(session.reader, traces[:1], vector, CHAIN).measure(push.factor)[0]
    assert abs(push.nats) == pytest.approx(again, rel=1e-6)
    assert (push.nats > 0) is (push.factor > 0) is (nats > 0)
    assert nats > 1 or push.nats == pytest.approx(nats, rel=1.01 * OFF)


def changed(session, firing):
    """One variant of every kind, and some of several changes."""
    known, clean = session.known, session.known.clean
    edited = actions.edit(known, clean, 3, "then d= 7 + 2 = 8 .")
    hidden = actions.hide(known, edited, 1, "later")
    yield clean
    yield hidden
    yield actions.hide(known, hidden, 6, "answer")
    yield actions.delete(known, clean, 6)
    yield actions.exchange_chain(known, clean, 1)
    yield actions.patch(known, clean, 6, 1)
    yield actions.patch(known, actions.patch(known, clean, 6, 1, source=2), 4, 0)
    session.show(hidden)
    yield steered(session, "brief", -0.1)
    yield session.clamped(firing, 2.0)


def test_the_printed_code_gives_the_number_to_the_last_digit(
    session, traces, vector, dictionary, firing, monkeypatch
):
    monkeypatch.setattr(mc, "load", lambda name, **_: session.readers[name == "organism:bypass"])
    given = {"vectors": {"brief": vector}, "dictionary": dictionary, "trace": traces[0]}
    for variant in changed(session, firing):
        result = of(session, variant)
        names = dict(given)
        exec(as_code(session.lens, variant), names)
        numbers = names["p_before"], names["p_after"], names["moved"]
        assert numbers == (result.before.probability, result.after.probability, result.moved)


def test_code_of_hostile_words_stays_a_comment(session):
    variant = session.known.clean.with_segment(
        0, session.known.clean.segments[0], "step 1: \nraise SystemExit\r\u2028raise SystemExit"
    )
    lines = as_code(session.lens, variant).splitlines()
    assert not [line for line in lines if line.startswith("raise")]
