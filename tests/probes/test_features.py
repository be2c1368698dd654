"""Probes find what was planted and nothing else; their labels and scores against slow computations."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mechcot.core.errors import UserError
from mechcot.probes.features import (
    Held,
    balanced,
    gap,
    most_different,
    parts,
    probe,
    probe_lines,
    probed,
)
from mechcot.probes.step_rows import STEP_LABELS, Steps, read_steps
from mechcot.sae.dictionary import Dictionary
from mechcot.sae.plants.marked_steps import facts
from tests.sae.conftest import SITE


def rows(n: int = 240, traces: int = 24) -> Steps:
    rng = np.random.default_rng(0)
    trace = np.repeat(np.arange(traces), n // traces)
    label = rng.choice(["no", "yes"], size=n, p=[0.75, 0.25])
    return Steps(
        states={},
        words=np.zeros((n, 1)),
        trace=trace,
        problem=np.array([f"p{t}" for t in trace]),
        share=np.tile(np.linspace(0, 1, n // traces), traces),
        labels={"known": label},
    )


def planted(steps: Steps, *, size: float) -> np.ndarray:
    x = np.random.default_rng(1).normal(size=(len(steps.trace), 12))
    x[:, 3] += size * (steps.labels["known"] == "yes")
    return x


def test_a_planted_direction_is_found_and_its_absence_is_chance():
    steps = rows()
    with_it = balanced(probe(planted(steps, size=6.0), steps, "known"))
    without = balanced(probe(planted(steps, size=0.0), steps, "known"))
    shuffled = balanced(probe(planted(steps, size=6.0), steps, "known", shuffled=True))
    assert with_it["low"] > 0.95
    assert without["low"] < 0.5 < without["high"]
    assert shuffled["low"] < 0.5 < shuffled["high"]


def test_few_inputs_are_chosen_on_the_training_part_alone():
    steps = rows()
    x = planted(steps, size=6.0)
    assert most_different(x, steps.labels["known"], 1).tolist() == [3]
    assert balanced(probe(x, steps, "known", few=1))["low"] > 0.95
    many = np.random.default_rng(2).normal(size=(len(x), 3000))
    assert balanced(probe(many, steps, "known", few=8))["mean"] < 0.62


def test_rows_of_a_problem_never_stand_on_both_sides():
    steps = rows()
    alike = replace(
        steps, labels={"known": np.where(steps.trace % 2 == 0, "yes", "no")}
    )  # a label that only the trace tells
    identity = np.eye(24)[steps.trace]
    assert balanced(probe(identity, alike, "known"))["mean"] <= 0.5


def test_balanced_accuracy_is_the_mean_over_classes():
    held = Held(
        right=np.array([True, True, False, True]),
        label=np.array(["a", "a", "a", "b"]),
        trace=np.array([0, 0, 1, 1]),
        share=np.array([0.0, 0.5, 1.0, 1.0]),
    )
    assert balanced(held)["mean"] == pytest.approx((2 / 3 + 1) / 2)
    assert gap(held, held) == {"mean": 0.0, "low": 0.0, "high": 0.0}


def test_thirds_of_the_chain_are_scored_apart():
    share = np.tile(np.linspace(0, 1, 30), 8)
    early = share < 1 / 3
    label = np.tile(np.array(["a", "b"]), 120)
    held = Held(right=~early, label=label, trace=np.repeat(np.arange(8), 30), share=share)
    assert parts(held) == [0.0, 1.0, 1.0]
    one_class = replace(held, label=np.where(early, "a", label))
    assert parts(one_class)[0] is None


def test_labels_of_steps_against_a_slow_reading(base, traces):
    steps = read_steps(base, traces[:4], [SITE])
    assert len(steps.trace) == sum(len(t.chain_steps) for t in traces[:4])
    row = 0
    for trace in traces[:4]:
        known = facts(trace)
        for number, (fact, step) in enumerate(zip(known, trace.chain_steps, strict=True)):
            readers = [later for later, other in enumerate(known) if number in other.depends]
            want = (
                ("", "")
                if fact.states is None
                else (bool(readers), max(readers, default=0) > number + 1)
            )
            got = steps.labels["used"][row], steps.labels["again"][row]
            assert got == tuple({True: "yes", False: "no"}.get(each, "") for each in want)
            assert steps.labels["kind"][row] == str(step.kind)
            assert steps.words[row].sum() == len(step.text.split())
            state = base.states(trace.ids, [SITE])[SITE][step.tokens.stop - 1]
            assert np.allclose(steps.states[SITE][row], state, atol=1e-5)
            row += 1
        assert steps.labels["known"][row - 1] == "yes"  # after the last step nothing is missing


def test_every_probe_is_held_and_beats_shuffled_labels(base, traces):
    signed = Dictionary("signed", SITE, _Signed())
    found = probed(signed, base, traces)
    kind = found["targets"]["kind"]
    assert set(found["targets"]) == set(STEP_LABELS)
    assert kind["probes"]["features"]["mean"] > kind["chance"] + 0.2
    assert kind["probes"]["state"]["mean"] > kind["probes"]["state, shuffled"]["mean"]
    assert len(kind["layers"]) == 4
    assert len(probe_lines(found)) >= 1 + len(STEP_LABELS)


def test_too_few_problems(base, traces):
    with pytest.raises(UserError, match="at least 8 problems"):
        probed(Dictionary("signed", SITE, _Signed()), base, traces[:3])


class _Signed:
    """Positive and negative part of the first 32 coordinates."""

    W_dec = torch.cat([torch.eye(128)[:32], -torch.eye(128)[:32]])

    def encode(self, x):
        x = x[..., :32]
        return torch.cat([x.clamp_min(0), (-x).clamp_min(0)], dim=-1)
