"""`python -m benchmarks [name ...]`: all comparisons (or the named ones) as one Markdown table."""

import sys
from importlib import import_module

from benchmarks.setting import show

NAMES = ("fast_path", "early_answering", "suppression", "step_attention", "segmentation")


def main() -> int:
    """Run them; 1 when a bound does not hold."""
    names = sys.argv[1:] or NAMES
    rows = show(row for name in names for row in import_module(f"benchmarks.{name}").run())
    return 0 if all(row.holds for row in rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
