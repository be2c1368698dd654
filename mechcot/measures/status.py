"""Verdict of the ruler on each measure: the status that its card carries.

`status.json` is written by `mechcot ruler --record`: by a full run what a measure earned there, by `--families` on which further families it holds.
A measure has *passed* when it earned that and holds on every further family; it is *provisional* when one of both is missing, and *exploratory* when the full run
refused it. A measure whose formula has changed since is provisional again: what was scored is not what is measured.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from mechcot.core.card import MeasureCard
from mechcot.core.store import digest, write_json

_FILE = Path(str(files("mechcot.measures"))) / "status.json"
STATUS_ORDER = ("passed", "provisional", "exploratory")
Holds = Mapping[str, bool | None]
"""Family to whether a measure holds there; None where it could not be scored."""
Recorded = Mapping[str, Mapping[str, Any]]
"""Measure to its formula's digest, `status` (what the full run gave) and `families` (`Holds`)."""


@cache
def _recorded() -> Recorded:
    return _read(_FILE)


def _read(path: Path) -> dict[str, dict[str, Any]]:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def status(card: MeasureCard, *, recorded: Recorded | None = None) -> MeasureCard:
    """The card with what the ruler said of it.

    Args:
        card: A measure's own card.
        recorded: What was kept; what ships when None.
    """
    entry = (_recorded() if recorded is None else recorded).get(card.name)
    if entry is None or entry["formula"] != digest(card.formula):
        return card
    holds: Holds = entry.get("families", {})
    return replace(
        card,
        status=_word(entry.get("status"), holds),
        families=family_standing(holds) if holds else "",
    )


def _word(earned: str | None, holds: Holds) -> Literal["passed", "provisional", "exploratory"]:
    if earned == "exploratory":
        return "exploratory"
    return "passed" if earned == "passed" and holds and all(holds.values()) else "provisional"


def family_standing(holds: Holds) -> str:
    """On how many families a measure holds, and what is the matter on the others.

    Args:
        holds: By family.
    """
    missed = [family for family, held in holds.items() if held is False]
    unscored = [family for family, held in holds.items() if held is None]
    return "; ".join(
        (
            f"{sum(map(bool, holds.values()))} of {len(holds)}",
            *([f"not on {', '.join(missed)}"] if missed else []),
            *([f"not measurable on {', '.join(unscored)}"] if unscored else []),
        )
    )


def record(
    cards: Mapping[str, MeasureCard],
    *,
    earned: Mapping[str, str] | None = None,
    families: Mapping[str, Holds] | None = None,
    path: Path = _FILE,
) -> None:
    """Keep what the ruler said, beside what it said before of the same formula.

    Args:
        cards: Measure to card.
        earned: Measure to `passed` or `exploratory`, of a full run.
        families: Measure to whether it holds on the further families.
        path: Where to.
    """
    entries = _read(path)
    for key, said in (("status", earned or {}), ("families", families or {})):
        for name, value in said.items():
            formula = digest(cards[name].formula)
            kept = entries.get(name, {})
            kept = kept if kept.get("formula") == formula else {"formula": formula}
            entries[name] = kept | {key: value}
    write_json(path, entries)
