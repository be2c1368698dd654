"""What the README says comes from the code."""

import json
import re
from pathlib import Path

from mechcot.core.card import card_text
from mechcot.measures.registry import MEASURES

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_status_on_the_cards_is_what_the_full_run_gave():
    result = json.loads((ROOT / "artifacts" / "ruler" / "ruler.json").read_text(encoding="utf-8"))
    status = {name: MEASURES[name].card.status for name in result["measures"]}
    assert status == {name: row["status"] for name, row in result["measures"].items()}


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
