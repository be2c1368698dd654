"""`python -m benchmarks.segmentation [FOLDER]`: cut a text of 50,000 characters into sentence steps.

FOLDER holds reasoning traces as JSON lines (any depth); the longest texts in them are joined to 50,000 characters. Without
it, a paragraph with decimals, formulas, lists and code is repeated. The pieces joined must be the text.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.setting import Row, in_turn, show
from mechcot.text.segment import pieces

LENGTH = 50_000
BOUND = 0.2
PARAGRAPH = r"""Wait, e.g. 3.14 is not \(\pi\). Let me check:
1. First, $x^2 = 4.0$, so x = 2.
2. Then
\[ \sum_{i=1}^{n} i = \frac{n(n+1)}{2}. \]
Hmm... maybe not? Alternatively (cf. eq. 2), try it:

```python
print(1.5)  # Fine. Done.
```
"""


def text_of(folder: Path | None) -> str:
    """50,000 characters."""
    if folder is None:
        return (PARAGRAPH * (LENGTH // len(PARAGRAPH) + 1))[:LENGTH]
    texts = [
        text
        for path in sorted(folder.rglob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
        for text in _strings(json.loads(line))
    ]
    return "\n\n".join(sorted(set(texts), key=lambda text: (-len(text), text)))[:LENGTH]


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner)


def run(folder: Path | None = None) -> list[Row]:
    """One row."""
    text = text_of(folder)
    found = pieces(text)
    if "".join(found) != text:
        msg = "the pieces joined are not the text"
        raise RuntimeError(msg)
    times = in_turn({"pieces": lambda: pieces(text)})
    taken = min(times["pieces"].wall, times["pieces"].cpu)
    return [
        Row(
            name=f"{len(text)} characters into {len(found)} sentence steps",
            slow="",
            fast=f"{taken:.3f} s",
            ratio="",
            bound=f"<= {BOUND} s",
            holds=taken <= BOUND,
            difference="0",
        )
    ]


if __name__ == "__main__":
    show(run(Path(sys.argv[1]) if len(sys.argv) > 1 else None))
