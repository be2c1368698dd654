"""`summary.json`: the stable, documented form of what was found (schema in `docs/schemas.md`).

It holds no duration, no time of day and no path of this machine, so that a resumed run gives it again byte for byte.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from mechcot.compare.abstention import abstention_summary
from mechcot.compare.chain_validity import validity_summary
from mechcot.compare.confidence import confidence_summary
from mechcot.compare.models import Models
from mechcot.compare.novelty import novelty_summary
from mechcot.compare.pair_finding import PairFinding, judged_cards, null_name, whose_chains
from mechcot.compare.settings import Study
from mechcot.compare.tables import Tables, not_judged, nulls
from mechcot.core.card import MeasureCard
from mechcot.core.trace import Trace
from mechcot.stats.contrast import OWN
from mechcot.stats.measurement_tables import json_rows

_SCHEMA = 1
_UNWRITTEN = (
    "standard",
    "own_chains",
    "yardsticks",
    "borrows",
    "asks",
    "paired",
    "draws",
    "by_others",
    "larger",
)


def run_summary(
    study: Study,
    models: Models,
    *,
    author: str | None,
    written: Sequence[Trace],
    used: Sequence[Trace],
    findings: Sequence[PairFinding],
    tables: Tables,
) -> dict[str, Any]:
    """The whole summary as JSON-able data.

    Args:
        study: The settings.
        models: Its models, for names, specs and hashes.
        author: Who wrote the headline's chains; None for each model's own.
        written: The headline's chains, judged or not.
        used: Those that are judged.
        findings: One per later checkpoint.
        tables: Measurements and scalars of the whole study.
    """
    return {
        "schema": _SCHEMA,
        "models": [
            {"name": name, "spec": models.specs[name].text, "weights": models.weights_hash(name)}
            for name in models.names
        ],
        "settings": {
            "seed": study.seed,
            "n": study.most,
            "author": study.author,
            "prompt": study.template,
            "chains": study.chains,
            "dtype": study.loading.dtype,
            "max_tokens": study.max_tokens,
            "temperature": study.temperature,
            "measures": list(study.measure_names),
            **({"samples": study.samples} if study.samples else {}),
            **({"most_chains": study.most_chains} if study.most_chains else {}),
            **({"left_out": dict(study.left_out)} if study.left_out else {}),
            **({"asking_notes": study.asking_notes} if study.asking_notes else {}),
            **({"trained_on": study.trained_on} if study.trained_on else {}),
        },
        "author": author or OWN,
        "chains_written": len(written),
        "chains_used": len(used),
        "comparisons": [_comparison(study, finding) for finding in findings],
        "nulls": json_rows(nulls(tables, author=author)),
        "not_judged": json_rows(not_judged(tables)),
        "cards": {card.name: _card(card) for card in judged_cards(study)},
    }


def _card(card: MeasureCard) -> dict[str, Any]:
    """The card without what only says how it is run and drawn; None for an end of its range that there is not."""
    fields = asdict(card)
    fields |= {end: None for end in ("low", "high") if math.isinf(fields[end])}
    fields["arrays"] = [
        {name: array[name] for name in ("name", "picture", "title", "meaning", "carries")}
        for array in fields["arrays"]
        if array["picture"] or array["title"]
    ]
    return {name: fields[name] for name in fields if name not in _UNWRITTEN}


def _comparison(study: Study, finding: PairFinding) -> dict[str, Any]:
    own = finding.own if finding.same else finding.headline
    return {
        "null": finding.after == null_name(study),
        "same_chains": finding.headline.summary() if finding.same else None,
        "own_chains": None if own is None else own.summary(),
        "chain_use": None if finding.use is None else finding.use.summary(),
        "validity": validity_summary(finding.validity),
        "abstention": abstention_summary(finding.abstention),
        "calibration": confidence_summary(
            finding.calibration, of=whose_chains(study, finding.after)
        ),
        **(
            {"agreement": confidence_summary(finding.agreement, samples=study.samples or 0)}
            if finding.agreement
            else {}
        ),
        "novelty": novelty_summary(finding.novelty),
        "next": finding.next,
        "strata": json_rows(finding.strata),
    }
