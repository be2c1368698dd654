"""The explorer in a real browser: select, before and after, search, links, keys; silent, offline, inert, fast."""

import json
import time
from dataclasses import replace

import pytest

from mechcot.view.pages.explorer import Explorer, explorer_page
from tests.view import explorer_fixtures as made

pytestmark = pytest.mark.browser


def load(browser, tmp_path, text, *, link=""):
    path = tmp_path / "explorer.html"
    path.write_text(text, encoding="utf-8")
    browser.get("about:blank")
    browser.get_log("browser"), browser.get_log("performance")
    browser.get(path.as_uri() + link)
    assert js(browser, "return document.documentElement.dataset.ready") == "yes"


def js(browser, script):
    return browser.execute_script(script)


def press(browser, *keys):
    for key in keys:
        js(browser, f"document.body.dispatchEvent(new KeyboardEvent('keydown', {{key: {json.dumps(key)}, bubbles: true}}))")  # fmt: skip


def selected(browser):
    return int(js(browser, "return document.querySelector('[aria-selected=true]').dataset.step"))


def until(browser, script):
    for _ in range(100):
        if js(browser, script):
            return
        time.sleep(0.05)
    raise AssertionError(script)


def check_quiet(browser):
    assert [e for e in browser.get_log("browser") if e["level"] in ("SEVERE", "WARNING")] == []
    urls = [
        message["params"]["request"]["url"]
        for entry in browser.get_log("performance")
        if (message := json.loads(entry["message"])["message"])["method"]
        == "Network.requestWillBeSent"
    ]
    assert [u for u in urls if not u.startswith(("file:", "about:", "blob:", "data:"))] == []


def test_a_trace_opens_at_the_step_that_carries_the_answer(browser, tmp_path):
    load(browser, tmp_path, explorer_page(made.data()))
    assert selected(browser) == 4
    detail = js(browser, "return document.getElementById('detail').innerText")
    assert "Step 5: summary" in detail and "tokens [60, 65), 5 in all" in detail
    assert "0.75" in detail and "7e−3" not in detail.split("difference")[0]
    assert "Step 5 carries the answer." in js(
        browser, "return document.getElementById('sentence').innerText"
    )
    press(browser, "k")
    assert selected(browser) == 3
    press(browser, "j", "j", "c")
    assert selected(browser) == 4
    check_quiet(browser)


def test_the_strongest_edges_are_those_that_were_planted(browser, tmp_path):
    load(browser, tmp_path, explorer_page(made.data()), link="#item=1&step=6")
    first = "return document.querySelector('.edge').innerText"
    assert js(browser, first).split()[:2] == ["←", "1"]
    assert js(browser, first).split()[-1] == "2.50"
    press(browser, "2")
    assert js(browser, first).split()[-1] == "1.25"
    press(browser, "3")
    assert js(browser, first).split()[-1] == "−1.25"
    js(browser, "document.querySelector('.edge').click()")
    assert selected(browser) == 0


def test_before_after_and_difference_change_bars_and_picture(browser, tmp_path):
    load(browser, tmp_path, explorer_page(made.data()))
    seen = set()
    for key in "123":
        press(browser, key)
        seen.add(
            (
                js(browser, "return document.querySelector('#step-4 small').innerText"),
                js(browser, "return document.getElementById('square').toDataURL().length"),
            )
        )
    assert {bar for bar, _ in seen} == {"0.75", "0.01", "−0.74"}
    assert js(browser, "return document.querySelector('#sides [aria-pressed=true]').innerText") == "difference"  # fmt: skip
    js(browser, "const l = document.getElementById('grid'); l.value = 'step_attention/answer'; l.dispatchEvent(new Event('change'))")  # fmt: skip
    assert js(browser, "return document.getElementById('layer').options.length") == 3
    check_quiet(browser)


def test_links_open_what_they_name_and_follow_the_selection(browser, tmp_path):
    load(browser, tmp_path, explorer_page(made.data()), link="#item=2&step=3")
    assert selected(browser) == 2
    assert js(browser, "return document.getElementById('item').value") == "1"
    press(browser, "j")
    assert js(browser, "return location.hash") == "#item=2&step=4"
    js(browser, "location.hash = '#item=1&step=999'")
    time.sleep(0.1)
    assert selected(browser) == 6
    js(browser, "location.hash = '#item=x&step=-4'")
    time.sleep(0.1)
    assert selected(browser) == 0
    check_quiet(browser)


def test_search_marks_what_it_finds_and_selects_the_first(browser, tmp_path):
    load(browser, tmp_path, explorer_page(made.data()))
    press(browser, "/")
    assert js(browser, "return document.activeElement.id") == "find"
    js(browser, "const f = document.getElementById('find'); f.value = '3 = 9'; f.dispatchEvent(new Event('input'))")  # fmt: skip
    assert js(browser, "return document.getElementById('found').innerText") == "1 of 7 steps"
    assert selected(browser) == 3
    assert js(browser, "return document.querySelectorAll('#cards .match').length") == 1


def test_a_click_in_a_picture_selects_the_step(browser, tmp_path):
    load(browser, tmp_path, explorer_page(made.data()))
    js(
        browser,
        "const c = document.getElementById('square'), r = c.getBoundingClientRect();"
        "c.dispatchEvent(new MouseEvent('click', {clientX: r.left + 45, clientY: r.top + 20, bubbles: true}))",
    )
    assert selected(browser) == 0


