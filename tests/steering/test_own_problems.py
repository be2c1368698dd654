"""Steering on anybody's problems: experiment files on files of problems, with random checkpoints through the real loading code."""

import json
from dataclasses import replace

import pandas as pd
import pytest
from typer.testing import CliRunner

from mechcot.cli.main import app
from mechcot.core.errors import UserError
from mechcot.core.problem import Problem
from mechcot.core.task import ContrastPair
from mechcot.core.trace import StepKind
from mechcot.steering.contrast_vectors import span_vectors
from mechcot.steering.experiment import read_experiment, schema
from mechcot.steering.experiment_context import ExperimentContext
from mechcot.steering.experiment_questions import missing_parts, pairs_of, questions_of
from mechcot.steering.run import _unnamed, run_experiment
from mechcot.tasks import MOD10, TEXT, contrast_pairs, is_correct_thought, task_of_all
from tests.compare.tiny_models import write_rows
from tests.influence.words import trace_of
from tests.model.conftest import make_model, make_tokenizer

GSM8K = [
    {
        "question": f"Mia has {a} apples and buys 2 bags of {a + 1}. How many apples does she have?",
        "answer": f"She buys 2 * {a + 1} = {2 * a + 2}.\nShe has {3 * a + 2}.\n#### {3 * a + 2}",
    }
    for a in range(2, 12)
]
GERMAN = [
    {
        "nr": i,
        "frage": f"Welche Zahl ist größer als {i}? (A) {i - 1} (B) {i + 1} (C) {i}",
        "gold": "B",
    }
    for i in range(10)
]
COLOURS = [
    "dark blue",
    "red",
    "green",
    "light grey",
    "pink",
    "brown",
    "black",
    "white",
    "sky blue",
    "olive",
]
WORDS = [
    {
        "id": f"w{i}",
        "question": f"Omar likes what Ivo likes: {c}. What does Omar like?",
        "answer": c,
    }
    for i, c in enumerate(COLOURS)
]
PAIRS = [
    {"id": f"p{i}", "positive": f"In one word: {i} + 1?", "negative": f"Step by step: {i} + 1?"}
    for i in range(5)
]
CHAINS = [
    {
        "id": f"c{i}",
        "question": f"What is {i} + 2?",
        "chain": f"I add {i} and 2.\nThat gives {i + 2}.\nLet me double-check: {i} + 2 = {i + 2}.\nSo it is {i + 2}.\n",
        "answer": str(i + 2),
    }
    for i in range(4)
]
HEAD = 'title = "t"\nquestion = "q"\nmax_tokens = 16\n'
SPAN = '[vector]\nmethod = "span"\ntraces = "{0}/chains.jsonl"\nsite = "resid_post.0"\n'
ON_GSM8K = '[items]\nn = 2\nproblems = "{0}/gsm8k.jsonl"\n'
ON_GERMAN = '[items]\nn = 2\nproblems = "{0}/german.jsonl"\nfields = {{ id = "nr", question = "frage", answer = "gold" }}\n'
ON_WORDS = '[items]\nn = 2\nproblems = "{0}/words.jsonl"\n'
AT = "[apply]\nnats = [0.01]\nchains = 2\n"
FILES = {
    "written chains": (
        'models = ["{0}/think"]\nreadout = "verification"\n' + ON_GSM8K + SPAN + AT + "step_starts = true\n"
        '[compare]\ncontrols = ["random", "wrong layer", "shuffled labels"]\ntruncation = true\nprompt = "Be brief."\n'
        'sweep = ["resid_post.1"]\nsweep_nats = 0.01\n'
    ),
    "styles in German": (
        'models = ["{0}/chat"]\nreadout = "verification"\n' + ON_GERMAN +
        '[vector]\nstyles = ["Antworte kurz.", "Denke nach."]\nsite = "resid_post.0"\nread = "prompt"\nn = 4\n'
        + AT + 'phases = ["question"]\n[compare]\ncontrols = ["flipped"]\n'
    ),
    "a file of pairs": (
        'models = ["{0}/chat"]\n' + ON_GSM8K + '[vector]\npairs = "{0}/pairs.jsonl"\nsite = "resid_post.0"\nread = "last_chain"\n'
        + AT + '[compare]\ncontrols = ["orthogonal"]\n'
    ),
    "a penalty": (
        'models = ["{0}/plain"]\nreadout = "thoughts"\n' + ON_WORDS
        + '[apply]\nchains = 2\n[penalty]\nphrases = [" Wait", "Alternatively"]\n'
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("own")
    for template in ("think", "chat", "plain"):
        tokenizer = make_tokenizer(template)
        model = make_model("qwen3", d_vocab=len(tokenizer), context=1024)
        model.save_pretrained(root / template)
        tokenizer.save_pretrained(root / template)
    for name, rows in {"gsm8k": GSM8K, "german": GERMAN, "words": WORDS, "pairs": PAIRS, "chains": CHAINS}.items():  # fmt: skip
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (root / f"{name}.jsonl").write_text(text, encoding="utf-8")
    return root


def experiment(folder, text):
    path = folder / "x.toml"
    path.write_text(HEAD + text.format(folder), encoding="utf-8")
    return read_experiment(path)


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) for n in FILES])
def test_an_experiment_file_on_problems_of_ones_own_runs_to_the_page(
    folder, tmp_path, name, capsys
):
    settings = experiment(folder, FILES[name])
    result = run_experiment(settings, tmp_path)
    arms = {arm["role"]: arm for arm in result["arms"]}
    assert all(arm["values"]["tokens"]["mean"] is not None for arm in arms.values())
    assert all(
        arm["values"]["nats_per_token"]["n"] == 2
        for role, arm in arms.items()
        if role != "truncation"
    )
    if settings.vector:
        assert arms["vector"]["dose"]["kl"] == pytest.approx(0.01, rel=0.06)
        assert set(settings.compare.controls) < arms.keys()
    else:
        assert arms["penalty"]["changed"] > 0
        assert arms["clean"]["values"]["any_correct_thought"]["mean"] is not None
    asked = {row["item"] for arm in tmp_path.glob("arms/*.json") for row in json.loads(arm.read_text())["rows"]}  # fmt: skip
    assert len(asked) == 2
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "are guessed from the wording" in text and "are exact: the semantics" not in text
    assert settings.items.problems in text and "operations deep" not in text
    said = capsys.readouterr().err
    assert "on these problems kinds of steps are guessed from the wording" in said
    assert ("a thought counts as correct where" in said) == (name == "a penalty")


