"""The server of forks is begun early where several processes will work here, and nowhere else; Ctrl-C is not its business."""

import signal
import sys
from multiprocessing import forkserver

import pytest

from mechcot.cli import main
from mechcot.runs import fork_server
from mechcot.runs.engine import Engine
from mechcot.runs.fork_server import COMPARISON, begin_server


@pytest.fixture
def begun(monkeypatch, tmp_path):
    """What a server that is begun does with SIGINT, each time."""
    found = []
    monkeypatch.setattr(forkserver, "ensure_running", lambda: found.append(signal.getsignal(signal.SIGINT)))  # fmt: skip
    monkeypatch.setattr(fork_server, "_DRIVER", tmp_path / "no driver")
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="forks are for Linux")
def test_a_server_that_is_begun_says_nothing_on_an_interrupt(begun):
    before = signal.getsignal(signal.SIGINT)
    begin_server(COMPARISON, workers=2, engine=Engine())
    assert begun == [signal.SIG_IGN]
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize(
    ("workers", "engine", "driver"),
    [(1, Engine(), False), (2, Engine("ray"), False), (2, Engine("slurm"), False), (2, Engine(), True)],
)  # fmt: skip
def test_none_is_begun_where_no_forks_will_work(
    begun, workers, engine, driver, monkeypatch, tmp_path
):
    if driver:
        monkeypatch.setattr(fork_server, "_DRIVER", tmp_path)
    begin_server(COMPARISON, workers=workers, engine=engine)
    assert not begun


@pytest.mark.parametrize(
    ("words", "many"),
    [
        (("demo", "--n", "2", "--out", "{file}/out"), False),
        (("compare", "{file}", "{file}", "--problems", "mod10", "--workers", "2", "--out", "{out}"), False),
        (("check", "organism:base", "--problems", "mod10", "--n", "0", "--workers", "2", "--out", "{out}"), False),
        (("check", "organism:base", "--problems", "mod10", "--workers", "2", "--max-tokens", "-1", "--out", "{out}"), True),
    ],
)  # fmt: skip
def test_a_mistake_that_is_found_first_begins_none(begun, words, many, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("x")
    places = {"file": tmp_path / "file", "out": tmp_path / "out"}
    monkeypatch.setattr(sys, "argv", ["mechcot", *(word.format(**places) for word in words)])
    with pytest.raises(SystemExit) as end:
        main.main()
    assert end.value.code == 2
    assert bool(begun) == many


def test_what_is_imported_early_is_there():
    for name in COMPARISON:
        __import__(name)
