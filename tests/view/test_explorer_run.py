"""`mechcot explore` on the folder of a real compare, in the browser: what the page shows is what the run read."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mechcot.cli import main
from mechcot.compare.run import run
from mechcot.compare.settings import Study
from mechcot.core.measurement import Measurement
from mechcot.core.store import read_traces
from mechcot.model.internals.sites import Site
from mechcot.model.reasoner import Reasoner
from mechcot.runs.shards import shards_of
from mechcot.sae.dictionary import Dictionary
from tests.compare.tiny_models import byte_tokenizer, save_tiny, sum_of, write_rows
from tests.view.test_explorer_browser import check_quiet, js, press, selected

pytestmark = pytest.mark.browser
SITE = Site("resid_post", 0)
EVIL = "</script><script>window.pwned=1</script><img src=x onerror='window.pwned=1'> {{ 7*7 }}"
MEASURES = ("early_answering", "suppression", "step_patching")


@pytest.fixture(scope="module")
def folder(models, chains, tmp_path_factory):
    out = tmp_path_factory.mktemp("compare")
    run(Study(models=models, out=out, traces=chains, n=3, chains="all", measures=MEASURES, null_reader="none", command="mechcot compare one two"))  # fmt: skip
    return out


@pytest.fixture
def dictionary(monkeypatch):
    """What `--features` names: a random dictionary that fits the models."""
    weights = torch.randn(32, 6, generator=torch.Generator().manual_seed(0))
    sae = SimpleNamespace(
        cfg=SimpleNamespace(d_sae=6, d_in=32),
        W_dec=weights.T,
        encode=lambda x: torch.relu(x @ weights),
    )
    made = Dictionary("random", SITE, sae)
    monkeypatch.setattr("mechcot.explorer.feature_tracks.load", lambda _: made)
    return made


def explored(folder, capsys, monkeypatch, *options):
    monkeypatch.setattr("sys.argv", ["mechcot", "explore", str(folder), "--overwrite", *options])
    with pytest.raises(SystemExit) as end:
        main.main()
    said = capsys.readouterr()
    return end.value.code, said.out + said.err


def opened(browser, path, *, link=""):
    browser.get("about:blank")
    browser.get_log("browser"), browser.get_log("performance")
    browser.get(path.as_uri() + link)
    assert js(browser, "return document.documentElement.dataset.ready") == "yes"


def copied(browser):
    js(browser, "Object.defineProperty(navigator, 'clipboard', {configurable: true, value: {writeText: async (t) => { window.held = t; }}}); document.getElementById('copy').click()")  # fmt: skip
    return json.loads(js(browser, "return window.held"))


def test_every_step_of_a_real_run_shows_what_was_read(browser, folder, dictionary, models, capsys, monkeypatch):  # fmt: skip
    code, said = explored(folder, capsys, monkeypatch, "--features", "release/ID", "--feature", "4", "--feature", "1", "--device", "cpu")  # fmt: skip
    assert code == 0 and said == f"3 traces: {folder / 'explorer.html'}\n"
    traces = read_traces(folder / "traces.jsonl")
    shards = shards_of(folder / "readings")
    assert "" not in shards
    measurements = [Measurement.parse(shards.read(name), name) for name in shards.places]
    hidden = {(r.trace, r.reader): r.results["answer"].values for r in measurements if r.measure == "suppression"}  # fmt: skip
    readers = {name: Reasoner.load(path, device="cpu") for name, path in zip(("one", "two"), models, strict=True)}  # fmt: skip
    trace = traces[2]
    opened(browser, folder / "explorer.html", link="#item=3&step=2")
    assert js(browser, "return document.getElementById('item').options.length") == 3
    step = trace.chain_steps[1]
    record = copied(browser)
    assert (record["trace"], record["step"], record["text"]) == (trace.id, 2, step.text)
    assert record["tokens"] == [step.tokens.start, step.tokens.stop]
    for name, reader in readers.items():
        assert record["values"]["suppression/answer"][name] == pytest.approx(hidden[trace.id, name][1], rel=1e-3, abs=1e-9)  # fmt: skip
        states = reader.states(trace.ids, [SITE])[SITE][step.tokens.start : step.tokens.stop]
        most = dictionary.encode(states).numpy().max(axis=0)
        shown = record["features"]
        np.testing.assert_allclose([shown["4"][name], shown["1"][name]], most[[4, 1]], rtol=2e-3)
    check_quiet(browser)


def test_a_real_run_is_walked_through(browser, folder, capsys, monkeypatch):
    assert explored(folder, capsys, monkeypatch)[0] == 0
    opened(browser, folder / "explorer.html", link="#item=2&step=1")
    trace = read_traces(folder / "traces.jsonl")[1]
    assert js(browser, "return document.getElementById('features-figure').hidden") is True
    press(browser, "j", "j", "k")
    assert selected(browser) == 1
    assert js(browser, "return location.hash") == "#item=2&step=2"
    shots = set()
    for key in "123":
        press(browser, key)
        shots.add(js(browser, "return document.getElementById('square').toDataURL()"))
    assert len(shots) == 3
    wanted = " ".join(trace.chain_steps[-1].text.split())
    js(browser, f"const f = document.getElementById('find'); f.value = {json.dumps(wanted)}; f.dispatchEvent(new Event('input'))")  # fmt: skip
    hits = [i for i, s in enumerate(trace.steps) if wanted in " ".join(s.text.split())]
    assert selected(browser) == hits[0]
    assert js(browser, "return document.querySelectorAll('#cards .match').length") == len(hits)
    press(browser, "n")
    assert js(browser, "return location.hash").startswith("#item=3&")
    check_quiet(browser)


def test_markup_written_by_a_model_stays_text_on_the_whole_way(browser, tmp_path, capsys, monkeypatch):  # fmt: skip
    pair = tuple(save_tiny(tmp_path / n, byte_tokenizer(merges=40), seed=i, context=1024) for i, n in enumerate(("one", "two")))  # fmt: skip
    row = sum_of(3) | {"question": f"What is 3 + 4? {EVIL}", "chain": f"First {EVIL}. So 3 + 4 = 7. So {EVIL} it is 7.", "answer_text": f"\nThe answer is 7 {EVIL}"}  # fmt: skip
    rows = write_rows(tmp_path / "evil.jsonl", [row, row | {"id": f"x{EVIL}"}])
    out = tmp_path / "out"
    run(Study(models=pair, out=out, traces=rows, measures=("early_answering", "suppression"), chains="all", null_reader="none", command=EVIL))  # fmt: skip
    assert explored(out, capsys, monkeypatch)[0] == 0
    opened(browser, out / "explorer.html")
    press(browser, "j", "2", "3", "k", "n")
    assert js(browser, "return typeof window.pwned") == "undefined"
    assert js(browser, "return document.querySelectorAll('img, a, iframe').length") == 0
    assert js(browser, "return document.body.innerText.includes('{{ 7*7 }}')")
    check_quiet(browser)


@pytest.mark.usefixtures("dictionary")
def test_features_are_refused_where_they_cannot_be_read(folder, capsys, monkeypatch, tmp_path):  # fmt: skip
    code, said = explored(folder, capsys, monkeypatch, "--feature", "3")
    assert code == 2 and "give --features DIR too" in said
    code, said = explored(folder, capsys, monkeypatch, "--features", "release/ID", "--feature", "6")
    assert code == 2 and "random has features 0 to 5, not 6" in said
    other = shutil.copytree(folder, tmp_path / "other")
    about = json.loads((other / "summary.json").read_text())
    about["models"][1]["weights"] = "0" * 16
    (other / "summary.json").write_text(json.dumps(about))
    code, said = explored(other, capsys, monkeypatch, "--features", "release/ID")
    assert code == 2 and "has other weights than the run read" in said and "Traceback" not in said