def test_kinds_of_written_chains_are_taken_from_a_file(folder):
    chains = [
        {"id": f"d{i}", "question": f"Was ist {i} + 2?", "answer": str(i + 2)}
        | {"chain": f"Ich rechne {i} plus 2.\nProbe: {i + 2} minus 2 ist {i}.\nAlso {i + 2}.\n"}
        for i in range(4)
    ]
    kinds = [
        {"id": f"d{i}", "step": f"Probe: {i + 2} minus 2 ist {i}.", "kind": "verification"}
        for i in range(4)
    ]
    write_rows(folder / "deutsch.jsonl", chains)
    write_rows(folder / "arten.jsonl", kinds)
    text = 'models = ["{0}/think"]\n' + ON_GSM8K + SPAN.replace("chains", "deutsch") + "{1}\n" + AT
    without = experiment(folder, text.replace("{1}", ""))
    with pytest.raises(UserError, match="verification"):
        ExperimentContext.open(without).vector(without.models[0], "resid_post.0")
    named = experiment(folder, text.replace("{1}", 'kinds = "{0}/arten.jsonl"'))
    vector = ExperimentContext.open(named).vector(named.models[0], "resid_post.0")
    assert vector.norm > 0
    assert str(folder / "arten.jsonl") in named.file_digests()


def test_no_item_is_seen_by_a_vector_or_a_dose(folder):
    settings = experiment(folder, FILES["styles in German"])
    questions = questions_of(settings)
    items = {problem.id for problem in questions.items}
    others = {problem.id for problem in (*questions.dosing, *questions.extraction)}
    assert len(items) == 2 and len(questions.extraction) == 4 and not items & others
    assert questions_of(settings) == questions
    (first, *_) = pairs_of(settings, questions)
    assert first.positive.question.endswith("\nAntworte kurz.")
    assert first.negative.question.endswith("\nDenke nach.")
    assert set(missing_parts(settings, questions)) == {"kinds", "contrast", "shortest_chain"}


