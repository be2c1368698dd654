"""An experiment that was refused before it had a report: it goes on with other settings, and what is finished serves where it was written alike."""

from dataclasses import asdict, replace

import pandas as pd
import pytest

from mechcot.core.errors import UserError
from mechcot.core.store import digest
from mechcot.core.trace import StepKind
from mechcot.steering import run
from mechcot.steering.experiment import (
    Apply,
    Compare,
    Experiment,
    ItemSettings,
    VectorSpec,
    parse_experiment,
)
from mechcot.steering.experiment_context import ExperimentContext
from mechcot.steering.run import run_experiment

NAME = "organism:base"
BEGUN = Experiment(
    title="t",
    question="q",
    models=(NAME,),
    max_tokens=24,
    items=ItemSettings(n=2, hops=(2, 2)),
    vector=VectorSpec(read="prompt", n=2, hops=(2, 2)),
    apply=Apply(nats=(0.05,), chains=1),
    compare=Compare(prompt="brief"),
)
ALIKE = {
    "the same": BEGUN,
    "another dose": replace(BEGUN, apply=replace(BEGUN.apply, nats=(0.04,))),
    "a control": replace(BEGUN, compare=Compare(("random",), prompt="brief")),
    "other words": replace(BEGUN, title="Other", question="Why?", readout="backtracking"),
}
OTHERWISE = {
    "another seed": replace(BEGUN, seed=1),
    "shorter": replace(BEGUN, max_tokens=20),
    "another style": replace(BEGUN, compare=Compare(prompt="careful")),
    "other items": replace(BEGUN, items=replace(BEGUN.items, seed=3)),
    "other chains": replace(BEGUN, apply=replace(BEGUN.apply, chains=2)),
}


REAL = run._cell


def by_hand(lab, arm) -> dict:
    """An arm without a model: its numbers tell the settings that it was written under."""
    settings = digest(lab.experiment.shared.__repr__(), arm.key)
    names = ("tokens", "steps", "correct", "unread", "finished", "nats_per_token", *StepKind)
    rows = [
        {"item": problem.id} | {name: float(int(settings[:4], 16)) for name in names}
        for problem in lab.items
    ]
    vector = {
        "dose": {"nats": 1.0, "gamma": 1.0, "kl": 1.0, "relative": 1.0},
        "vector": {"norm": 1.0},
    }
    return {"arm": asdict(arm), "seconds": 0.0, "rows": rows} | (vector if arm.site else {})


@pytest.fixture
def ended(base, tmp_path, monkeypatch):
    """Ends a run at its vector, and gives what goes on in its folder: the roles of the arms that were written anew."""

    def end_with(error: BaseException, cell=by_hand):
        if cell is by_hand:
            monkeypatch.setattr(ExperimentContext, "dose", lambda *_: None)
            monkeypatch.setattr(run, "steering_page", lambda _: "")
        made = []

        def written(lab, arm):
            made.append(arm.role)
            return cell(lab, arm)

        def ends(lab, arm):
            if arm.site:
                raise error
            return cell(lab, arm)

        models = {NAME: base}
        monkeypatch.setattr(run, "_cell", ends)
        with pytest.raises(type(error)):
            run_experiment(BEGUN, tmp_path / "run", models=models)
        monkeypatch.setattr(run, "_cell", written)

        def go_on(experiment, **kwargs) -> list[str]:
            made.clear()
            run_experiment(experiment, tmp_path / "run", models=models, **kwargs)
            anew = list(made)
            run_experiment(experiment, tmp_path / anew[0], models=models, overwrite=True)
            tables = (pd.read_parquet(tmp_path / f"{n}/items.parquet") for n in ("run", anew[0]))
            pd.testing.assert_frame_equal(*tables)
            return anew

        return go_on

    return end_with


@pytest.mark.parametrize("change", ALIKE)
def test_finished_arms_serve_what_is_written_alike(ended, change):
    go_on = ended(UserError("the dose is out of reach"))
    assert go_on(ALIKE[change]) == ["vector", *(["random"] if change == "a control" else [])]


@pytest.mark.parametrize("change", OTHERWISE)
def test_arms_that_were_written_otherwise_are_written_anew(ended, change):
    go_on = ended(UserError("the dose is out of reach"))
    assert go_on(OTHERWISE[change]) == ["clean", "prompt", "vector"]


@pytest.mark.slow
@pytest.mark.parametrize("change", ["another dose", "a control", "shorter"])
def test_the_model_writes_the_same_as_in_a_folder_of_its_own(ended, change):
    ended(UserError("the dose is out of reach"), REAL)((ALIKE | OTHERWISE)[change])


def test_a_run_that_was_killed_stays_its_own(ended):
    go_on = ended(KeyboardInterrupt())
    with pytest.raises(UserError, match="another experiment"):
        go_on(ALIKE["another dose"])
    assert go_on(ALIKE["another dose"], overwrite=True) == ["vector"]
    with pytest.raises(UserError, match="another experiment"):
        go_on(BEGUN)


def test_what_is_shared_is_all_but_what_an_arm_itself_says():
    """A setting that decides how an arm is written must tell experiments apart; those that only choose arms must not."""
    for same in ALIKE.values():
        assert same.shared == BEGUN.shared
    for other in OTHERWISE.values():
        assert other.shared != BEGUN.shared
    penalty = {"phrases": [" Wait"]}
    about = {"title": "", "question": "", "models": ["m"]}
    plain = parse_experiment(about | {"penalty": penalty})
    for chosen in ({"alphas": [2.0]}, {"betas": [7]}, {"controls": 3}):
        assert parse_experiment(about | {"penalty": penalty | chosen}).shared == plain.shared
    assert parse_experiment(about | {"penalty": {"phrases": [" So"]}}).shared != plain.shared
