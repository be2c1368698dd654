"""A folder keeps its run: the same one goes on, another is refused with what differs, --overwrite takes it over."""

import pytest

from mechcot.core.errors import UserError
from mechcot.runs.folder import claim

SETTINGS = {"seed": 0, "measures": ("gates", "filler"), "max_tokens": None}


def test_the_same_run_goes_on_and_another_is_refused(tmp_path):
    claim(tmp_path, "compare", SETTINGS)
    claim(tmp_path, "compare", dict(reversed(SETTINGS.items())))
    with pytest.raises(UserError, match=r"other settings \(max tokens, seed\).*--out.*--overwrite"):
        claim(tmp_path, "compare", SETTINGS | {"seed": 1, "max_tokens": 8})
    with pytest.raises(UserError, match="holds a run of `mechcot compare`"):
        claim(tmp_path, "prune", SETTINGS)
    claim(tmp_path, "compare", SETTINGS)


def test_a_folder_is_taken_over_when_it_was_asked_for(tmp_path):
    claim(tmp_path, "compare", SETTINGS)
    claim(tmp_path, "prune", {"seed": 3}, overwrite=True)
    claim(tmp_path, "prune", {"seed": 3})
    with pytest.raises(UserError, match="holds a run of `mechcot prune`"):
        claim(tmp_path, "compare", SETTINGS)


def test_a_run_from_before_this_was_noted_goes_on(tmp_path):
    (tmp_path / "summary.json").write_text("{}")
    claim(tmp_path, "compare", SETTINGS)


def test_a_damaged_note_is_named(tmp_path):
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(UserError, match=r"run\.json: expected the settings of a run.*remove it"):
        claim(tmp_path, "compare", SETTINGS)
