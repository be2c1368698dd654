"""The command line: fast help, and one clear sentence with exit code 2 for a user's mistake."""

import errno
import gc
import json
import shlex
import subprocess
import sys

import pytest

from mechcot.cli import main
from mechcot.core.garbage import YOUNG


def mistake(monkeypatch, capsys, *arguments: str) -> str:
    """Run a command that must fail with exit code 2, and give its one sentence."""
    monkeypatch.setattr(sys, "argv", ["mechcot", *arguments])
    with pytest.raises(SystemExit) as end:
        main.main()
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said
    return said


def test_help_imports_nothing_heavy():
    code = "import sys; import mechcot.cli.main; print([m for m in ('torch','transformers','plotly','pandas') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_a_command_looks_for_garbage_rarely(monkeypatch):
    """Python's own way looks at all that was imported again and again, a tenth of the time that imports take."""
    before = gc.get_threshold()
    gc.set_threshold(700)
    monkeypatch.setattr(sys, "argv", ["mechcot", "--version"])
    try:
        with pytest.raises(SystemExit):
            main.main()
        assert gc.get_threshold()[0] == YOUNG
    finally:
        gc.set_threshold(*before)


@pytest.mark.parametrize(("arguments", "code"), [(["--version"], 0), (["check"], 2)])
def test_the_program_ends_at_once_with_all_said_and_done(arguments, code):
    """What is registered for the end is done, what was printed reaches a pipe, and nothing that was imported is taken apart."""
    script = (
        "import atexit, sys\n"
        "from mechcot.cli.program import program\n"
        "class Slow:\n"
        "    def __del__(self): print('taken apart')\n"
        "sys.kept = Slow()\n"
        "atexit.register(print, 'at the end')\n"
        "print('said', end=' ')\n"
        f"sys.argv = ['mechcot', *{arguments!r}]\n"
        "program()\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ended.returncode == code
    assert ended.stdout.startswith("said ") and ended.stdout.endswith("at the end\n")
    assert ("Missing" in ended.stderr) == (code == 2)


def test_the_program_ends_without_an_output():
    command = f"{sys.executable} -m mechcot --version >&-"
    ended = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")


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
    assert "'mine' is not one of 'shared', 'own'" in " ".join(said.replace("│", "").split())


def test_a_full_disk(monkeypatch, capsys, tmp_path, models, chains):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device", "somewhere")

    monkeypatch.setattr("mechcot.runs.shards.Shards.put", full)
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


def test_import_joins_names_and_says_what_it_left_out(monkeypatch, capsys, tmp_path):
    source, out = tmp_path / "batch.jsonl", tmp_path / "out.jsonl"
    message = {"role": "assistant", "content": "<draft>1 + 1 = 2.</draft>It is 2."}
    rows = [
        {"custom_id": "a", "response": {"body": {"choices": [{"message": message}]}}},
        {"custom_id": "b", "response": {"status_code": 500, "body": {"error": {"message": "no"}}}},
    ]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    problems = tmp_path / "p.jsonl"
    problems.write_text(
        "".join(
            json.dumps({"id": i, "question": f"1 + {n}?", "answer": str(1 + n)}) + "\n"
            for i, n in (("a", 1), ("b", 2))
        )
    )
    command = ["mechcot", "import", str(source), "--out", str(out), "--problems", str(problems)]
    monkeypatch.setattr(sys, "argv", [*command, "--think", "<draft>", "</draft>"])
    with pytest.raises(SystemExit) as end:
        main.main()
    assert not end.value.code
    said = capsys.readouterr()
    assert said.out == f"1 trace in {out}\n"
    assert said.err.startswith(
        f"1 record left out, 1 chain read; {source}:2: the request failed (no)"
    )
    line = json.loads(out.read_text())
    assert (line["id"], line["chain"], line["answer_text"]) == ("a", "1 + 1 = 2.", "It is 2.")


def test_the_command_behind_a_training_can_be_copied(monkeypatch, capsys, tmp_path):
    """Words with spaces stand in quotes, and the steps, which the shell is to find, do not."""
    monkeypatch.setattr("mechcot.finetune.run.tune", lambda *_, **__: [])
    out = tmp_path / "sft x"
    words = ["tune", "organism:base", "--arm", "sft", "--problems", "mod10", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", ["mechcot", *words, "--cue", " So it is"])
    with pytest.raises(SystemExit) as end:
        main.main()
    assert not end.value.code
    line = capsys.readouterr().out.splitlines()[-1]
    assert f" '{out}'/step-* " in line
    command = [
        "mechcot",
        "compare",
        "organism:base",
        f"{out}/step-*",
        "--problems",
        "FILE",
        "--out",
        "RUN",
    ]
    assert shlex.split(line.removeprefix("next: ")) == [*command, "--cue", " So it is"]


def test_a_command_in_a_refusal_can_be_copied(monkeypatch, capsys, tmp_path):
    said = mistake(monkeypatch, capsys, "sae", "page", str(tmp_path / "my run"))
    assert f"run `mechcot sae score ... --out '{tmp_path}/my run'` first" in said


def test_the_help_of_import_names_formats_and_fields(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["mechcot", "import", "--help"])
    with pytest.raises(SystemExit):
        main.main()
    said = capsys.readouterr().out
    for name in (
        "lm-eval",
        "inspect",
        "ShareGPT",
        "parquet",
        "--field",
        "reasoning_content",
        "expected_answer",
    ):
        assert name in said


def test_a_field_that_import_does_not_know_is_named(monkeypatch, capsys, tmp_path):
    said = mistake(
        monkeypatch, capsys, "import", "x", "--out", str(tmp_path / "o"), "--field", "gold"
    )
    assert "--field gold: expected NAME=COLUMN" in said
