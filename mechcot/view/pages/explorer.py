"""The trace explorer: one self-contained page in which a trace and its measurements can be walked through.

Pictures travel as half-precision numbers (three digits) in base64; the largest are left out, and named
on the page, when the file would pass its limit. Nothing is computed here and no request is made.
"""

import base64
import html
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from mechcot.core.store import write_text
from mechcot.core.wording import count_of
from mechcot.text import number_format
from mechcot.view.pages.explorer_data import ExplorerData, FeatureStrip, Grid, ItemView, StepValues
from mechcot.view.pages.page_frame import asset, environment, inert_json, policy, script
from mechcot.view.theme import DARK, LIGHT

LIMIT = 5_000_000
_SCRIPTS = (
    "makers.js",
    "data.js",
    "strip.js",
    "maps.js",
    "features.js",
    "side.js",
    "picture.js",
    "app.js",
)
HALF = 65_504.0
STRIP = "features"
"""Key of the feature strip among a trace's pictures."""


@dataclass(frozen=True, eq=False, repr=False)
class Explorer:
    """A page that shows itself in a notebook cell.

    Attributes:
        data: What it shows.
        height: Height in a notebook, pixels.
    """

    data: ExplorerData
    height: int = 860

    def __repr__(self) -> str:
        readers = " and ".join(self.data.readers)
        lines = [
            f"Explorer: {count_of(len(self.data.items), 'trace')} read by {readers}; write('page.html') keeps the page"
        ]
        lines += [
            f"  {item.trace}: {reader}: {sentence}"
            for item in self.data.items
            for reader, sentence in item.sentences.items()
        ]
        return "\n".join(lines)

    def to_frame(self) -> pd.DataFrame:
        """One row per trace and reader.

        `critical_step` (from 1; missing where none is) with its `sentence`, every headline value under its title, and the answers as they were read.
        """
        return pd.DataFrame(
            [
                {
                    "trace": item.trace,
                    "reader": reader,
                    "critical_step": _counted(item.carrier[reader]),
                }
                | dict(item.answers.get(reader, ()))
                | {title: value for title, value, _ in item.facts.get(reader, ())}
                | {"sentence": item.sentences[reader]}
                for item in self.data.items
                for reader in self.data.readers
                if reader in item.sentences
            ]
        )

    def write(self, path: Path | str) -> None:
        """Write the page to a file, whole or not at all."""
        write_text(Path(path), explorer_page(self.data))

    def _repr_html_(self) -> str:
        """The page in a frame that may run its own script and do nothing else; below it the table, for hosts without scripts."""
        inner = html.escape(explorer_page(self.data), quote=True)
        table = environment().get_template("explorer/table.html.j2")
        return (
            f'<iframe sandbox="allow-scripts" title="Trace explorer" srcdoc="{inner}" '
            f'style="width:100%;height:{self.height}px;border:0"></iframe>'
            f"<details><summary>The same as a table (no explorer above? trust the notebook, or run it)</summary>{table.render(data=self.data, words=number_format)}</details>"
        )


def _counted(step: int | None) -> int | None:
    """A step as people count, from 1."""
    return None if step is None else step + 1


def explorer_page(data: ExplorerData, *, limit: int = LIMIT) -> str:
    """Set the page.

    Args:
        data: What it shows.
        limit: Largest size in bytes that pictures may bring the page to.
    """
    code = script(
        '"use strict";\n(() => {\n'
        + "\n".join(asset(f"explorer/{p}") for p in _SCRIPTS)
        + "\n})();"
    )
    around = {
        "data": data,
        "words": number_format,
        "style": Markup(asset("explorer/explorer.css")),
        "script": Markup(code),
        "policy": policy(code),
    }
    template = environment().get_template("explorer/explorer.html.j2")
    frame = template.render(packed=Markup("{}"), **around)
    plain = _packed(data, left_out=frozenset())
    used = len(frame.encode("utf-8", "replace")) + len(inert_json(plain))
    left_out = _too_much(data, used=used, limit=limit)
    packed = _packed(data, left_out=left_out) if left_out else plain
    text = template.render(packed=inert_json(packed), **around)
    return text.encode("utf-8", "replace").decode("utf-8")


