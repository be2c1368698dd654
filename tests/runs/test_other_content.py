"""A file of a run that is whole and holds something else: the run goes on, or says in one sentence which file it is."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from tests.runs.commands import COMMANDS, call

RESUMED = {
    "compare": "--overwrite", "check": "", "prune": "", "influence": "", "prune-online": "", "steer run": "", "sae train": "",
}  # fmt: skip
"""Commands that read what a first run left, and an option with which they read it again."""
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats(allow_nan=False)
    | st.text(max_size=3)
)
OTHER = st.recursive(
    LEAVES,
    lambda part: (
        st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=4), part, max_size=3)
    ),
    max_leaves=6,
)
CHANGE = st.data()


def paths_of(value: Any, before: tuple = ()) -> list[tuple]:
    """Every place in a JSON value."""
    parts = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    return [before, *(place for key, part in parts for place in paths_of(part, (*before, key)))]


def with_other(value: Any, place: tuple, other: Any) -> Any:
    """The value with another one at a place; None there: without the place."""
    if not place:
        return other
    head, *rest = place
    parts = dict(value) if isinstance(value, dict) else list(value)
    parts[head] = with_other(parts[head], tuple(rest), other)
    return parts


@pytest.fixture(scope="module")
def run_of(names, tmp_path_factory):
    """The finished folder of a command, and how it is called again."""
    made: dict[str, tuple[Path, list[str]]] = {}

    def run(command: str) -> tuple[Path, list[str]]:
        if command not in made:
            out = tmp_path_factory.mktemp("run") / "out"
            words = [*COMMANDS[command].arguments.format(**names).split(), "--out", str(out)]
            code, said = call(command, *words)
            assert code == 0, said
            made[command] = out, words
        return made[command]

    return run


@pytest.mark.slow
@pytest.mark.parametrize("command", RESUMED)
@settings(max_examples=6, suppress_health_check=list(HealthCheck), derandomize=True)
@given(data=st.data())
def test_a_file_with_other_content_is_named_or_made_anew(command, run_of, data):
    out, words = run_of(command)
    files = sorted(path for path in out.rglob("*") if path.suffix in {".json", ".jsonl"})
    files = [path for path in files if path.name != "cfg.json"]  # SAE-Lens reads its own file
    file = data.draw(st.sampled_from(files))
    before = file.read_bytes()
    lines = (
        [json.loads(line) for line in before.splitlines()]
        if file.suffix == ".jsonl"
        else [json.loads(before)]
    )
    first = data.draw(st.sampled_from(paths_of(lines[0])))
    lines[0] = with_other(lines[0], first, data.draw(OTHER))
    text = (
        "\n".join(map(json.dumps, lines))
        if file.suffix == ".jsonl"
        else json.dumps(lines[0], indent=2)
    )
    try:
        file.write_text(text)
        code, said = call(command, *words, *RESUMED[command].split())
        if code:
            assert "UserError" in said or "mechcot: " in said, said
            assert str(file) in said or "--overwrite" in said, said
    finally:
        file.write_bytes(before)
