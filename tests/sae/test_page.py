"""The page from planted findings: it says what survived, escapes text, and asks no host for anything."""

import json
import re

from mechcot.core.pair import Pair
from mechcot.core.wording import count_of
from mechcot.model.internals.sites import Site
from mechcot.sae import falsify
from mechcot.sae.dictionary import Dictionary
from mechcot.sae.evaluation import evaluate
from mechcot.sae.results import falsified, falsify_lines, score_lines, scored
from mechcot.sae.run import TrainedDictionary
from mechcot.view.figures.probes import probes
from mechcot.view.pages.sae import sae_page
from tests.sae.test_feature_scores import Detectors


def test_trials_that_were_held_are_not_held_again(base, traces, tmp_path, monkeypatch):
    words = Dictionary("words", Site("resid_pre", 0), Detectors(base))
    fits = Pair(base, base).map(lambda reader: evaluate(words, reader, traces[:2]))
    study = TrainedDictionary(words, Pair(base, base), traces[:8], fits)
    whole = falsified(study, tmp_path)
    held = []
    hold = falsify.Trials.hold
    monkeypatch.setattr(falsify.Trials, "hold", lambda *given: held.append(1) or hold(*given))
    assert falsified(study, tmp_path) == whole
    assert not held
    next(tmp_path.iterdir()).unlink()
    assert falsified(study, tmp_path) == whole
    assert len(held) == 1
    assert falsified(study, tmp_path, seed=1)["trials"] != whole["trials"]
    assert len(held) == 1 + whole["candidates"]


def test_from_chains_to_page(base, traces, tmp_path):
    words = Dictionary("words", Site("resid_pre", 0), Detectors(base))
    fits = Pair(base, base).map(lambda reader: evaluate(words, reader, traces[:2]))
    study = TrainedDictionary(words, Pair(base, base), traces[:8], fits)
    score, trials = scored(study), falsified(study, tmp_path)
    json.dumps([score, trials], allow_nan=False)
    assert score["changed"] == 0
    assert len(score["features"]) == 3  # the fourth never fires
    assert trials["survivors"] == 0
    assert score_lines(score)[0].startswith("3 features fire on")
    assert falsify_lines(trials)[0].startswith(
        f"0 of {count_of(trials['candidates'], 'candidate')} survived"
    )
    assert any(step["kind"] == "exploration" for step in score["along"]["steps"])
    for row in score["top"]:
        edges, counts = row["histogram"]["edges"], row["histogram"]["counts"]
        assert {kind: sum(each) for kind, each in counts.items()} == score["steps"]
        assert len(edges) == 1 + len(next(iter(counts.values())))
    needs = next(row for row in score["top"] if row["feature"] == 1)["histogram"]["counts"]
    assert sum(needs["exploration"][1:]) > 0 == sum(needs["summary"][1:])
    trials["trials"][0] |= {"survives": True}
    trials["shown"] = [{key: score["top"][0][key] for key in ("feature", "contexts", "logits")}]
    assert "The steps that excite the survivors most" in sae_page(score, trials | {"survivors": 1})
    trials["shown"] = []
    score["along"]["trace"] = "<script>alert(1)</script>"
    html = sae_page(score, trials)
    assert "knows English alone" in html  # who named the kinds
    assert html == sae_page(score, trials)
    assert "<script>alert(1)" not in html
    assert (
        f"0 of {count_of(trials['candidates'], 'candidate')} may be called reasoning features"
        in html
    )
    markup = re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL)
    assert not re.findall(r'(?:src|href)="https?:', markup)
    assert "Content-Security-Policy" in markup
    assert "none may be called a reasoning feature" in sae_page(score, None)


def test_probes_get_a_figure_and_a_table():
    def held(mean):
        return {"mean": mean, "low": mean - 0.05, "high": mean + 0.05, "parts": [None, mean, mean]}

    names = ("state", "features", "8 features", "words", "state, shuffled", "features, shuffled")
    target = {
        "classes": {"yes": 9, "no": 9},
        "chance": 0.5,
        "probes": {name: held(0.61 + n / 20) for n, name in enumerate(names)},
        "gap": {"mean": 0.0, "low": 0.0, "high": 0.0},
        "layers": [held(0.7), held(0.83)],
    }
    some = {"model": "base", "site": "blocks.1.hook_resid_post", "steps": 18}
    models = [
        some | {"targets": {"kind": target, "used": target, "again": None, "known": target}},
        some | {"model": "<b>tuned", "targets": dict.fromkeys(("kind", "used", "again", "known"))},
    ]
    figure = probes(models)
    shown = {title.text for title in figure.layout.annotations}
    assert "which kind of step" in shown and "also behind the next step" not in shown
    assert {trace.name for trace in figure.data} == {"base: state", "base: features", "base: words"}
    lines = [trace for trace in figure.data if trace.name == "base: state" and len(trace.y) == 2]
    assert all(list(trace.y) == [0.7, 0.83] for trace in lines) and len(lines) == 3
