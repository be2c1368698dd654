"""The page from planted findings: it says what survived, escapes text, and asks no host for anything."""

import json
import re

from mechcot.core.pair import Pair
from mechcot.features.dictionary import Dictionary
from mechcot.features.findings import falsified, falsify_lines, score_lines, scored
from mechcot.features.fit import fit
from mechcot.features.run import Study
from mechcot.model.sites import Site
from mechcot.view.feature_page import page
from tests.features.test_scores import Detectors


def test_from_chains_to_page(base, traces):
    words = Dictionary("words", Site("resid_pre", 0), Detectors(base))
    fits = Pair(base, base).map(lambda reader: fit(words, reader, traces[:2]))
    study = Study(words, Pair(base, base), traces[:8], fits)
    score, trials = scored(study), falsified(study)
    json.dumps([score, trials], allow_nan=False)
    assert score["changed"] == 0
    assert len(score["features"]) == 3  # the fourth never fires
    assert trials["survivors"] == 0
    assert score_lines(score)[0].startswith("3 features fire on")
    assert falsify_lines(trials)[0].startswith(f"0 of {trials['candidates']} candidates survived")
    score["along"]["trace"] = "<script>alert(1)</script>"
    html = page(score, trials)
    assert html == page(score, trials)
    assert "<script>alert(1)" not in html
    assert f"<b>0 of {trials['candidates']}</b> candidates" in html
    markup = re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL)
    assert not re.findall(r'(?:src|href)="https?:', markup)
    assert "Content-Security-Policy" in markup
    assert "none may be called a reasoning feature" in page(score, None)
