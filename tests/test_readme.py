"""What the README says comes from the code."""

import json
import re
from importlib import resources
from pathlib import Path

from mechcot.core.card import card_text
from mechcot.measures.registry import MEASURES
from mechcot.measures.status import record
from mechcot.ruler.families import held_on_families

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def ruler(name: str):
    return json.loads((ROOT / "artifacts" / "ruler" / name).read_text(encoding="utf-8"))


def test_the_status_on_the_cards_is_what_the_kept_runs_gave(tmp_path):
    path, cards = tmp_path / "status.json", {name: m.card for name, m in MEASURES.items()}
    earned = {name: row["status"] for name, row in ruler("ruler.json")["measures"].items()}
    record(cards, earned=earned, families=held_on_families(ruler("families.json")), path=path)
    shipped = resources.files("mechcot.measures") / "status.json"
    assert json.loads(path.read_text()) == json.loads(shipped.read_text())


def test_it_is_short():
    assert len(README.splitlines()) <= 120


def test_a_card_as_text_says_its_thresholds():
    text = card_text(MEASURES["early_answering"].card)
    assert "0.15 probability on at least 20 items" in text
    assert "larger means the chain carries more" in text


def test_the_first_program_runs(dictionary_folder, tmp_path, monkeypatch):
    """The shape is what is tested: two traces, two pairs and one dose do."""
    block = re.search(r"```python\n(.*?)```", README, flags=re.DOTALL)
    program = re.sub(r"n=\d+", "n=2", block[1]).replace("[0.05, 0.1, 0.2]", "[0.1]")
    assert "import mechcot as mc" in program
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "sae").symlink_to(dictionary_folder)
    monkeypatch.chdir(tmp_path)
    exec(compile(program, "README.md", "exec"), {})
