"""`mc.what_if`: several traces, actions without a page, the widget's messages, and a page in which hostile words are text."""

import sys
from dataclasses import replace

import pytest

import mechcot as mc

HOSTILE = "</script><img src=x onerror=alert(1)>{{ 7*7 }}"


@pytest.fixture(scope="module")
def panel(pair, traces):
    hostile = mc.Problem("hostile", HOSTILE, HOSTILE)
    return mc.what_if(pair, [traces[0], replace(traces[1], problem=hostile)])


def test_each_trace_keeps_its_own_variants_and_the_reader_stays(panel):
    panel.do("open", number=0).do("read_by", reader=1).do("hide", step=2)
    label = panel.state["variant"]["label"]
    panel.do("open", number=1)
    assert (panel.state["reader"], panel.state["variant"]["label"]) == (1, "as written")
    assert panel.do("open", number=0).state["variant"]["label"] == label
    with pytest.raises(mc.UserError, match=r"expected number of a message to be int, got '1'"):
        panel.do("open", number="1")
    with pytest.raises(mc.UserError, match=r"expected a trace from 0 to 1, got 2"):
        panel.do("open", number=2)
    assert repr(panel).startswith("What if? mod10-test-77-0/base, read by bypass: step 3 hidden")
    panel.do("reset").do("read_by", reader=0)


def test_the_widget_answers_messages_and_fails_aloud(panel, monkeypatch):
    replies = []
    monkeypatch.setattr(panel.widget, "send", replies.append)
    panel.widget._heard(None, {"id": 1, "do": "counterfactual", "step": 6, "value": 0}, [])
    assert replies == [{"id": 1, "error": ""}]
    assert panel.widget.state["variant"]["after"]["said"] == "1"
    panel.widget._heard(None, "no message", [])
    assert replies[1]["error"].startswith("expected a message")

    def broken(_message):
        raise ZeroDivisionError

    monkeypatch.setattr(panel.widget, "_respond", broken)
    with pytest.raises(ZeroDivisionError):
        panel.widget._heard(None, {"id": 3, "do": "undo"}, [])
    assert replies[2] == {"id": 3, "error": "this failed; the log of the kernel says why"}
    monkeypatch.undo()
    assert panel.do("reset").widget.state["variant"]["label"] == "as written"


def test_a_page_holds_hostile_words_as_text(panel, tmp_path):
    panel.do("open", number=1)
    panel.write(tmp_path / "panel.html")
    text = (tmp_path / "panel.html").read_text(encoding="utf-8")
    assert "<img" not in text
    assert "&lt;img src=x" in text, "in the table for hosts without scripts"
    assert HOSTILE not in panel._repr_html_()
    panel.do("open", number=0)


def test_what_is_missing_is_said(pair, traces, monkeypatch):
    with pytest.raises(mc.UserError, match="expected a model and a trace, got none"):
        mc.what_if(pair, [])
    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.delitem(sys.modules, "mechcot.whatif.widget", raising=False)
    with pytest.raises(
        mc.UserError, match=r"pip install 'mechcot\[notebook\]', or write\(\) keeps"
    ):
        _ = mc.what_if(pair.before, traces[0]).widget
