"""Tiny models that differ in their tokenizers, sums, and mistakes at the command line."""

import sys
import warnings
from pathlib import Path

import pytest

from benchmarks.chain_use import collapsed_adapter
from mechcot.cli import main
from mechcot.organisms.problems import problems, write_problems
from tests.compare.tiny_models import byte_tokenizer, save_tiny, sum_of, write_rows


@pytest.fixture(scope="session")
def strangers(tmp_path_factory) -> tuple[str, str]:
    """Two models of other depth and other tokenizers: no token of the one means the same to the other."""
    root = tmp_path_factory.mktemp("strangers")
    first = save_tiny(root / "one", byte_tokenizer(merges=40), seed=0)
    second = save_tiny(root / "two", byte_tokenizer(merges=10, shift=7), seed=1, layers=3)
    return first, second


@pytest.fixture(scope="session")
def sums(tmp_path_factory) -> Path:
    """Five sums; the third has a stratum of its own."""
    rows = [sum_of(i) | {"stratum": "odd" if i == 2 else "even"} for i in range(5)]
    return write_rows(tmp_path_factory.mktemp("sums") / "sums.jsonl", rows)


@pytest.fixture(scope="session")
def collapsed(tmp_path_factory) -> str:
    """A LoRA on the shipped base whose chain is gone: trained on empty chains and the hint, half a minute."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*is_gradient_checkpointing.*", FutureWarning)
        return collapsed_adapter(tmp_path_factory.mktemp("arms") / "collapsed")


@pytest.fixture(scope="session")
def hinted(tmp_path_factory) -> Path:
    """Twenty-four problems of the shipped task, whose hint is the answer."""
    path = tmp_path_factory.mktemp("hinted") / "mod10.jsonl"
    write_problems(path, problems(24, seed=9, style="random"))
    return path


@pytest.fixture
def mistake(monkeypatch, capsys):
    """`mistake("compare", ...)` runs a command that must end with exit code 2, and gives its one sentence."""

    def run(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["mechcot", *arguments])
        with pytest.raises(SystemExit) as end:
            main.main()
        said = capsys.readouterr().err
        assert end.value.code == 2, said
        assert "Traceback" not in said
        last = said.strip().splitlines()[-1]
        assert last.startswith("mechcot: ")
        return last

    return run
