"""Messages in, JSON out: what is done, what is refused and why, undone, pinned, cancelled; no browser."""

import json

import pytest

import mechcot as mc
from mechcot.whatif import actions, shown as shown_state
from mechcot.whatif.every_step import EveryStep, TriedChange
from mechcot.whatif.messages import MESSAGES, respond
from mechcot.whatif.session import PanelSession
from mechcot.whatif.shown import state


def send(session, **message):
    """Send a message as a page does, and let work run to its end."""
    reply = respond(session, json.loads(json.dumps(message)))
    while session.job is not None and not reply["error"]:
        reply = respond(session, {"do": "go_on"})
    return reply


def shown(session):
    return json.loads(json.dumps(state(session), allow_nan=False))


def test_an_edit_shows_both_sides_and_is_undone_and_done_again(session):
    assert send(session, do="counterfactual", step=6, value=0) == {"error": ""}
    after = shown(session)
    assert after["variant"]["label"] == "step 7: 3 → 1"
    assert [
        after["variant"][side]["said"]
        for side in (
            "before",
            "after",
        )
    ] == ["3", "1"]
    assert after["variant"]["predicted"] == "1"
    assert after["variant"]["effect"]
    card = after["steps"][6]
    assert (card["was"].strip(), card["text"].strip(), card["own"]) == ("so finally f= 3 .", "so finally f= 1 .", False)  # fmt: skip
    assert len(after["variant"]["top"]) == shown_state.TOP
    send(session, do="undo")
    before = shown(session)
    assert (before["variant"]["moved"], before["undo"], before["redo"]) == (0.0, 0, 1)
    send(session, do="redo")
    assert shown(session)["variant"] == after["variant"]
    assert send(session, do="redo")["error"] == "there is nothing to redo"


def test_variants_are_pinned_shown_again_and_let_go(session):
    send(session, do="hide", step=2)
    send(session, do="pin")
    send(session, do="hide", step=3)
    send(session, do="pin")
    labels = [row["label"] for row in shown(session)["pinned"]]
    assert labels == ["step 3 hidden from all later tokens", "; ".join([*labels[:1], "step 4 hidden from all later tokens"])]  # fmt: skip
    send(session, do="show", number=0)
    assert shown(session)["variant"]["label"] == labels[0]
    send(session, do="pin")
    assert [row["label"] for row in shown(session)["pinned"]] == labels[1:]
    frame = session.variants.to_frame()
    assert frame["variant"].tolist() == labels
    assert (frame["noise"] < frame["moved"]).all()


def test_a_change_of_an_early_step_is_told_of_the_later_ones(session):
    send(session, do="counterfactual", step=2, value=0)
    nats = [card["nats"] for card in shown(session)["steps"]]
    assert nats[:2] == [0.0, 0.0], "attention is causal"
    assert nats[2] is None
    assert nats[3] < -1, "the step that computes with the value is no longer expected"


def test_the_rest_is_written_anew_as_the_model_goes_on(session):
    send(session, do="counterfactual", step=6, value=0)
    send(session, do="patch", step=3, layer=1, source=None)
    send(session, do="edit_anew", step=3, text="then d= 7 + 2 = 8 .")
    after = shown(session)
    texts = [card["text"].strip() for card in after["steps"]]
    assert texts[3:5] == ["then d= 7 + 2 = 8 .", "then f= 8 + 4 = 2 ."]
    assert after["variant"]["after"]["said"] == "2"
    assert after["variant"]["label"] == "step 4: edited; written on from step 4"
    assert len(after["variant"]["before"]["line"]) == len(after["variant"]["after"]["line"])


def test_one_value_takes_the_place_of_another_until_the_step_is_written_anew(session):
    send(session, do="delete", step=6)
    send(session, do="counterfactual", step=6, value=0)
    assert shown(session)["variant"]["label"] == "step 7: 3 → 1"
    assert shown(session)["variant"]["predicted"] == "1"
    send(session, do="write", step=4, samples=0)
    assert (
        send(session, do="counterfactual", step=6, value=0)["error"]
        == "this step was written anew; undo that first"
    )
    assert send(session, do="counterfactual", step=4, value=0)["error"] == ""


