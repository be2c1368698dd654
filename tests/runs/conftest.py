"""What the commands of `commands.py` are given."""

import errno
import math
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path
from typing import BinaryIO

import pytest

from mechcot.cli import main
from mechcot.core import store
from mechcot.core.store import read_traces
from tests.runs.commands import BASE, EXPERIMENT, call, write_pairs


@pytest.fixture(scope="session")
def names(models, chains, problems, dictionary_folder, tmp_path_factory) -> dict[str, str]:
    """What stands for the names in braces; made once."""
    root = tmp_path_factory.mktemp("made")
    one, two = models
    pairs, experiment, vector = root / "pairs.jsonl", root / "x.toml", root / "v.safetensors"
    write_pairs(problems, pairs)
    values = {"one": one, "two": two, "problems": problems, "pairs": pairs}
    text, shorter = EXPERIMENT.format(**values), root / "shorter.toml"
    experiment.write_text(text)
    shorter.write_text(text.replace("max_tokens = 40", "max_tokens = 30"))
    run, pruned = root / "run", root / "pruned"
    made = (
        call("steer extract", one, "--site", "resid_post.0", "--pairs", pairs, "--out", vector),
        call(
            "compare", one, two, "--traces", chains, "--n", 1, "--measures", "filler", "--out", run
        ),
        call("prune", one, "--traces", chains, "--n", 1, "--out", pruned),
    )
    assert all(code == 0 for code, _ in made), made
    item = read_traces(run / "traces.jsonl")[0].problem.id
    told = call("sae score", dictionary_folder, *BASE.split(), "--n", 4, "--out", root / "score")
    feature = re.search(r"feature +(\d+)", told[1]).group(1)
    made = {
        "experiment": experiment,
        "shorter": shorter,
        "vector": vector,
        "run": run,
        "pruned": pruned,
    }
    others = {"item": item, "feature": feature, "base": BASE, "chains": chains}
    return {
        k: str(v) for k, v in (values | made | others | {"dictionary": dictionary_folder}).items()
    }


@pytest.fixture
def sentence(monkeypatch, capsys) -> Callable[..., str]:
    """Run a command that must end with exit code 2, and give its one sentence."""

    def run(*words: object) -> str:
        monkeypatch.setattr(sys, "argv", ["mechcot", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            main.main()
        said = capsys.readouterr().err
        assert end.value.code == 2, said
        assert "Traceback" not in said
        last = said.strip().splitlines()[-1]
        assert last.startswith("mechcot: "), said
        return last

    return run


@contextmanager
def files_then(error: Exception, *, files: int, times: float = math.inf) -> Iterator[None]:
    """A store that takes some files, and has an error for so many that come then."""
    written, moved = count(), store._moved_into_place

    @contextmanager
    def full(path: Path) -> Iterator[BinaryIO]:
        if files <= next(written) < files + times:
            raise error
        with moved(path) as file:
            yield file

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "_moved_into_place", full)
        yield


def full_disk(*, files: int) -> AbstractContextManager[None]:
    """A disk that takes some files more, and no other."""
    return files_then(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), files=files)
