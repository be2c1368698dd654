"""What is wrong with a model or its prompts ends a command before it writes; what is only odd is said."""

import json
import logging
import shutil
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from typer.testing import CliRunner

from mechcot import doctor
from mechcot.cli.main import app
from mechcot.core.errors import NotMeasurable, UserError
from mechcot.core.problem import Problem
from mechcot.model.asking_options import Asking
from mechcot.model.loading.preflight import LONG, preflight, rendered
from mechcot.model.prompt_check import lost_in_prompt
from mechcot.model.reasoner import Reasoner
from tests.model.conftest import TEMPLATES

ASKED = (
    Problem("a", "Tom has 12 apples & eats <b>5</b>. How many?", "7"),
    Problem("b", "What is\n\n3 + 4?", "7"),
)
HEAD, TAIL = "{% for m in messages %}<|user|>", "<|end|>{% endfor %}"
PARTS = HEAD + "{% for c in m['content'] %}{{ c['text'] }}{% endfor %}" + TAIL
WRONG = {
    "parts": PARTS,
    "other role": "{% for m in messages if m['role'] == 'human' %}{{ m['content'] }}{% endfor %}<|user|>",
    "cut": HEAD + "{{ m['content'][:12] }}" + TAIL,
    "last line": HEAD + "{{ m['content'].split('\n')[-1] }}" + TAIL,
    "changed": HEAD + "{{ m['content'] | replace('3', '8') | replace('12', '13') }}" + TAIL,
    "backwards": HEAD + "{{ m['content'] | reverse }}" + TAIL,
}
ODD = {
    "twice": (HEAD + "{{ m['content'] }}\n{{ m['content'] }}" + TAIL, "2 times"),
    "escaped": (HEAD + "{{ m['content'] | escape }}" + TAIL, "changes signs, case"),
    "json": (HEAD + "{{ m['content'] | tojson }}" + TAIL, "changes signs, case"),
    "shouted": (HEAD + "{{ m['content'] | upper }}" + TAIL, "changes signs, case"),
    "one line": (HEAD + "{{ m['content'].split() | join(' ') }}" + TAIL, "changes signs, case"),
}


def with_template(reader: Reasoner, text: str) -> Reasoner:
    tokenizer = deepcopy(reader.tokenizer)
    tokenizer.chat_template = text
    return Reasoner.of(reader.model, tokenizer, name="given")


def prompt_line(reader: Reasoner) -> doctor.DoctorLine:
    found = doctor.CHECKS["prompt"](reader)
    return doctor._line("prompt", found)


@pytest.mark.parametrize("kind", WRONG)
def test_a_template_that_loses_the_question(reasoner, kind):
    reader = with_template(reasoner("llama"), WRONG[kind])
    words = "the template drops or changes the question.*; repair the chat template"
    with pytest.raises(
        UserError, match=f"(?s)given: {words}.*`mechcot doctor given` checks it again"
    ):
        preflight(reader, ASKED)
    assert not prompt_line(reader).ok


def test_the_command_that_checks_again_can_be_copied(reasoner):
    given = with_template(reasoner("llama"), WRONG["cut"])
    reader = Reasoner.of(given.model, given.tokenizer, name="models/my model")
    with pytest.raises(UserError, match="`mechcot doctor 'models/my model'` checks it again"):
        preflight(reader, ASKED)


@pytest.mark.parametrize("kind", ODD)
def test_a_template_that_alters_it_is_said_and_measured(reasoner, kind, caplog):
    text, words = ODD[kind]
    reader = with_template(reasoner("llama"), text)
    preflight(reader, ASKED)
    assert words in caplog.text
    line = prompt_line(reader)
    assert line.ok and line.odd and str(line).startswith("odd  prompt")


@pytest.mark.parametrize("name", TEMPLATES)
def test_usual_templates_hold_every_question(reasoner, name, caplog):
    preflight(reasoner("llama", template=name), [*ASKED, LONG])
    assert caplog.text == ""


def test_a_question_that_alone_is_dropped_is_left_out(reasoner, caplog):
    reader = with_template(reasoner("llama"), HEAD + "{{ m['content'][:200] }}" + TAIL)
    skipped = []
    preflight(reader, [*ASKED, LONG])
    assert "the question for 1 of 3 questions" in caplog.text
    found = reader.write(
        [*ASKED, LONG], max_tokens=2, skip=lambda p, why: skipped.append((p, str(why)))
    )
    assert [trace.problem.id for trace in found] == ["a", "b"]
    ((left, why),) = skipped
    assert left is LONG and "drops the question: the prompt holds" in why
    with pytest.raises(NotMeasurable):
        reader.write([LONG], max_tokens=2)


@pytest.mark.parametrize(
    ("question", "prompt", "lost"),
    [
        ("3 < 4?", "<u>3 &lt; 4?</u>", False),
        ("3 < 4?", "<u>3 4", False),  # altered, and said to be so
        ("a\nb", 'ask "a\\nb"', False),
        ("a\nb", "ask a", True),
        ("What is 3?", "user: what is  3 ?", False),
        ("+ - ?", "x + - ? y", False),
        ("+ - ?", "x", True),
        ("Wie groß?", "<u>Wie groß?", False),
        ("三加四?", "问：三加四?", False),
        ("三加四?", "问：", True),
    ],
)
def test_dropped(question, prompt, lost):
    assert bool(lost_in_prompt(Problem("p", question, "1"), prompt)) == lost