def test_problems_of_the_shipped_task_in_a_file_keep_all_that_is_known(tmp_path):
    rows = [
        {"id": p.id, "question": p.question, "answer": p.answer, **p.meta}
        for p in MOD10.draw(8, seed=3)
    ]
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    text = 'models = ["organism:base"]\n[items]\nn = 2\nproblems = "{0}/p.jsonl"\n[vector]\nn = 3\n[apply]\nchains = 2\n'
    settings = experiment(tmp_path, text)
    questions = questions_of(settings)
    assert questions.task is MOD10 and missing_parts(settings, questions) == {}
    assert pairs_of(settings, questions)[0].positive.question.startswith("brief ")
    assert task_of_all([*questions.items, Problem("a", "b", "c")]) is TEXT


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ON_GSM8K + "[vector]\n" + AT, "holds 10 problems; expected at least 34: items.n = 2, and 32 others"),
        (ON_GSM8K + "[vector]\nn = 4\n" + AT, "these problems have none of their own: give vector.pairs"),
        (ON_GSM8K + "[vector]\nhops = [2, 3]\n", "vector.hops: the questions of a file have no depth to choose"),
        ('task = "mod10"\n' + ON_GSM8K + "[vector]\n", "a task or from items.problems; give one of the two"),
        ('task = "gsm8k"\n[vector]\n', "task: expected one of mod10, lookup, gaps, reach, order, english, got 'gsm8k'"),
        ('[items]\nfields = { id = "nr" }\n[vector]\n', "give the file too"),
        (ON_GSM8K + SPAN + AT + '[compare]\nprompt = "Be brief."\nbare = [1]\n', "nobody knows which words"),
        ('[vector]\n[compare]\nprompt = "terse"\n', "compare.prompt: expected a style word out of careful, brief"),
        ('[vector]\nstyles = ["a"]\n', "vector.styles: expected two"),
        ('[vector]\nmethod = "span"\nstyles = ["a", "b"]\n', "vector.styles says nothing to method = 'span'"),
        ('[vector]\nmethod = "span"\nkinds = "x"\n', "vector.kinds says nothing to method = 'span'"),
        ('[vector]\ntraces = "x"\n', "vector.traces says nothing to method = 'mean difference'"),
        ('[vector]\npairs = "x"\nstyles = ["a", "b"]\n', "give one of the two"),
        (ON_GSM8K.replace("gsm8k.jsonl", "none.jsonl") + SPAN, "none.jsonl"),
        (ON_GERMAN.split("fields")[0] + SPAN, "say which column it is"),
    ],
)  # fmt: skip
def test_what_these_problems_cannot_give_is_said_before_a_model_is_loaded(folder, text, message):
    text = text if "{0}" in text else text.replace("{", "{{").replace("}", "}}")
    with pytest.raises(UserError, match=message):
        questions_of(experiment(folder, 'models = ["absent"]\n' + text))


def test_a_folder_of_an_earlier_version_goes_on(folder, tmp_path, monkeypatch):
    settings = experiment(folder, 'models = ["organism:base"]\nmax_tokens = 4\n'.replace("max_tokens = 4\n", "")
        + "[items]\nn = 1\nhops = [2, 2]\n[penalty]\nphrases = [' wait']\n[apply]\nchains = 1\n")  # fmt: skip
    run_experiment(settings, tmp_path)
    path = tmp_path / "experiment.json"
    begun = json.loads(path.read_text())
    for key in ("problems", "fields"):
        del begun["experiment"]["items"][key]
    del begun["experiment"]["task"]
    path.write_text(json.dumps(begun))
    monkeypatch.setattr("mechcot.steering.run._cell", lambda *_: pytest.fail("it began anew"))
    run_experiment(settings, tmp_path)
    begun["experiment"]["items"]["seed"] = 5
    path.write_text(json.dumps(begun))
    with pytest.raises(UserError, match="another experiment"):
        run_experiment(settings, tmp_path)


