"""The command line: fast help, and one clear sentence with exit code 2 for a user's mistake."""

import errno
import json
import subprocess
import sys

import pytest

from mechcot import cli


def mistake(monkeypatch, capsys, *arguments: str) -> str:
    """Run a command that must fail with exit code 2, and give its one sentence."""
    monkeypatch.setattr(sys, "argv", ["mechcot", *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said
    return said


def test_help_imports_nothing_heavy():
    code = "import sys; import mechcot.cli; print([m for m in ('torch','transformers','plotly','pandas') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_one_model_is_not_a_comparison(monkeypatch, capsys):
    said = mistake(monkeypatch, capsys, "compare", "organism:base", "--problems", "x", "--out", "y")
    assert "two or more models" in said


def test_problems_or_traces(monkeypatch, capsys):
    said = mistake(monkeypatch, capsys, "compare", "a", "b", "--out", "y")
    assert "--problems or --traces" in said


def test_a_bad_line_is_named_before_any_model_is_loaded(monkeypatch, capsys, tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_text('{"id": "1", "question": "q", "answer": "2"}\n{"id": "2", "question": "q"}\n')
    said = mistake(
        monkeypatch,
        capsys,
        "compare",
        "no-such-model",
        "none",
        "--problems",
        str(path),
        "--out",
        str(tmp_path / "o"),
    )
    assert f"{path}:2" in said
    assert "answer" in said


def test_a_missing_problem_file(monkeypatch, capsys, tmp_path):
    said = mistake(
        monkeypatch,
        capsys,
        "compare",
        "a",
        "b",
        "--problems",
        str(tmp_path / "none.jsonl"),
        "--out",
        str(tmp_path),
    )
    assert "none.jsonl" in said


def test_an_unknown_organism(monkeypatch, capsys, tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_text(json.dumps({"id": "1", "question": "q", "answer": "2"}) + "\n")
    said = mistake(
        monkeypatch,
        capsys,
        "compare",
        "organism:base",
        "organism:nobody",
        "--problems",
        str(path),
        "--out",
        str(tmp_path),
    )
    assert "organism:nobody" in said


def test_an_unknown_measure(monkeypatch, capsys, tmp_path, models, chains):
    said = mistake(
        monkeypatch,
        capsys,
        "compare",
        *models,
        "--traces",
        str(chains),
        "--out",
        str(tmp_path),
        "--measures",
        "vibes",
    )
    assert "unknown measure 'vibes'" in said
    assert "early_answering" in said


def test_an_option_out_of_its_list(monkeypatch, capsys):
    said = mistake(
        monkeypatch,
        capsys,
        "compare",
        "a",
        "b",
        "--problems",
        "x",
        "--out",
        "y",
        "--prompt",
        "mine",
    )
    assert "--prompt: expected one of shared, own, got 'mine'" in said


def test_a_full_disk(monkeypatch, capsys, tmp_path, models, chains):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device", "somewhere")

    monkeypatch.setattr("mechcot.core.reading.write_bytes", full)
    said = mistake(
        monkeypatch, capsys, "compare", *models, "--traces", str(chains), "--out", str(tmp_path)
    )
    assert "the disk is full" in said
    assert "resumes" in said


def test_a_folder_that_cannot_be_written(monkeypatch, capsys, tmp_path, models, chains):
    (tmp_path / "file").write_text("x")
    said = mistake(
        monkeypatch,
        capsys,
        "compare",
        *models,
        "--traces",
        str(chains),
        "--out",
        str(tmp_path / "file" / "run"),
    )
    assert "cannot write" in said or "expected" in said
