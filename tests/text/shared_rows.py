"""Rows of a JSON lines file."""

import json


def rows(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
