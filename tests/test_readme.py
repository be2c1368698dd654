"""What the README says comes from the code."""

import json
import re
from pathlib import Path

from mechcot.core.card import card_text, cards_document, cards_table
from mechcot.measures.registry import MEASURES
from mechcot.ruler.markdown_table import markdown

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_table_of_measures_is_the_cards():
    table = cards_table(measure.card for measure in MEASURES.values())
    assert table in README, "run `mechcot cards --markdown` and put its output in the README"


def test_the_table_of_the_ruler_is_what_the_full_run_wrote():
    result = json.loads((ROOT / "artifacts" / "ruler" / "ruler.json").read_text(encoding="utf-8"))
    assert markdown(result) in README, (
        "put `mechcot.ruler.markdown_table.markdown` of the run in the README"
    )
    status = {name: MEASURES[name].card.status for name in result["measures"]}
    assert status == {name: row["status"] for name, row in result["measures"].items()}


def test_a_card_as_text_says_its_thresholds():
    text = card_text(MEASURES["early_answering"].card)
    assert "smallest effect 0.15, at least 20 items" in text
    assert "larger means the chain carries more" in text


def test_the_page_of_methods_is_the_cards():
    every = [measure.card for measure in MEASURES.values()]
    page = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")
    assert page == cards_document(every), "run `mechcot cards --doc > docs/methods.md`"
    for card in every:
        assert f"(`{card.name}`)" in page and card.confounds in page and card.formula in page


def test_the_first_program_runs(dictionary_folder, tmp_path, monkeypatch):
    """The shape is what is tested: two traces, two pairs and one dose do."""
    block = re.search(r"```python\n(.*?)```", README, flags=re.DOTALL)
    program = re.sub(r"n=\d+", "n=2", block[1]).replace("[0.05, 0.1, 0.2]", "[0.1]")
    assert "import mechcot as mc" in program
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "sae").symlink_to(dictionary_folder)
    monkeypatch.chdir(tmp_path)
    exec(compile(program, "README.md", "exec"), {})