def test_a_tokenizer_that_loses_text(reasoner):
    from tokenizers import normalizers

    reader = reasoner("llama")
    deaf = deepcopy(reader.tokenizer)
    deaf._tokenizer.normalizer = normalizers.Lowercase()
    small = replace(reader, tokenizer=deaf)
    with pytest.raises(UserError, match="ids do not spell the text: 'T"):
        preflight(small, ASKED)
    assert "changes capitals, accents or forms of letters of the questions" in str(
        doctor._line("tokenizer", doctor.CHECKS["tokenizer"](small))
    )
    asked = replace(
        small, policy=replace(small.policy, asking=Asking(instruction="Think\u00e9 LOUD."))
    )
    with pytest.raises(UserError, match=r"letters of --instruction: give 'think\u00e9 loud\.'"):
        preflight(asked, ASKED)


def test_questions_that_a_vocabulary_cannot_hold_are_named_for_it():
    reader = Reasoner.load("organism:order/base")
    with pytest.raises(UserError, match="the questions have words that its tokenizer lacks"):
        preflight(reader, ASKED)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize(
    "place", ["lm_head.weight", "model.layers.1.mlp.up_proj.weight", "model.norm.weight"]
)
def test_weights_that_are_not_finite(reasoner, value, place):
    reader = reasoner("llama")
    spoilt = replace(reader, model=deepcopy(reader.model))
    dict(spoilt.model.named_parameters())[place].data.view(-1)[3] = value
    with pytest.raises(UserError, match=f"1 weights are not finite .* the first is {place}; copy"):
        preflight(spoilt, ASKED)


def test_a_model_that_looks_ahead(reasoner, monkeypatch):
    from mechcot.model.loading import preflight as module

    reader = replace(reasoner("llama"), model=deepcopy(reasoner("llama").model))
    causal = type(reader).prefix

    def ahead(self, ids, **about):
        hidden = causal(self, ids, **about).hidden
        return SimpleNamespace(hidden=hidden + hidden.mean(0))

    monkeypatch.setattr(type(reader), "prefix", ahead)
    assert module.causality(reader, [5, 6, 7, 8]).state == "wrong"
    with pytest.raises(UserError, match="another last token moves earlier states"):
        preflight(reader, ASKED)


def test_a_family_that_is_known_to_look_ahead_goes_on(reasoner, monkeypatch, caplog):
    from mechcot.model.loading import preflight as module

    reader = replace(reasoner("llama"), model=deepcopy(reasoner("llama").model))
    known = replace(module.backbone_of(reader.model), causal=False)
    monkeypatch.setattr(module, "backbone_of", lambda _: known)
    monkeypatch.setattr(module, "bound", lambda _: -1.0)
    preflight(reader, ASKED)
    assert "another last token moves earlier states" in caplog.text


def test_states_are_tried_once_a_model(reasoner, monkeypatch):
    from mechcot.model.loading import preflight as module

    reader = replace(reasoner("qwen2"), model=deepcopy(reasoner("qwen2").model))
    preflight(reader, ASKED)
    monkeypatch.setattr(module, "identity", lambda *_: pytest.fail("tried again"))
    preflight(reader, ASKED)


def test_only_own_renderings_are_asked_for(reasoner):
    reader = reasoner("llama")
    mine, other = reader.write(ASKED, max_tokens=2)
    other = replace(other, prompt="elsewhere: " + other.prompt)
    assert rendered(reader, [mine, mine, other]) == [ASKED[0]]


COMMANDS = {
    "compare": ["MODEL", "MODEL", "--traces", "FILE", "--chains", "all", "--measures", "gates"],
    "prune": ["MODEL", "--traces", "FILE"],
    "influence": ["MODEL", "--traces", "FILE"],
    "prune-online": ["MODEL", "--problems", "FILE"],
    "steer apply": ["MODEL", "VECTOR", "--problems", "FILE"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_refuses_before_it_writes(checkpoint, tmp_path, command, caplog):
    caplog.set_level(logging.WARNING)
    model, out = tmp_path / "model", tmp_path / "out"
    shutil.copytree(checkpoint("llama"), model)
    (model / "chat_template.jinja").write_text(PARTS)
    row = {
        "id": "a",
        "question": "What is 3 + 4?",
        "answer": "7",
        "chain": "3 + 4 = 7.",
        "answer_text": "7",
    }
    (tmp_path / "f.jsonl").write_text(json.dumps(row))
    names = {
        "MODEL": str(model),
        "FILE": str(tmp_path / "f.jsonl"),
        "VECTOR": str(tmp_path / "v.safetensors"),
    }
    if command == "steer apply":
        reader = Reasoner.load(str(checkpoint("llama")), device="cpu")
        _vector(reader).save(Path(names["VECTOR"]))
    words = [names.get(word, word) for word in COMMANDS[command]]
    done = CliRunner().invoke(app, [*command.split(), *words, "--out", str(out)])
    assert isinstance(done.exception, UserError), done
    assert "the template drops or changes the question" in str(done.exception)
    assert not out.exists() or not any(path.is_file() for path in out.rglob("*"))


def _vector(reader):
    from mechcot.core.task import ContrastPair
    from mechcot.model.internals.sites import Site
    from mechcot.steering.contrast_vectors import pair_vectors

    pairs = [
        ContrastPair(
            positive=Problem(f"p{i}", f"add {i}", ""), negative=Problem(f"p{i}", f"find {i} x", "")
        )
        for i in range(4)
    ]
    site = Site("resid_post", 0)
    torch.manual_seed(0)
    return pair_vectors(
        reader, pairs, sites=[site], seed=0, read="prompt", method="mean difference"
    )[site]
