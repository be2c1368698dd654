"""The panel in JupyterLab itself: load, edit, hide, slide, patch by a click, undo, copy, hostile text; saved, it shows its last state."""

import time

import nbformat
import pytest

from tests.view.conftest import browser  # noqa: F401 - the fixture
from tests.whatif.lab import Hand, notebook, server, until

pytestmark = [pytest.mark.browser, pytest.mark.slow]
HOSTILE = "<img src=x onerror=window.pwned=1></script><script>window.pwned=1</script>{{ 7*7 }}"
LOAD = """
import dataclasses
import mechcot as mc
pair = mc.load_pair("organism:base", "organism:bypass")
traces = pair.before.write(mc.problems("mod10", n=2, seed=77))
vector = mc.steering.mean_difference(pair.before, mc.contrast_pairs("mod10", n=8), at="resid_post.1")
"""
OPEN = f"""
problem = dataclasses.replace(traces[1].problem, answer={HOSTILE!r})
traces[1] = dataclasses.replace(traces[1], problem=problem)
panel = mc.what_if(pair, traces, vectors={{{HOSTILE!r}: vector}})
panel
"""


START = "As written. The answer is 3, probability 1.00."


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab")
    notebook(folder, LOAD, OPEN)
    with server(folder) as address:
        yield folder, address


@pytest.fixture(scope="module")
def opened(browser, lab):  # noqa: F811
    hand = Hand(browser)
    hand.open(lab[1], run=True)
    return hand


@pytest.fixture
def hand(opened):
    """The panel at the trace as it was written, read by the first model."""
    if "mod10-test-77-0" not in opened.panel("return root.getElementById('trace').selectedOptions[0].textContent"):  # fmt: skip
        opened.press("n")
    opened.press("1")
    if not opened.panel("return root.getElementById('reset').disabled"):
        opened.click("#reset")
    assert opened.text("#sentence").startswith(START)
    return opened


def test_it_loads_and_a_step_is_edited_undone_and_done_again(hand):
    assert hand.panel("return root.querySelectorAll('#cards li').length") == 7
    hand.type_at("#step-2", "j")
    assert hand.panel("return root.querySelector('[aria-selected=true]').dataset.step") == "3"
    hand.type_at("#step-6", "")
    hand.set("#edit", "so finally f= blub .")
    assert hand.text("#why") == "base has no token for 'blub'"
    grey = hand.panel("const k = root.getElementById('keep'); return [k.disabled, k.title]")
    assert grey == [True, "base has no token for 'blub'"]
    hand.panel("root.getElementById('edit').dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape', bubbles: true}))")  # fmt: skip
    assert (hand.text("#why"), hand.panel("return root.getElementById('keep').disabled")) == ("", False)  # fmt: skip
    hand.set("#edit", "so finally f= 8 .")
    hand.click("#try-all")
    assert hand.panel("return root.getElementById('edit').value") == "so finally f= 8 ."
    hand.click("#keep")
    assert hand.text("#sentence").startswith("Step 7: edited. The answer turns from 3 to 8 (its distribution moves by 0.99")  # fmt: skip
    assert hand.text("#step-6 .was") == "so finally f= 3 ."
    hand.click("#undo")
    assert hand.text("#sentence").startswith(START)
    hand.press("r")
    assert "turns from 3 to 8" in hand.text("#sentence")


def test_a_step_is_hidden_by_its_key_and_a_vector_pushed_by_the_slider(hand):
    hand.press("k")
    hand.press("h")
    assert hand.text("#sentence").startswith("Step 6 hidden from all later tokens. ")
    assert hand.text("#step-5 .tag") == "hidden"
    hand.click("#reset")
    hand.set("#dose", str(7 + 4))
    name, _, dose = hand.text("#sentence").partition(": +")
    assert name == f"Vector {HOSTILE}"
    assert float(dose.split()[0]) == pytest.approx(0.1, rel=0.06)
    assert hand.text("#dose + output").endswith("measured")
    hand.click("#pin")
    assert hand.panel("return root.querySelectorAll('#rows tr').length") == 1


