"""Verdict of the ruler on each measure: the status that its card carries.

`status.json` is written by a full run of the ruler (`mechcot ruler --record`). A measure whose formula has
changed since is provisional again: what was scored is not what is measured.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path

from mechcot.core.card import MeasureCard
from mechcot.core.store import digest, write_json

_FILE = Path(str(files("mechcot.measures"))) / "status.json"
STATUS_ORDER = ("passed", "provisional", "exploratory")


@cache
def _recorded() -> Mapping[str, Mapping[str, str]]:
    return json.loads(_FILE.read_text(encoding="utf-8")) if _FILE.is_file() else {}


def status(
    card: MeasureCard, *, recorded: Mapping[str, Mapping[str, str]] | None = None
) -> MeasureCard:
    """The card with the status that the ruler gave it.

    Args:
        card: A measure's own card.
        recorded: Measure to status and formula; what ships when None.
    """
    found = (_recorded() if recorded is None else recorded).get(card.name)
    if found is None or found["formula"] != digest(card.formula):
        return card
    return replace(card, status=found["status"])


def record(
    status: Mapping[str, str], cards: Mapping[str, MeasureCard], *, path: Path = _FILE
) -> None:
    """Write what the ruler said.

    Args:
        status: Measure to `passed` or `exploratory`.
        cards: Their cards.
        path: Where to.
    """
    write_json(
        path,
        {
            name: {"status": given, "formula": digest(cards[name].formula)}
            for name, given in status.items()
        },
    )
