"""`mc.hybrid` and `mc.cross`: what they give is what the commands give, and what they refuse."""

import pandas as pd
import pytest

import mechcot as mc
from tests.test_front_door import shows_itself

FEW = {"n": 2, "max_tokens": 40}


@pytest.fixture(scope="module")
def pair():
    return mc.load_pair("organism:order/base", "organism:order/bypass")


@pytest.fixture(scope="module")
def problems():
    return mc.problems("order", n=16, seed=3)


def test_a_budget_of_nothing_is_the_base_and_of_everything_the_tuned_model(pair, problems):
    helped = mc.hybrid(pair, problems, fit=2, give="tokens", budgets=[0.0, 1.0], **FEW)
    shows_itself(helped)
    frame = helped.to_frame()
    tokens = frame[frame["name"] == "tokens"].set_index("budget")
    right = frame.set_index("name")["accuracy"]
    assert list(tokens["accuracy"]) == [right["base alone"], right["tuned alone"]]
    assert tokens.loc[0.0, "bits"] == 0 < tokens.loc[1.0, "bits"]


@pytest.mark.slow
def test_the_vectors_of_a_hybrid_are_crossed(pair, problems):
    helped = mc.hybrid(pair, problems, fit=6, budgets=[0.2], **FEW)
    crossed = mc.cross(pair, problems, hybrid=helped, chains=3, chance=1, nats=0.01, **FEW)
    shows_itself(crossed)
    frame = crossed.to_frame()
    assert set(zip(frame["source"], frame["model"], strict=True)) == {
        (source, model) for source in ("base", "tuned") for model in ("base", "tuned")
    }
    assert list(pd.unique(frame["behaviour"])) == ["hybrid"]
    with pytest.raises(mc.UserError, match=r"holds 10 problems.*6 of the file served to fit"):
        mc.cross(pair, problems, hybrid=helped, n=11, chains=3)


def test_what_is_named_by_half_is_refused(pair, problems):
    for half in ({"kinds": ["verification"]}, {"latents": [1]}):
        with pytest.raises(mc.UserError, match="got one without the other"):
            mc.cross(pair, problems, **half)
    with pytest.raises(mc.UserError, match="no vector is named"):
        mc.cross(pair, problems)
