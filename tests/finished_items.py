"""The finished items of a run's folder, with what would tell that one was written again."""

from pathlib import Path

from mechcot.runs.shards import SUFFIX, Shards


def finished_items(folder: Path, pattern: str = f"**/*{SUFFIX}") -> dict[str, object]:
    """Items by name: those of shards with their places, files with the times of their last change."""
    items: dict[str, object] = {}
    for path in folder.glob(pattern):
        if path.suffix == SUFFIX:
            shards = Shards(path.parent)
            assert "" not in shards
            items |= {f"{path.parent}/{name}": place for name, place in shards.places.items()}
        else:
            items[str(path)] = path.stat().st_mtime_ns
    return items
