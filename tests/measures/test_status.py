"""A card carries the status that the ruler gave it, as long as its formula is the one that was scored."""

import json
from dataclasses import replace

from mechcot.measures.early_answering import CARD
from mechcot.measures.status import record, status


def test_the_recorded_status_is_on_the_card(tmp_path):
    path = tmp_path / "status.json"
    record({"early_answering": "passed"}, {"early_answering": CARD}, path=path)
    kept = json.loads(path.read_text())
    assert status(CARD, recorded=kept).status == "passed"
    assert status(replace(CARD, formula="another"), recorded=kept).status == "provisional"
    assert status(CARD, recorded={}).status == "provisional"
