"""An output keeps its maker: the same one goes on, another is refused with what differs, --overwrite takes it over."""

from dataclasses import replace

import pytest

from mechcot.core.errors import UserError
from mechcot.runs.output_claims import Maker, claimed


def claim(out, command, settings, *, overwrite=False):
    with claimed(out, command, settings, overwrite=overwrite):
        pass


SETTINGS = {"seed": 0, "measures": ("gates", "filler"), "max_tokens": None}


def test_the_same_run_goes_on_and_another_is_refused(tmp_path):
    claim(tmp_path, "compare", SETTINGS)
    (tmp_path / "item.json").write_text("{}")
    claim(tmp_path, "compare", dict(reversed(SETTINGS.items())))
    with pytest.raises(UserError, match=r"other settings \(max tokens, seed\).*--out.*--overwrite"):
        claim(tmp_path, "compare", SETTINGS | {"seed": 1, "max_tokens": 8})
    with pytest.raises(UserError, match="holds a run of `mechcot compare`"):
        claim(tmp_path, "prune", SETTINGS)
    claim(tmp_path, "compare", SETTINGS)


def test_a_folder_is_taken_over_when_it_was_asked_for(tmp_path):
    claim(tmp_path, "compare", SETTINGS)
    (tmp_path / "item.json").write_text("{}")
    claim(tmp_path, "prune", {"seed": 3}, overwrite=True)
    claim(tmp_path, "prune", {"seed": 3})
    with pytest.raises(UserError, match="holds a run of `mechcot prune`"):
        claim(tmp_path, "compare", SETTINGS)


def test_a_run_from_before_this_was_noted_goes_on(tmp_path):
    (tmp_path / "summary.json").write_text("{}")
    claim(tmp_path, "compare", SETTINGS)


def test_a_damaged_note_is_named(tmp_path):
    (tmp_path / "run.json").write_text("{")
    (tmp_path / "item.json").write_text("{}")
    with pytest.raises(UserError, match=r"run\.json: expected the settings of a run.*remove it"):
        claim(tmp_path, "compare", SETTINGS)


def test_a_folder_in_which_nothing_was_made_is_anybodys(tmp_path):
    claim(tmp_path, "compare", SETTINGS)
    claim(tmp_path, "prune", {})
    (tmp_path / "item.json").write_text("{}")
    with pytest.raises(UserError, match="holds a run of `mechcot prune`"):
        claim(tmp_path, "compare", SETTINGS)


def test_a_refusal_leaves_a_folder_as_it_was(tmp_path):
    def refused(out, **kwargs):
        with pytest.raises(UserError, match="no such measure"), claimed(out, "check", SETTINGS):
            for name, text in kwargs.items():
                (out / name).write_text(text)
            raise UserError("no such measure")

    refused(tmp_path / "new")
    assert not (tmp_path / "new").exists()
    claim(tmp_path / "held", "prune", {})
    before = (tmp_path / "held" / "run.json").read_bytes()
    refused(tmp_path / "held")
    assert (tmp_path / "held" / "run.json").read_bytes() == before
    for begun in ("held", "begun"):
        refused(tmp_path / begun, item="{}")
        with pytest.raises(UserError, match="holds a run of `mechcot check`"):
            claim(tmp_path / begun, "prune", {})


def test_a_refused_run_without_a_report_is_free_for_other_settings(tmp_path):
    """Its finished items stay, and no other command takes them."""
    out = tmp_path / "out"

    def run(settings, error=None, *, report=False, overwrite=False):
        with claimed(out, "circuit", settings, overwrite=overwrite):
            (out / "items").mkdir(exist_ok=True)
            (out / "items" / "1.json").write_text("{}")
            if report:
                (out / "index.html").write_text("")
            if error is not None:
                raise error

    for n in (1, 2):
        with pytest.raises(UserError, match="two are needed"):
            run({"n": n}, UserError("two are needed"))
    with pytest.raises(UserError, match="holds a run of `mechcot circuit`"):
        claim(out, "prune", {})
    with pytest.raises(KeyboardInterrupt):
        run({"n": 3}, KeyboardInterrupt())
    with pytest.raises(UserError, match=r"other settings \(n\)"):
        run({"n": 4})
    with pytest.raises(UserError, match="no"):
        run({"n": 3}, UserError("no"))
    run({"n": 5}, report=True)
    for n, overwrite in ((5, False), (6, True)):
        with pytest.raises(UserError, match="no"):
            run({"n": n}, UserError("no"), overwrite=overwrite)
        with pytest.raises(UserError, match=r"other settings \(n\)"):
            run({"n": 4})
        claim(out, "circuit", {"n": 5})


def test_a_file_is_known_by_its_note(tmp_path):
    path, maker = tmp_path / "new" / "score.json", Maker("sae score", lambda: SETTINGS)
    assert not maker.made(path)
    assert not path.parent.exists(), "asking writes nothing"
    path.parent.mkdir()
    path.write_text("1")
    with pytest.raises(
        UserError, match=r"no note says how it was made; choose another --out.*--overwrite"
    ):
        maker.made(path)
    maker.note(path)
    assert maker.made(path)
    assert not replace(maker, overwrite=True).made(path)
    with pytest.raises(
        UserError, match=r"other settings \(seed\); choose another --out.*--overwrite"
    ):
        replace(maker, settings=lambda: SETTINGS | {"seed": 1}).made(path)
    with pytest.raises(UserError, match="made by `mechcot sae score`"):
        replace(maker, command="import").made(path)
    path.write_text("changed by hand")
    with pytest.raises(UserError, match="no note says"):
        maker.made(path)


@pytest.mark.parametrize("place", ["file", "file/run", "file/deeper/run"])
def test_a_file_where_a_folder_should_be(tmp_path, place):
    (tmp_path / "file").write_text("x")
    with pytest.raises(NotADirectoryError) as error:
        claim(tmp_path / place, "compare", SETTINGS)
    assert error.value.filename == str(tmp_path / "file")
    with pytest.raises(NotADirectoryError):
        Maker("import", dict).made(tmp_path / place / "x.jsonl")
    with pytest.raises(IsADirectoryError):
        Maker("import", dict).made(tmp_path)