def test_a_click_in_the_map_patches_and_is_copied_as_code(hand):
    hand.click("#draw-map")
    hand.click("#map [data-layer='1'][data-step='6']")
    assert "turns from 3 to 1, as predicted" in hand.text("#sentence")
    assert hand.panel("return root.querySelector('#map .on').dataset.layer") == "1"
    hand.js("Object.defineProperty(navigator, 'clipboard', {value: {writeText: async (t) => { window.held = t; }}, configurable: true})")  # fmt: skip
    hand.click("#copy")
    code = until(lambda: hand.js("return window.held"))
    assert "mc.Replace(states_0)" in code
    assert hand.panel("return root.getElementById('code').value") == code


def test_every_step_is_tried_and_another_model_reads(hand):
    hand.type_at("#step-0", "")
    hand.click("#try-all")
    told = "The answer of base, 3, turns when one step states another value: step 7 (3 → 1 makes it 1; 5 of 5 tried turn it, 9 possible)."
    assert hand.text("#swept") == told
    assert hand.text(".turned .place") == "★ 7"
    chosen = "return root.querySelector('#cards [aria-selected=true]').dataset.step"
    assert hand.panel(chosen) == "6", "the starred step is selected"
    assert hand.panel("return root.querySelectorAll('button.value').length") == 5
    hand.type_at("#step-0", "")
    hand.click("button.go")
    assert hand.panel(chosen) == "6"
    assert hand.text("#left-out").startswith("Not tried: steps")
    assert hand.text("#step-0 .untried") == "not tried"
    hand.press("2")
    hand.click("#try-all")
    assert hand.text("#swept").startswith("No step turns the answer of bypass: it stays 3")


def test_what_is_tried_is_cancelled_midway_and_the_panel_goes_on(hand):
    hand.panel("root.querySelector('#change').value = 'filler'; root.querySelector('#change').dispatchEvent(new Event('change'))")  # fmt: skip
    hand.panel("root.getElementById('try-all').click(); root.getElementById('cancel').click()")
    hand.settled()
    assert hand.panel("return root.getElementById('job').hidden")
    hand.press("h")
    assert "hidden from all later tokens" in hand.text("#sentence")


def test_hostile_words_are_shown_and_inert(hand):
    hand.press("n")
    assert HOSTILE in hand.text("#answers")
    assert hand.js("return typeof window.pwned") == "undefined"
    assert hand.panel("return root.querySelectorAll('img, a, script, iframe').length") == 0


def test_scrollbars_follow_the_theme_of_the_panel(hand):
    scheme = "return getComputedStyle(root.host).colorScheme"
    before = hand.panel(scheme)
    hand.click("#theme")
    assert {before, hand.panel(scheme)} == {"light", "dark"}
    hand.click("#theme")


def test_it_fits_both_widths_and_asks_nobody(hand, lab):
    assert hand.wide(1440)
    assert hand.wide(900)
    assert hand.asked_outside(lab[1]) == []


def test_the_saved_notebook_shows_the_last_state_without_a_kernel(hand, browser, lab):  # noqa: F811
    def settled():
        """The output comes a moment after the widget's state."""
        seen = hand.js(output)
        time.sleep(2.0)
        return seen == hand.js(output) != first

    output = "return document.querySelector('[class^=mechcot-saved] iframe').getAttribute('srcdoc')"
    first = hand.js(output)
    hand.press("2")
    hand.press("h")
    last = hand.text("#sentence")
    assert hand.js("return getComputedStyle(document.querySelector('[class^=mechcot-saved]')).display") == "none"  # fmt: skip

    until(settled)
    hand.js("window.saved = false; jupyterapp.commands.execute('docmanager:save').then(() => { window.saved = true; })")  # fmt: skip
    until(lambda: hand.js("return window.saved"))
    cell = nbformat.read(lab[0] / "panel.ipynb", as_version=4).cells[1]
    pages = [output.get("data", {}).get("text/html", "") for output in cell.outputs]
    (page,) = [page for page in pages if "mechcot-saved" in page]
    assert "sandbox" in page
    hand.js("return jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    hand.open(lab[1], run=False)
    frame = until(lambda: hand.js("return document.querySelector('[class^=mechcot-saved] iframe')"))
    hand.js("arguments[0].scrollIntoView()", frame)
    assert frame.is_displayed()
    browser.switch_to.frame(frame)
    until(lambda: hand.js("return document.documentElement.dataset.ready"))
    assert hand.text("#sentence") == last
    assert hand.panel("return root.getElementById('keep').disabled")
    browser.switch_to.default_content()
