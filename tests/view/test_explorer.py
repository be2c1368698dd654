"""The explorer's page as text: packed numbers, size, escaping, the notebook frame, the table without a script."""

import base64
import html
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from mechcot.view.pages.explorer import Explorer, explorer_page
from tests.view import explorer_fixtures as made


def carried(text):
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    return json.loads(found.group(1))


def test_pictures_come_back_to_three_digits():
    view = made.item(7)
    grid = carried(explorer_page(made.data(view)))["items"][0]["grids"][0]
    flat = np.frombuffer(base64.b64decode(grid["readers"]["one"]["f16"]), "<f2").astype(float)
    matrix = np.full((7, 7), np.nan)
    matrix[np.triu_indices(7, k=1)] = flat
    np.testing.assert_allclose(matrix, view.grids[0].by_reader["one"], rtol=1e-3, atol=1e-6)
    strip = carried(explorer_page(made.data(view)))["items"][0]["strip"]["readers"]["two"]
    flat = np.frombuffer(base64.b64decode(strip["f16"]), "<f2").reshape(strip["shape"])
    np.testing.assert_allclose(flat, view.strip.by_reader["two"], rtol=1e-3)
    heads = carried(explorer_page(made.data(view)))["items"][0]["grids"][2]["readers"]["two"]
    flat = np.frombuffer(base64.b64decode(heads["f16"]), "<f2").reshape(heads["shape"])
    np.testing.assert_allclose(flat, view.grids[2].by_reader["two"], rtol=1e-3)


def test_the_page_says_who_named_the_kinds_and_in_which_language():
    text = explorer_page(made.data(made.item(4)))
    assert text.count("knows English alone") == 2  # with a script and without one
    assert "in a chain in another language every step is “other”" in text


def test_the_largest_pictures_go_first_and_are_named():
    data = made.data(made.item(40), made.item(4))
    whole, small = explorer_page(data), explorer_page(data, limit=len(explorer_page(data)) - 1000)
    assert carried(whole)["items"][0]["leftOut"] == []
    assert carried(small)["items"][0]["leftOut"] == ["Hidden from attention"]
    assert carried(small)["items"][1]["leftOut"] == []
    assert len(small) <= len(whole) - 1000


def test_a_long_trace_stays_within_five_megabytes():
    assert len(explorer_page(made.long()).encode()) < 5_000_000


def test_hostile_text_opens_no_tag():
    text = explorer_page(made.hostile())

    class Tags(HTMLParser):
        seen: list

        def handle_starttag(self, tag, attrs):
            self.seen.append((tag, dict(attrs)))

    tags = Tags()
    tags.seen = []
    tags.feed(text)
    assert {tag for tag, _ in tags.seen} & {"img", "a", "iframe", "object"} == set()
    assert sum(tag == "script" for tag, _ in tags.seen) == 2
    assert not [name for _, attrs in tags.seen for name in attrs if name.startswith("on")]
    assert carried(text)["items"][0]["steps"][0]["text"] == made.HOSTILE


def test_without_a_script_the_steps_stand_in_a_table():
    text = explorer_page(made.data())
    fallback = re.search(r"<noscript>(.*?)</noscript>", text, re.S).group(1)
    assert fallback.count("<table>") == 2
    assert "step text 3 = 9" in fallback
    assert "<td>0.75</td>" in fallback
    assert "Step 5 carries the answer." in fallback


def test_a_notebook_shows_it_in_a_frame_that_may_only_run_its_script():
    shown = Explorer(made.hostile())._repr_html_()
    assert shown.startswith('<iframe sandbox="allow-scripts" ')
    inner = re.search(r'srcdoc="([^"]*)"', shown).group(1)
    assert html.unescape(inner) == explorer_page(made.hostile())


def test_where_frames_are_taken_out_a_notebook_keeps_the_steps_and_no_markup_of_the_model():
    shown = Explorer(made.hostile())._repr_html_()
    kept = re.sub(r"<iframe.*?</iframe>", "", shown, flags=re.S)
    assert set(re.findall(r"<(\w+)", kept)) == {"details", "summary", "h2", "p", "b", "table", "thead", "tbody", "tr", "th", "td"}  # fmt: skip
    assert kept.count("pwned") == html.unescape(kept).count("pwned") > 0
    assert "Step 5 carries the answer." in Explorer(made.data())._repr_html_().split("</iframe>")[1]


def test_the_page_names_no_other_host():
    text = explorer_page(made.data())
    assert set(re.findall(r"https?://[^\s\"'<]+", text)) <= {"http://www.w3.org/2000/svg"}
    policy = re.search(r'Policy" content="([^"]*)"', text).group(1)
    assert html.unescape(policy).startswith("default-src 'none'; script-src 'sha256-")
    assert "connect-src" not in policy


def test_a_strip_too_large_is_left_out_and_named():
    data = made.data(made.item(4, tokens_each=500, features=8))
    kept = carried(explorer_page(data, limit=len(explorer_page(data)) - 1000))["items"][0]
    assert kept["strip"] is None and len(kept["grids"]) == 3
    assert kept["leftOut"] == ["Features: dictionary, resid_post.2"]


@pytest.mark.parametrize("name", ["data", "hostile"])
def test_the_same_data_gives_the_same_page(name):
    assert explorer_page(getattr(made, name)()) == explorer_page(getattr(made, name)())