def test_the_copied_record_holds_the_step(browser, tmp_path):
    load(browser, tmp_path, explorer_page(made.data()))
    js(browser, "Object.defineProperty(navigator, 'clipboard', {value: {writeText: async (t) => { window.held = t; }}}); document.getElementById('copy').click()")  # fmt: skip
    record = json.loads(js(browser, "return window.held"))
    assert record["step"] == 5 and record["tokens"] == [60, 65]
    assert record["values"]["suppression/answer"]["one"] == 0.75
    assert record["carrier"] == {"one": 5, "two": None}


def test_a_pane_is_copied_as_a_picture_or_shown_to_be_saved(browser, tmp_path):
    load(browser, tmp_path, explorer_page(made.data()))
    js(browser, "window.held = []; Object.defineProperty(navigator, 'clipboard', {value: {write: async ([i]) => { window.held.push(await createImageBitmap(await i.getType('image/png'))); }}})")  # fmt: skip
    for pane in ("strip", "square", "layers", "features"):
        js(browser, f"document.getElementById('{pane}-copy').click()")
        until(browser, f"return document.getElementById('{pane}-png').innerText === 'copied'")
    assert js(browser, "return window.held.every((b) => b.width > 400 && b.height > 100)")
    colours = (
        "const c = document.createElement('canvas'), b = window.held[0]; c.width = b.width; c.height = b.height;"
        "const p = c.getContext('2d'); p.drawImage(b, 0, 0); const d = p.getImageData(0, 0, b.width, b.height).data;"
        "const s = new Set(); for (let i = 0; i < d.length; i += 4) s.add(d[i] + ',' + d[i + 1] + ',' + d[i + 2]); return [...s]"
    )
    assert {"0,114,178", "230,159,0", "255,254,251"} <= set(js(browser, colours))
    check_quiet(browser)


def test_features_along_the_tokens_follow_the_selection_and_the_side(browser, tmp_path):
    load(browser, tmp_path, explorer_page(made.data()), link="#item=1&step=3")
    fires = "return [...document.querySelectorAll('#fires tbody tr')].map((r) => r.innerText.split('\\t').map((t) => t.trim()))"
    assert js(browser, fires) == [["feature 7", "3.00", "1.50"], ["feature 14", "0.50", "0.25"]]
    note = "return document.getElementById('features-note').innerText"
    assert js(browser, note).startswith("Colour: 0 to 3.00 (activation)")
    shot = "return document.getElementById('features').toDataURL()"
    pictures = {js(browser, shot)}
    for key in ("2", "3", "j"):
        press(browser, key)
        pictures.add(js(browser, shot))
    assert len(pictures) == 4
    assert js(browser, fires) == [["feature 14", "0.50", "0.25"]]
    assert js(browser, note).startswith("Colour: −1.50 to 1.50 (activation), after − before")
    # 30 tokens of 6 steps: the eleventh token is the first of step 3
    js(
        browser,
        "const c = document.getElementById('features'), r = c.getBoundingClientRect();"
        "const e = {clientX: r.left + 40 + (r.width - 50) * 11.5 / 30, clientY: r.top + 12, bubbles: true};"
        "c.dispatchEvent(new MouseEvent('mousemove', e)); window.told = document.getElementById('features-note').innerText;"
        "c.dispatchEvent(new MouseEvent('click', e))",
    )
    assert js(browser, "return window.told").startswith("feature 7, token 51, step 3: −1.50.")
    assert selected(browser) == 2
    check_quiet(browser)


def test_without_a_dictionary_there_is_no_strip(browser, tmp_path):
    bare = replace(made.item(6), strip=None)
    load(browser, tmp_path, explorer_page(made.data(bare, made.item(4))))
    hidden = "return document.getElementById('features-figure').hidden"
    assert js(browser, hidden) is True
    assert js(browser, "return document.getElementById('fires')") is None
    press(browser, "n")
    assert js(browser, hidden) is False
    check_quiet(browser)


def test_hostile_text_is_inert(browser, tmp_path):
    load(browser, tmp_path, explorer_page(made.hostile()))
    press(browser, "j", "3", "k", "n")
    assert js(browser, "return typeof window.pwned") == "undefined"
    assert js(browser, "return document.querySelectorAll('img, a, iframe').length") == 0
    assert js(browser, "return document.body.innerText.includes('{{ 7*7 }}')")
    check_quiet(browser)


def test_it_runs_in_a_notebooks_frame(browser, tmp_path):
    path = tmp_path / "cell.html"
    path.write_text(
        f"<!doctype html><meta charset=utf-8>{Explorer(made.data())._repr_html_()}",
        encoding="utf-8",
    )
    browser.get_log("browser")
    browser.get(path.as_uri())
    browser.switch_to.frame(0)
    assert js(browser, "return document.documentElement.dataset.ready") == "yes"
    press(browser, "k")
    assert selected(browser) == 3
    browser.switch_to.default_content()
    check_quiet(browser)


def test_a_long_trace_is_drawn_once_and_fits_both_widths(browser, tmp_path):
    text = explorer_page(made.long())
    load(browser, tmp_path, text)
    assert js(browser, "return document.querySelectorAll('#cards li').length") == 601
    before = selected(browser)
    drawn = js(
        browser,
        "const seen = new MutationObserver(() => {}); seen.observe(document.querySelector('#cards'), {childList: true, subtree: true}); "
        "for (let i = 0; i < 5; i++) document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'k', bubbles: true})); "
        "return seen.takeRecords().reduce((n, one) => n + one.addedNodes.length, 0)",
    )
    assert selected(browser) == before - 5
    assert drawn < 601  # a key draws no list of all steps anew
    for width in (1440, 900):
        browser.set_window_size(width, 1000)
        time.sleep(0.3)
        assert js(browser, "return document.documentElement.scrollWidth <= innerWidth"), width
    check_quiet(browser)
