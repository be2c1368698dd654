import io
import subprocess
import sys

import pytest

from mechcot.core.progress import progress_bar


class Stream(io.StringIO):
    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


def shown(monkeypatch: pytest.MonkeyPatch, *, terminal: bool, disable: bool = False) -> str:
    stream = Stream(terminal=terminal)
    monkeypatch.setattr(sys, "stderr", stream)
    assert list(progress_bar([1, 2], desc="counting", disable=disable)) == [1, 2]
    return stream.getvalue()


def test_a_bar_is_shown_in_a_terminal(monkeypatch: pytest.MonkeyPatch):
    assert "counting" in shown(monkeypatch, terminal=True)


def test_a_log_gets_no_bar(monkeypatch: pytest.MonkeyPatch):
    assert shown(monkeypatch, terminal=False) == ""


def test_a_hidden_bar_stays_hidden_in_a_terminal(monkeypatch: pytest.MonkeyPatch):
    assert shown(monkeypatch, terminal=True, disable=True) == ""


def test_a_notebook_has_no_terminal_and_shows_its_bar(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("mechcot.core.progress._ON_A_PAGE", True)
    assert "counting" in shown(monkeypatch, terminal=False)


def test_a_command_hides_the_bars_of_other_libraries_in_a_log():
    code = "from mechcot.cli import main; main.app = lambda: list(__import__('tqdm').tqdm([1, 2])); main.main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""
