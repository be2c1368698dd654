"""What a command is given is looked at before torch is imported: each refusal is one sentence and quick."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mechcot import __version__
from mechcot.command_inputs import check_problems
from mechcot.core.errors import UserError
from mechcot.text.problems import TASK_NAMES

HEAVY = ("torch", "transformers", "plotly", "sae_lens", "peft")
SCRIPT = """
import sys
from mechcot.cli import main as cli
sys.argv = ["mechcot", *sys.argv[1:]]
try:
    cli.main()
finally:
    print("heavy", [name for name in {heavy!r} if name in sys.modules])
"""
LINE = {"id": "1", "question": "q", "chain": "so 2.", "answer": "2"}


def refused(*words: str) -> str:
    """Run a command in a process of its own; it must end with 2 and import nothing heavy."""
    code = SCRIPT.format(heavy=HEAVY)
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert "heavy []" in done.stdout
    assert "Traceback" not in done.stderr
    return " ".join(done.stderr.split())


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, str]:
    root = tmp_path_factory.mktemp("given")
    good = {"problems": json.dumps(LINE), "traces": json.dumps(LINE)}
    bad = {
        "cut": json.dumps(LINE) + '\n{"id": "2", "ques',
        "array": "[1, 2]",
        "empty": "",
        "toml": "models = [",
        "vector": "no tensors at all",
    }
    paths = {name: root / f"{name}.jsonl" for name in (*good, *bad)}
    for name, text in (good | bad).items():
        paths[name].write_text(text)
    (root / "folder").mkdir()
    named = {name: str(path) for name, path in paths.items()}
    return named | {
        "folder": str(root / "folder"),
        "gone": str(root / "gone.jsonl"),
        "out": str(root / "out"),
    }


BASE = "organism:base"
CASES = [
    (["compare", BASE, BASE, "--problems", "GONE", "--out", "OUT"], "cannot read the file"),
    (["compare", BASE, BASE, "--problems", "CUT", "--out", "OUT"], "cut.jsonl:2: not JSON"),
    (["compare", BASE, BASE, "--problems", "FOLDER", "--out", "OUT"], "is a directory"),
    (["check", BASE, "--problems", "MOD10", "--out", "OUT"], "the tasks are written mod10, lookup, gaps"),
    (["compare", BASE, BASE, "--problems", "Reach", "--out", "OUT"], "the tasks are written mod10, lookup, gaps"),
    (["compare", BASE, BASE, "--problems", "mod10", "--field", "stratum=x", "--out", "OUT"], "mod10 is a task"),
    (["check", BASE, "--problems", "PROBLEMS", "--field", "stratum=nope", "--out", "OUT"], "rows have answer, chain, id"),
    (["compare", BASE, BASE, "--traces", "GONE", "--out", "OUT"], "gone.jsonl"),
    (["compare", BASE, BASE, "--traces", "ARRAY", "--out", "OUT"], "array.jsonl"),
    (["compare", "./nowhere", BASE, "--traces", "TRACES", "--out", "OUT"], "expected a directory"),
    (["compare", BASE, "organism:nobody", "--traces", "TRACES", "--out", "OUT"], "organism:nobody"),
    (["prune", BASE, "--traces", "GONE", "--out", "OUT"], "gone.jsonl"),
    (["prune", "FOLDER", "--traces", "TRACES", "--out", "OUT"], "expected a config.json"),
    (["prune-online", BASE, "--problems", "EMPTY", "--out", "OUT"], "no problems in it"),
    (["influence", BASE, "--traces", "CUT", "--out", "OUT"], "cut.jsonl:2: not JSON"),
    (["influence", BASE, BASE, BASE, "--traces", "TRACES", "--out", "OUT"], "one model or two"),
    (["import", "GONE", "--out", "OUT"], "gone.jsonl"),
    (["import", "CUT", "--out", "OUT"], "cut.jsonl:2"),
    (["steer", "run", "GONE"], "expected an experiment in"),
    (["steer", "run", "TOML"], "is no TOML"),
    (["steer", "extract", BASE, "--site", "resid_post.1", "--pairs", "PROBLEMS", "--out", "OUT"], "positive"),
    (["steer", "apply", BASE, "VECTOR", "--out", "OUT"], "expected a vector in"),
    (["steer", "sweep", BASE, "GONE", "--out", "OUT"], "expected a vector in"),
    (["explore", "FOLDER"], "expected the folder of a finished `mechcot compare`"),
    (["explore", "GONE"], "expected the folder of a finished `mechcot compare`"),
    (["sae", "score", "FOLDER", BASE, BASE, "--out", "OUT"], "expected cfg.json"),
    (["sae", "probe", "nothing", BASE, BASE, "--out", "OUT"], "SAE-Lens knows; `mechcot sae train"),
    (["sae", "train", BASE, BASE, "--problems", "CUT", "--out", "OUT"], "cut.jsonl:2: not JSON"),
    (["sae", "page", "FOLDER"], "no score.json"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "sentence"), CASES, ids=[" ".join(w[:3]) for w, _ in CASES])
def test_a_file_is_looked_at_before_torch_is_imported(files, words, sentence):
    named = {name.upper(): path for name, path in files.items()}
    assert sentence in refused(*(named.get(word, word) for word in words))
    assert not Path(files["out"]).exists()


@pytest.mark.parametrize("task", TASK_NAMES)
def test_a_file_with_the_name_of_a_task_is_named(task, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert check_problems(task) == {} and capsys.readouterr().err == ""
    Path(task).write_text(json.dumps(LINE))
    check_problems(task)
    assert (
        capsys.readouterr().err
        == f"{task} is taken for the task of that name; the file is ./{task}\n"
    )
    assert check_problems(f"./{task}", ["stratum=chain"]) == {"stratum": "chain"}
    assert capsys.readouterr().err == ""
    with pytest.raises(UserError, match="rows have answer"):
        check_problems(f"./{task}", ["stratum=nope"])


def test_the_version_is_printed_at_once():
    code = SCRIPT.format(heavy=HEAVY)
    done = subprocess.run(
        [sys.executable, "-c", code, "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[0] == f"mechcot {__version__}"
    assert "heavy []" in done.stdout