def test_what_is_written_on_without_a_change_is_the_chain_itself(session):
    send(session, do="write", step=2, samples=0)
    after = shown(session)
    assert [card["own"] for card in after["steps"]] == [True] * 7
    assert after["variant"]["moved"] == 0.0


def test_the_prediction_follows_the_text(session):
    """A value in the middle: nobody predicts the answer with the later text kept, the task does with it written anew."""
    send(session, do="counterfactual", step=2, value=0)
    assert shown(session)["variant"]["predicted"] is None
    send(session, do="write", step=2, samples=0)
    after = shown(session)["variant"]
    assert after["predicted"] == after["after"]["said"] != "3"
    send(session, do="hide", step=0)
    assert shown(session)["variant"]["predicted"] is None


def test_samples_are_pinned_and_are_what_their_seeds_give(session):
    send(session, do="write", step=2, samples=3)
    first = shown(session)
    assert [row["label"] for row in first["pinned"]] == [
        f"sample {n} from step 3" for n in (1, 2, 3)
    ]
    send(session, do="reset")
    send(session, do="write", step=2, samples=2)
    again = shown(session)["pinned"]
    assert [row["after"] for row in again[3:]] == [row["after"] for row in first["pinned"][:2]]
    send(session, do="hide", step=1)
    assert (
        "without hides and edits of states" in send(session, do="write", step=2, samples=2)["error"]
    )


def test_every_step_in_turn_then_the_map_and_a_click_in_it(session):
    send(session, do="try_all", change="counterfactual")
    swept = shown(session)["sweep"]
    assert swept["change"] == "counterfactual"
    assert swept["top"] == swept["steps"][0]["step"] == 6
    values = [value["text"] for value in shown(session)["steps"][6]["values"]]
    assert [f"step 7: {text}" for text in values] == [row[0] for row in swept["steps"][0]["tries"]]
    send(session, do="map", source=None)
    drawn = shown(session)["map"]
    assert len(drawn["values"]) == shown(session)["layers"]
    assert len(drawn["values"][0]) == len(drawn["steps"])
    send(session, do="patch", step=drawn["steps"][-1], layer=0, source=None)
    after = shown(session)
    assert after["variant"]["moved"] == pytest.approx(drawn["values"][0][-1], abs=1e-6)
    assert after["steps"][drawn["steps"][-1]]["patched"] == [0]


def test_what_was_tried_before_a_cancel_is_kept_and_the_rest_is_named(session):
    respond(session, {"do": "try_all", "change": "delete"})
    while len(getattr(session.sweeps.get((0, "delete")), "rows", ())) < 2:
        session.advance(seconds=0.0)
    assert "so far, 2 of 7 steps" in shown(session)["sweep"]["sentence"]
    respond(session, {"do": "cancel"})
    after = shown(session)
    assert "so far, 2 of 7 steps" in after["sweep"]["sentence"]
    assert (after["job"], after["undo"]) == (None, 0)
    assert [row["step"] for row in sorted(after["sweep"]["steps"], key=lambda r: r["step"])] == [
        0,
        1,
    ]
    assert after["sweep"]["left_out"] == "Not tried: steps 3–7 (not reached)."
    send(session, do="try_all", change="delete")
    assert (shown(session)["sweep"]["left_out"], len(shown(session)["sweep"]["steps"])) == ("", 7)


def test_each_kind_keeps_its_result_and_stars(session):
    send(session, do="try_all", change="counterfactual")
    values = shown(session)
    assert session.change == values["change"] == "counterfactual"
    send(session, do="try_all", change="hide")
    hidden = shown(session)
    assert hidden["sweep"]["change"] == hidden["change"] == "hide"
    assert hidden["steps"][6]["values"] == values["steps"][6]["values"], "their stars stay"
    send(session, do="choose", change="counterfactual")
    assert shown(session) == values
    send(session, do="choose", change="filler")
    assert shown(session)["sweep"] is None
    assert "expected a change out of" in send(session, do="choose", change="loud")["error"]
    greyed = {change: reason for change, _, reason in values["try_all"] if reason}
    assert greyed == {"mistake": values["steps"][0]["cannot"]["mistake"]}
    refused = send(session, do="try_all", change="mistake")["error"]
    assert refused == f"no step goes wrong: {greyed['mistake']}"
    session.change = "mistake"
    assert shown(session)["change"] == "counterfactual", "the first that can be made"


