"""Every command that loads a model says where and how it is loaded, and shares out what can be shared out; or one place says why not."""

import inspect

import pytest

from mechcot.cli import options
from mechcot.cli.main import app
from tests.runs.commands import walk

LOADING = {"--device", "--dtype", "--device-map", "--trust-remote-code"}
NO_MODEL = {"cards", "figures", "import", "organism list", "organism problems", "organism chains", "problems novel", "problems shift", "sae page", "write"}  # fmt: skip
"""They load no model."""
COMMANDS = walk(app)


def names_of(command) -> set[str]:
    return {name for option in command.params for name in option.opts}


def test_each_command_without_the_options_has_its_reason():
    assert set(options.SHIPPED) | set(options.ONE_PROCESS) <= set(COMMANDS)
    assert set(COMMANDS) >= NO_MODEL


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - NO_MODEL))
def test_a_command_that_loads_a_model_has_the_options(name):
    has = names_of(COMMANDS[name])
    assert (has >= LOADING) == (name not in options.SHIPPED)
    assert ("--workers" in has) == (name not in options.ONE_PROCESS)
    sharing = {"--engine", "--address", "--gpus", "--slurm"}
    assert has & sharing == (sharing if "--workers" in has else set())


@pytest.mark.parametrize("name", sorted(NO_MODEL))
def test_a_command_that_loads_no_model_has_none(name):
    assert not names_of(COMMANDS[name]) & (LOADING | {"--workers"})
    assert "Reasoner" not in inspect.getsource(inspect.unwrap(COMMANDS[name].callback))
