import base64
import hashlib
import json
import re
from dataclasses import replace
from html import escape
from html.parser import HTMLParser

import pandas as pd
import pytest
from plotly.offline import get_plotlyjs_version

from mechcot.stats.verdict import VERDICT_WORDS
from mechcot.view.pages import plain_tables
from mechcot.view.pages.numbered_figures import numbered_figures
from mechcot.view.pages.page_frame import asset
from mechcot.view.pages.report import LIBRARY, report_page
from mechcot.view.pages.report_data import Comparison, ReportData
from tests.view.view_fixtures import bare


class Seen(HTMLParser):
    """What a browser would see: tags, attributes, the text of scripts, the visible text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.links, self.handlers, self.scripts, self.words, self.policy = (
            [],
            [],
            [],
            [],
            [],
            "",
        )
        self.ids, self.inside = [], None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append(tag)
        self.links += [
            found[name] for name in ("href", "src", "action", "data", "poster") if name in found
        ]
        self.handlers += [name for name in found if name.startswith("on")]
        if "id" in found:
            self.ids.append(found["id"])
        if found.get("http-equiv") == "Content-Security-Policy":
            self.policy = found["content"]
        if tag in ("script", "style"):
            self.inside = (tag, found)
            self.scripts.append([found.get("type", ""), ""])

    def handle_endtag(self, tag):
        if tag in ("script", "style"):
            self.inside = None

    def handle_data(self, data):
        if self.inside:
            self.scripts[-1][1] += data
        else:
            self.words.append(data)


@pytest.fixture(scope="module")
def seen(text):
    return Seen(text)


@pytest.fixture(scope="module")
def seen_hostile(hostile_text):
    return Seen(hostile_text)


def sentences(data):
    for comparison in data.comparisons:
        yield comparison.accuracy
        yield comparison.conclusion
        yield from comparison.sentences
        yield from comparison.step_sentences
        yield from comparison.layer_sentences


def test_every_sentence_stands_once_on_the_page(data, text):
    for sentence in sentences(data):
        told = escape(sentence.text, quote=True).replace("&#x27;", "&#39;")
        shared = sum(each == sentence for each in sentences(data))
        assert text.count(told) == shared, sentence.text


def test_the_page_opens_with_the_conclusions_and_the_figure_of_the_effect(data, text):
    last = text.index(data.comparisons[-1].conclusion.text)
    assert last < text.index('id="figure-1"') < text.index('<section id="accuracy">')


def test_sections_stand_in_the_order_of_the_questions(text):
    ids = ["accuracy", "chain", "steps", "network", "items", "belief", "reading", "cost"]
    places = [text.index(f'<section id="{name}">') for name in ids]
    assert places == sorted(places)
    assert all(f'href="#{name}"' in text for name in ids)


def test_size_and_one_copy_of_the_library(text, hostile_text):
    assert len(text.encode()) < 3e6
    assert text.count(asset(LIBRARY)[:120]) == 1
    assert len(hostile_text.encode()) < 3e6


def test_the_library_of_pages_is_the_one_that_the_figures_are_made_for():
    assert f"v{get_plotlyjs_version()}" in asset(LIBRARY)[:200]


def test_no_link_leaves_the_page(seen, seen_hostile):
    for one in (seen, seen_hostile):
        assert all(link.startswith("#") for link in one.links)
        assert not {"img", "iframe", "link", "object", "embed", "base", "form"} & set(one.tags)
        assert one.handlers == []


def test_the_policy_allows_exactly_the_scripts_of_the_page(seen, seen_hostile):
    for one in (seen, seen_hostile):
        assert one.policy.startswith("default-src 'none'")
        assert "http" not in one.policy and "connect-src" not in one.policy
        scripts = [
            text
            for kind, text in one.scripts
            if (kind == "" and "'use strict'" in text) or "plotly.js" in text[:40]
        ]
        hashes = {base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts}
        assert set(re.findall(r"'sha256-([^']+)'", one.policy)) == hashes
        assert len(hashes) == 2


def test_figures_travel_as_json_that_closes_no_tag(seen, seen_hostile, made):
    for one in (seen, seen_hostile):
        data = [text for kind, text in one.scripts if kind == "application/json"]
        assert all("<" not in text for text in data)
        assert len([json.loads(text) for text in data]) >= 1 + 6
    assert len([kind for kind, _ in seen.scripts if kind == "application/json"]) == 1 + len(
        made.ordered()
    )


def test_tables_are_readable_without_a_script(text, seen, made):
    assert seen.tags.count("noscript") == len(made.ordered())
    assert text.count("Numbers behind figure") == len(made.ordered())
    words = " ".join("".join(seen.words).split())
    for part in (
        "Early answering",
        "[−0.",
        "identity edit",
        "exactly 0",
        "parse rate",
        "seed",
        "3fa91c22e0b7d514",
    ):
        assert part in words


def test_verdicts_are_lettered_and_coloured(text):
    assert '<span class="badge v-less"><b>L</b>&nbsp;less</span>' in text
    assert '<span class="badge v-no-change"><b>=</b>&nbsp;no change</span>' in text
    assert '<span class="badge v-not-judged"><b>×</b>&nbsp;not judged</span>' in text
    assert "provisional" in text


def test_cards_tell_what_was_fixed_before_the_run(data, seen):
    words = " ".join("".join(seen.words).split())
    for card in data.cards:
        for part in (
            card.title,
            card.question,
            card.formula,
            card.source,
            card.confounds,
            card.cost,
        ):
            assert part in words
    assert "0.05 total variation on at least 20 items" in words


def test_identity_rows_of_equal_models_stand_in_one_line(seen):
    words = " ".join("".join(seen.words).split())
    assert "base, bypass, control" in words


def test_a_broken_null_is_said_in_words(data):
    nulls = data.nulls.copy()
    nulls.loc[0, ["mean", "ok"]] = [0.2, False]
    text = report_page(replace(data, nulls=nulls, comparisons=(bare(data.comparisons[0]),)))
    assert "1 of 19 nulls did not hold" in text
    assert "✗ no" in text


def test_a_failed_gate_opens_and_stands_first(data):
    first = bare(data.comparisons[0])
    reason = "only half of the answers could be read"
    gates = first.gates.iloc[:3].copy()
    gates.loc[2, ["ok", "reason"]] = [False, reason]
    text = report_page(replace(data, comparisons=(replace(first, gates=gates),)))
    assert "1 of 3 gates did not hold" in text
    assert re.search(r"<details[^>]*open><summary>The gates", text)
    assert plain_tables.gate_table(gates).rows[0][-1].text == reason
    told = (f"Not judged: {reason}.",)
    assert plain_tables.gate_table(gates, told=told).rows[0][-1].text == "as said above"


def test_no_gain_is_not_called_a_gain(text):
    assert "No item gained; the smallest losses" in text
    assert "Largest loss" in text


def test_a_bare_study_says_what_it_lacks(data):
    first = data.comparisons[0]
    bare = ReportData(
        title="Bare", command="c", models=data.models.iloc[:2], prompt=data.prompt, problems=3,
        comparisons=(Comparison(first.name, first.before, first.after, first.accuracy, first.conclusion, first.contrasts),),
    )  # fmt: skip
    text = report_page(bare)
    assert text.count("Not part of this run") >= 5


def test_long_chains_are_cut_and_say_so(data):
    first = bare(data.comparisons[0])
    item = replace(data.comparisons[0].losses[0], steps=data.comparisons[0].losses[0].steps * 20)
    text = report_page(replace(data, comparisons=(replace(first, losses=(item,)),)))
    assert "160 further steps are not printed here" in text


def test_template_syntax_in_model_text_is_only_text(seen_hostile):
    words = "".join(seen_hostile.words)
    assert "{{ 7*7 }}" in words
    assert "<img src=x onerror=" in words


def test_the_same_data_give_the_same_page(data, text):
    assert report_page(data) == text


@pytest.mark.parametrize("status", ["passed", "provisional", "exploratory"])
def test_a_table_shows_verdicts_and_leaves_reasons_to_the_sentences(data, status):
    first = data.comparisons[0].contrasts.iloc[:1].assign(reason="because", status=status)
    cells = [
        plain_tables.contrast_table(first.assign(verdict=v)).rows[0][-1] for v in VERDICT_WORDS
    ]
    shown = ["exploratory"] * 4 + ["not judged"] if status == "exploratory" else list(VERDICT_WORDS)
    assert [cell.text for cell in cells] == shown
    assert not any("because" in cell.remark for cell in cells)
    alone = f"alone: {VERDICT_WORDS[0]}" if status == "exploratory" else status
    assert cells[0].remark == ("" if status == "passed" else alone)


def test_a_reason_stands_once_with_all_that_it_covers():
    rows = [
        ("Step patching", "one", "no value", 3),
        ("Step patching", "two", "no value", 2),
        ("Filler", "one", "no steps", 1),
    ]
    missing = pd.DataFrame(rows, columns=["measure", "model", "reason", "count"])
    texts = [[cell.text for cell in row] for row in plain_tables.not_judged_table(missing).rows]
    assert texts == [
        ["no value", "5", "Step patching, one: 3; Step patching, two: 2"],
        ["no steps", "1", "Filler, one: 1"],
    ]


def test_the_numbers_of_several_comparisons_say_which_is_which(series_data):
    numbers = (
        numbered_figures(replace(series_data, comparisons=series_data.comparisons)).chain[0].numbers
    )
    assert numbers.heads[0].text == "comparison"
    names = [name for c in series_data.comparisons for name in [c.name] * len(c.contrasts)]
    assert [row[0].text for row in numbers.rows] == names
    assert all(len(row) == len(numbers.heads) for row in numbers.rows)