def test_where_no_step_has_a_kind_that_is_said(base):
    def cells(other):
        rows = [{"steps": 3, "other": 3.0}, {"steps": 2, "other": other}]
        return [{"arm": {"role": "clean"}, "rows": rows}, {"arm": {"role": "vector"}, "rows": []}]

    assert _unnamed(cells(2.0)) and not _unnamed(cells(1.0))
    trace = trace_of(["Nimm 3 und 4.", "Also sind es 7."], "7")
    steps = tuple(replace(step, kind=StepKind.OTHER) for step in trace.steps)
    with pytest.raises(UserError, match="kinds are guessed from English words"):
        span_vectors(base, [replace(trace, steps=steps)], kind=StepKind.SUMMARY, sites=[])


def test_a_thought_is_right_where_a_whole_step_of_it_states_the_answer():
    trace = trace_of(["Take 3 and 4.", "So 3 + 4 = 7.", "Wait, is it 8?"], "7")
    spans = [step.tokens for step in trace.chain_steps]
    assert [is_correct_thought(trace, span) for span in spans] == [False, True, False]


def test_every_key_of_a_file_has_a_type_and_a_meaning():
    keys = {(key.table, key.name): key for key in schema()}
    assert all(key.meaning and key.type for key in keys.values())
    assert keys["", "title"].default == "" and keys["items", "n"].default == "32"
    assert keys["vector", "kind"].type == f"one of {', '.join(StepKind)}"
    assert keys["items", "hops"].type == "two of a whole number"


def test_commands_say_whose_questions_they_ask_and_replace_no_file(folder, tmp_path):
    def call(*words):
        return CliRunner().invoke(app, ["steer", *map(str, words)])

    out = tmp_path / "v.safetensors"
    words = ("extract", folder / "chat", "--site", "resid_post.0", "--read", "prompt", "--out", out)
    made = call(*words, "--pairs", folder / "pairs.jsonl")
    assert made.exit_code == 0 and "shipped models' task" not in made.output
    again = call(*words, "--pairs", folder / "pairs.jsonl")
    assert again.exit_code == 0 and "is there already" in again.output
    other = call(*words, "--pairs", folder / "pairs.jsonl", "--n", 2)
    assert isinstance(other.exception, UserError)
    assert "other settings (n); choose another --out, or replace it" in str(other.exception)
    told = call(*words, "--n", 3, "--overwrite")
    assert "without --pairs the shipped models' task (mod10) is asked, and chat" in str(
        told.exception
    )
    steered = ("apply", folder / "chat", out, "--n", 2, "--max-tokens", 8, "--nats", 0.01)
    fields = ("--field", "id=nr", "--field", "question=frage", "--field", "answer=gold")
    applied = call(
        *steered, "--problems", folder / "german.jsonl", *fields, "--out", tmp_path / "t.jsonl"
    )
    assert applied.exit_code == 0 and "no --problems" not in applied.output
    default = call(*steered, "--out", tmp_path / "u.jsonl")
    assert "without --problems the shipped models' task (mod10) is asked" in str(default.exception)


def test_pairs_come_from_a_task_or_a_file(folder, tmp_path):
    assert [pair.item for pair in contrast_pairs(folder / "pairs.jsonl", 2)] == ["p0", "p1"]
    assert contrast_pairs("mod10", 3) == contrast_pairs("mod10", 3)
    table = pd.DataFrame(
        {"id": ["a", "b"], "positive": ["Sum, brief?"] * 2, "negative": ["Sum?"] * 2}
    )
    table.to_csv(tmp_path / "pairs.csv", index=False)
    table.to_parquet(tmp_path / "pairs.parquet", index=False)
    read, other = (contrast_pairs(tmp_path / f"pairs.{end}") for end in ("csv", "parquet"))
    assert read == other and [pair.item for pair in read] == ["a", "b"]
    assert read[0].positive.question == "Sum, brief?"
    with pytest.raises(UserError, match="at least 1 pair"):
        contrast_pairs("mod10", 0)
    with pytest.raises(UserError, match="two sides of one question"):
        ContrastPair(Problem("a", "?", ""), Problem("b", "?", ""))
