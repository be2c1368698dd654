"""Files that `mechcot sae page` reads: whatever is wrong with one is said in a sentence that names it."""

import json
from pathlib import Path

import pytest

from mechcot.cli.main import app
from mechcot.core.pair import Pair
from mechcot.core.store import write_json
from mechcot.model.internals.sites import Site
from mechcot.probes.features import probed
from mechcot.sae.dictionary import Dictionary
from mechcot.sae.evaluation import evaluate
from mechcot.sae.results import falsified, scored
from mechcot.sae.run import TrainedDictionary
from tests.damage import faults
from tests.sae.test_feature_scores import Detectors


@pytest.fixture(scope="module")
def folder(base, traces, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("found")
    words = Dictionary("words", Site("resid_pre", 0), Detectors(base))
    fits = Pair(base, base).map(lambda reader: evaluate(words, reader, traces[:2]))
    study = TrainedDictionary(words, Pair(base, base), traces, fits)
    write_json(out / "score.json", scored(study))
    write_json(out / "falsify.json", falsified(study, out / "trials"))
    write_json(out / "probe.json", {"models": [probed(words, base, traces)]})
    return out


def page(folder: Path) -> None:
    app(["sae", "page", str(folder)], standalone_mode=False)


@pytest.mark.parametrize(
    ("name", "key", "value", "said"),
    [
        ("score", "models", ["one"], "models: expected a list of 2"),
        ("score", "features", [{"feature": "x"}], "features[0]: missing ['score_words'"),
        ("score", "schema", 1, "has schema 1, this version reads 2; run `mechcot sae score` again"),
        ("falsify", "trials", {}, "trials: expected a list, got {}"),
        ("probe", "models", [{"model": 3}], "models[0]: missing"),
    ],
)
def test_the_sentence_says_where(folder, name, key, value, said):
    path = folder / f"{name}.json"
    found = json.loads(path.read_bytes()) | {key: value}
    wrong = faults(path, iter([("", found)]), lambda: _raises(folder, said))
    assert wrong == []


def _raises(folder: Path, said: str) -> None:
    with pytest.raises(Exception, match=r"\.json") as error:
        page(folder)
    assert said in str(error.value)
    assert str(error.value).endswith("again")