def _too_much(data: ExplorerData, *, used: int, limit: int) -> frozenset[tuple[int, str]]:
    """The largest pictures, as many as must go."""
    grids = [
        (_size(grid), place, grid.key)
        for place, item in enumerate(data.items)
        for grid in item.grids
    ]
    strips = [
        (_size(item.strip), place, STRIP)
        for place, item in enumerate(data.items)
        if item.strip is not None
    ]
    sizes = sorted([*grids, *strips], reverse=True)
    gone = set()
    for size, place, key in sizes:
        if used <= limit:
            break
        gone.add((place, key))
        used -= size
    return frozenset(gone)


def _size(picture: Grid | FeatureStrip) -> int:
    return sum(len(_picture(picture, values)["f16"]) for values in picture.by_reader.values())


def _packed(data: ExplorerData, *, left_out: frozenset[tuple[int, str]]) -> dict[str, Any]:
    return {
        "title": data.title,
        "source": data.source,
        "readers": list(data.readers),
        "scales": {
            name: {"sequential": list(paper.sequential), "diverging": list(paper.diverging)}
            for name, paper in (("light", LIGHT), ("dark", DARK))
        },
        "items": [_item(item, place, left_out) for place, item in enumerate(data.items)],
    }


def _item(item: ItemView, place: int, left_out: frozenset[tuple[int, str]]) -> dict[str, Any]:
    kept = [grid for grid in item.grids if (place, grid.key) not in left_out]
    gone = [grid.title for grid in item.grids if (place, grid.key) in left_out]
    strip = item.strip
    if strip is not None and (place, STRIP) in left_out:
        gone, strip = [*gone, f"Features: {strip.title}"], None
    return {
        "trace": item.trace,
        "author": item.author,
        "question": item.question,
        "reference": item.reference,
        "stated": item.stated,
        "prompt": item.prompt_tokens,
        "tokens": item.tokens,
        "chain": item.n_chain,
        "steps": [
            {
                "text": s.text,
                "kind": s.kind,
                "tokens": s.tokens,
                "chars": s.chars,
                "doubt": s.doubt,
                "wrong": s.wrong,
            }
            for s in item.steps
        ],
        "lines": {
            reader: {"soft": _list(line.soft), "area": _number(line.area), "fixed": line.fixed}
            for reader, line in item.lines.items()
        },
        "values": [_values(values) for values in item.values],
        "grids": [
            {
                "key": grid.key,
                "title": grid.title,
                "unit": grid.unit,
                "kind": grid.kind,
                "columns": grid.columns,
                "readers": {
                    reader: _picture(grid, values) for reader, values in grid.by_reader.items()
                },
            }
            for grid in kept
        ],
        "strip": None if strip is None else _strip(strip),
        "leftOut": gone,
        "facts": {
            reader: [[title, _number(value), unit] for title, value, unit in facts]
            for reader, facts in item.facts.items()
        },
        "answers": {reader: list(pairs) for reader, pairs in item.answers.items()},
        "sentences": dict(item.sentences),
        "carrier": dict(item.carrier),
        "lead": item.lead,
    }


def _strip(strip: FeatureStrip) -> dict[str, Any]:
    return {
        "title": strip.title,
        "unit": strip.unit,
        "names": strip.names,
        "notes": strip.notes,
        "start": strip.start,
        "readers": {reader: _picture(strip, values) for reader, values in strip.by_reader.items()},
    }


def _values(values: StepValues) -> dict[str, Any]:
    return {
        "key": values.key,
        "title": values.title,
        "meaning": values.meaning,
        "unit": values.unit,
        "smallest": _number(values.smallest),
        "readers": {reader: _list(numbers) for reader, numbers in values.by_reader.items()},
        "null": {reader: _number(numbers) for reader, numbers in values.null.items()},
    }


def _picture(picture: Grid | FeatureStrip, values: np.ndarray) -> Mapping[str, Any]:
    """Half-precision numbers; of a step x step matrix only what lies above the diagonal, row by row."""
    above = isinstance(picture, Grid) and picture.kind == "steps"
    flat = values[np.triu_indices(len(values), k=1)] if above else values.reshape(-1)
    half = np.clip(flat, -HALF, HALF).astype("<f2")
    return {"shape": values.shape, "f16": base64.b64encode(half.tobytes()).decode()}


def _number(value: float) -> float | None:
    return float(f"{value:.4g}") if np.isfinite(value) else None


def _list(values: np.ndarray) -> list[float | None]:
    return [_number(value) for value in values.tolist()]