def test_what_was_tried_is_marked_as_of_the_chain_as_written(session):
    send(session, do="try_all", change="counterfactual")
    plain = shown(session)["sweep"]
    send(session, do="hide", step=0)
    assert shown(session)["sweep"]["steps"] == plain["steps"], "every step still stands"
    send(session, do="delete", step=6)
    edited = shown(session)["sweep"]
    own = plain["sentence"]
    assert edited["sentence"] == f"For the chain as written: {own[0].lower()}{own[1:]}"
    assert edited["title"].endswith(", for the chain as written")
    assert [row["step"] for row in edited["steps"]] == [r["step"] for r in plain["steps"] if r["step"] != 6]  # fmt: skip
    assert edited["top"] != 6
    send(session, do="exchange", other=1)
    after = shown(session)
    assert not [card for card in after["steps"] if card["values"]], "another chain's steps"
    there = {i for i, card in enumerate(after["steps"]) if card["own"]}
    assert {row["step"] for row in after["sweep"]["steps"]} <= there
    send(session, do="reset")
    assert shown(session)["sweep"] == plain


def test_a_step_that_can_be_missed_says_where_its_value_stands_again(session):
    """Planted: step 5 states the answer, so does the recap behind it."""
    send(session, do="try_all", change="delete")
    label = f"step 5: {session.known.value(session.known.stated(4)[0][1])}"
    row = TriedChange(4, label, 0.9, effect=True, said="1", turned=True)
    alone = {step["step"]: step["again"] for step in shown(session)["sweep"]["steps"]}
    assert not any(alone.values()), "no value is known to turn the answer"
    session.sweeps[0, "counterfactual"] = EveryStep("counterfactual", "base", "3", (row,), ())
    told = {step["step"]: step["again"] for step in shown(session)["sweep"]["steps"]}
    assert {step: again for step, again in told.items() if again} == {4: "its value 3 stands again in step 6"}  # fmt: skip


def test_work_goes_on_in_pieces_and_is_cancelled(session):
    assert respond(session, {"do": "write", "step": 0, "samples": 0}) == {"error": ""}
    assert shown(session)["job"] == {"title": "base writes on", "done": 0, "of": 1}
    session.advance(seconds=0.0)
    assert shown(session)["job"]["of"] > 1
    respond(session, {"do": "cancel"})
    assert shown(session)["job"] is None
    assert shown(session)["undo"] == 0


def test_another_model_reads_the_same_text(session):
    send(session, do="counterfactual", step=6, value=0)
    send(session, do="read_by", reader=1)
    after = shown(session)
    assert after["reader"] == 1
    assert [after["variant"][side]["said"] for side in ("before", "after")] == ["3", "3"]
    send(session, do="read_by", reader=0)
    assert shown(session)["variant"]["after"]["said"] == "1"


def test_a_vector_of_one_model_is_not_pushed_into_another(session):
    send(session, do="steer", name="brief", nats=0.1)
    assert float(shown(session)["variant"]["label"].split()[2]) == pytest.approx(0.1, rel=0.06)
    assert "is pushed here: undo it first" in send(session, do="read_by", reader=1)["error"]
    assert shown(session)["reader"] == 0
    send(session, do="steer", name="brief", nats=-0.5)
    label = shown(session)["variant"]["label"]
    assert label.count("vector") == 1, "the slider moves one vector"
    assert float(label.split()[2]) == pytest.approx(-0.5, rel=0.06)


