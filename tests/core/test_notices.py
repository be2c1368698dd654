"""What a person is told beside the output of a command."""

import re
from pathlib import Path

import pytest

from mechcot.core.notices import print_notice

PACKAGE = Path(__file__).resolve().parents[2] / "mechcot"


@pytest.mark.parametrize(
    "sentence",
    ["model[1]: [red]no[/red] answer", "a word " * 60 + "end", "[/] \\[x] 3 of 4 left out"],
)
def test_a_sentence_is_said_whole_and_on_the_error_stream(sentence, capsys):
    print_notice(sentence)
    assert capsys.readouterr() == ("", f"{sentence}\n")


def test_nobody_opens_an_error_console_of_their_own():
    """Beside what says sentences there is one: a comparison's, which shows its tables on it."""
    opened = re.compile(r"Console\(stderr=True\)")
    files = {
        str(p.relative_to(PACKAGE))
        for p in PACKAGE.rglob("*.py")
        if opened.search(p.read_text("utf-8"))
    }
    assert files == {"core/notices.py", "compare/run.py"}
