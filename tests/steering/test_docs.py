"""The Python of docs/how-to/steer.md does what it says."""

import re
from pathlib import Path

import pytest

from mechcot.core.trace import Phase

TEXT = (Path(__file__).parents[2] / "docs" / "how-to" / "steer.md").read_text(encoding="utf-8")


def test_the_snippet_runs_and_shortens_in_under_ten_lines():
    (snippet,) = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
    work = [line for line in snippet.splitlines() if line and not line.startswith("from ")]
    assert len(work) < 10
    small = snippet.replace('"mod10", 50', '"mod10", 10').replace("items[:6]", "items[:2]")
    small = small.replace("unhinted(16,", "unhinted(3,")
    assert (
        small.count(", 10)") == 1 and small.count("(3,") == 1
    )  # the sizes are still there to be cut
    told: dict = {}
    exec(compile(small, "docs/how-to/steer.md", "exec"), told)
    assert told["dose"].kl == pytest.approx(0.1, rel=0.06)
    clean = told["base"].write(told["items"])

    def tokens(traces):
        return sum(len(trace.phase(Phase.CHAIN)) for trace in traces)

    assert tokens(told["short"]) < 0.9 * tokens(clean)