REASONS = [
    ({"do": "edit", "step": 1, "text": " \n"}, "this text has no tokens; write a word, or delete the step"),
    ({"do": "edit", "step": 1, "text": "blub 7 blab"}, "base has no token for 'blub', 'blab'"),
    ({"do": "edit", "step": 1, "text": "7 " * 600}, "the context of base is 512"),
    ({"do": "edit", "step": 1, "text": "so f= 8 . </think> answer 4"}, "'</think>' is a mark between the parts of a text for base"),
    ({"do": "counterfactual", "step": 0, "value": 0}, "no value here changes where those of the question do"),
    ({"do": "counterfactual", "step": 6, "value": 9}, "step 7 states 1 such values, counted from 0; got 9"),
    ({"do": "mistake", "step": 6}, "the task mod10 has no mistakes of its own"),
    ({"do": "patch", "step": 6, "layer": 99, "source": None}, "expected a block from 0 to 3, got 99"),
    ({"do": "patch", "step": 6, "layer": 0, "source": 7}, "there is no trace 7; 3 others were given"),
    ({"do": "exchange", "other": 3}, "expected a trace from 0 to 2, got 3"),
    ({"do": "steer", "name": "loud", "nats": 0.1}, "no vector 'loud' was given"),
    ({"do": "clamp", "feature": 999, "level": 1.0}, "expected a feature from 0 to 15, got 999"),
    ({"do": "show", "number": 0}, "there is no pinned variant 0"),
    ({"do": "read_by", "reader": 2}, "expected a model from 0 to 1, got 2"),
    ({"do": "try_all", "change": "read_by"}, "expected a change out of counterfactual, hide"),
    ({"do": "steer", "name": "brief", "nats": 10**400}, "expected nats of a message to be a number up to 2**53, got a larger one"),
    ({"do": "clamp", "feature": -(10**5000), "level": 1}, "expected feature of a message to be a number up to 2**53, got a larger one"),
    ({"do": "clamp", "feature": 0, "level": 1e300}, "expected level of a message to be a number up to 2**53, got 1e+300"),
    ({"do": "write", "step": 1, "samples": 99}, "expected 0 to 8 samples, got 99"),
    ({"do": "edit", "step": 99, "text": "x"}, "expected a step from 1 to 7, got 100"),
    ({"do": "edit", "step": -1, "text": "x"}, "expected a step from 1 to 7, got 0"),
    ({"do": "edit", "step": "1", "text": "x"}, "expected step of a message to be int, got '1'"),
    ({"do": "edit", "step": True, "text": "x"}, "expected step of a message to be int, got True"),
    ({"do": "edit", "step": 1}, "'edit' expects step (int) and text (str), got step"),
    ({"do": "exchange", "trace": 1}, "'exchange' expects other (int), got trace"),
    ({"do": "edit", "step": 1, "text": "x" * 20_001}, "expected at most 20,000 characters, got 20,001"),
    ({"do": "__class__"}, "expected a message {'do': ...} with one of edit,"),
    ({"do": ["edit"]}, "expected a message {'do': ...} with one of edit,"),
    ([1], "expected a message {'do': ...} with one of edit,"),
    (None, "expected a message {'do': ...} with one of edit,"),
]  # fmt: skip


@pytest.mark.parametrize(("message", "reason"), REASONS)
def test_what_cannot_be_done_says_why_and_changes_nothing(session, message, reason):
    assert reason in respond(session, message)["error"]
    assert shown(session)["undo"] == 0


def test_a_nan_is_refused(session):
    reply = respond(session, {"do": "steer", "name": "brief", "nats": float("nan")})
    assert reply["error"] == "expected nats of a message to be a number up to 2**53, got nan"


def test_a_greyed_action_has_the_reason_that_the_action_gives(session):
    for index, card in enumerate(shown(session)["steps"]):
        for name, reason in card["cannot"].items():
            fields = {"layer": 0, "source": None} if name == "patch" else {"value": 0}
            assert respond(session, {"do": name, "step": index, **fields})["error"] == reason
    assert "text" in MESSAGES["check"][1]
    assert (
        send(session, do="check", step=1, text="blub")["reason"] == "base has no token for 'blub'"
    )
    assert send(session, do="check", step=1, text="so h= 7 .")["reason"] == ""


def test_a_family_that_cannot_hide_greys_hiding(session, monkeypatch):
    monkeypatch.setattr(
        actions, "unhideable", lambda _: "steps cannot be hidden in Sponge: it leaks"
    )
    card = shown(session)["steps"][0]
    assert (
        card["cannot"]["hide"]
        == card["cannot"]["hide_answer"]
        == "steps cannot be hidden in Sponge: it leaks"
    )


def test_a_chain_without_steps_is_refused(pair, traces):
    from dataclasses import replace

    trace = traces[0]
    bare = pair.before.retoken(trace, trace.prompt, "</think> answer 3")
    with pytest.raises(mc.UserError, match="has no chain: there is no step to change"):
        PanelSession.of(list(pair), replace(bare, id="bare"))
