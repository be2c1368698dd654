"""Where the shared data lie, and what they hold."""

import json

import pytest


def strings(value):
    """Every text inside JSON data."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


@pytest.fixture(scope="session")
def shared_texts(shared):
    """The 3,000 longest of all strings in all shared files."""
    texts = set()
    for path in sorted(shared.glob("*/*")):
        if path.suffix == ".jsonl":
            for line in path.read_text(encoding="utf-8").splitlines():
                texts.update(strings(json.loads(line)))
        elif path.suffix in {".json", ".md", ".csv"}:
            texts.add(path.read_text(encoding="utf-8"))
    return sorted(texts, key=len)[-3000:]
