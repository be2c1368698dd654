"""Every command that asks a user's model looks for its own words first."""

import pytest

from mechcot.core.errors import UserError
from mechcot.steering import run as steering_run
from mechcot.traces import own_words
from tests.runs.commands import COMMANDS, call

STUDIES = {"check", "demo"}
"""They find them in the texts of their own run; so does `compare`, unless it reads chains of a file."""
ASK_NOTHING = {"import", "explore", "figures", "steer extract"}
ASK_NOTHING |= {name for name in COMMANDS if name.startswith(("organism", "problems"))}
"""They read no answers of a model."""
TUNE = "{one} --arm answer-only --problems {problems}"


@pytest.mark.parametrize("command", [*COMMANDS, "tune"])
def test_a_command_that_asks_a_users_model_looks_for_its_words(
    command, names, tmp_path, monkeypatch
):
    def looked(*_, **given):
        raise UserError(f"it looked with {sorted(key for key, value in given.items() if value)}")

    monkeypatch.setattr(own_words, "loading_in_own_words", looked)
    monkeypatch.setattr(steering_run, "loading_in_own_words", looked)
    arguments = TUNE if command == "tune" else COMMANDS[command].arguments
    _, said = call(command, *arguments.format(**names).split(), "--out", tmp_path / "out")
    assert ("it looked with" in said) == (command not in STUDIES | ASK_NOTHING), said
