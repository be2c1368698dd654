"""A model without a chat template is asked as the user says, else as its own texts show."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

import mechcot as mc
from mechcot.compare.models import Models
from mechcot.compare.own_words import in_own_words
from mechcot.compare.settings import Study
from mechcot.core.problem import Problem
from mechcot.model.asking_options import AS_FOUND, Asking
from mechcot.model.loading.options import LoadOptions
from mechcot.model.plain_prompt import PLAIN_TEMPLATE
from mechcot.model.reasoner import Reasoner
from mechcot.traces.write_on_server import Request
from tests.compare.tiny_models import byte_tokenizer, save_tiny

COLOURS = ("red", "tan", "blue", "gold")
BARE = "{question}\n"
TOKENIZER = byte_tokenizer(merges=40)


def problem(i: int) -> Problem:
    return Problem(f"p{i}", f"{COLOURS[i % 4]}?", COLOURS[i % 4])


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Two models: one trained to answer the question alone and to say nothing to other prompts, one to answer both."""
    return {
        name: _trained(tmp_path_factory.mktemp("unframed") / name, framed=framed)
        for name, framed in (("alone", "Well."), ("both", "So. The answer is {a}."))
    }


def _trained(folder: Path, *, framed: str) -> str:
    save_tiny(folder, TOKENIZER, seed=0)
    model = AutoModelForCausalLM.from_pretrained(folder).train()
    pairs = [
        (frame.replace("{question}", f"{a}?"), said.format(a=a))
        for a in COLOURS
        for frame, said in ((BARE, "So. The answer is {a}."), (PLAIN_TEMPLATE, framed))
    ]
    rows = [(TOKENIZER(p).input_ids, [*TOKENIZER(said).input_ids, 0]) for p, said in pairs]
    width = max(len(p) + len(said) for p, said in rows)
    ids = torch.tensor([p + said + [0] * (width - len(p) - len(said)) for p, said in rows])
    labels = torch.tensor(
        [[-100] * len(p) + s + [-100] * (width - len(p) - len(s)) for p, s in rows]
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(200):
        loss = model(input_ids=ids, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if loss.item() < 0.01:
            break
    model.save_pretrained(folder)
    return str(folder)


def found(folder: str, out: Path, asking: Asking = AS_FOUND) -> tuple[Study, Models]:
    loading = LoadOptions("cpu", asking=asking)
    study = Study(
        models=(folder,), out=out, problems="p.jsonl", author="own", loading=loading, max_tokens=24
    )
    return in_own_words(study, Models.of(study), [problem(i) for i in range(32)])


def test_a_model_that_answers_only_the_bare_question_is_asked_so(folders, tmp_path) -> None:
    study, models = found(folders["alone"], tmp_path / "out")
    assert study.loading.asking.instruction == ""
    assert models.get("alone").render(problem(0)) == "red?\n"
    assert study.asking_notes[0] == (
        f"alone: with no chat template, asked as {PLAIN_TEMPLATE!r} the model is right in 0 of 32, as {BARE!r} in 32; "
        "it is asked so (--instruction says another)"
    )
    again = Models.of(study).get("alone")
    assert again.write([problem(1)], max_tokens=24)[0].answer.text == "tan"


def test_a_model_that_does_as_well_with_the_default_words_keeps_them(folders, tmp_path) -> None:
    study, models = found(folders["both"], tmp_path / "out")
    assert study.loading.asking.instruction is None, "its cue may be found, its prompts stay"
    assert str(study.loading.asking.cue).startswith(" The answer is")
    assert models.get("both").render(problem(0)) == PLAIN_TEMPLATE.replace("{question}", "red?")


@pytest.mark.parametrize(
    ("instruction", "prompt"),
    [
        (None, PLAIN_TEMPLATE.replace("{question}", "red?")),
        ("", "red?\n"),
        ("Think.", "red?\nThink.\n"),
        ("Q: {question}\nA:", "Q: red?\nA:"),
        ("{question}", "red?"),
    ],
)
def test_what_the_user_says_stands_in_place_of_the_default_words(
    folders, tmp_path, instruction, prompt
) -> None:
    asking = Asking(instruction=instruction)
    reader = Reasoner.load(folders["both"], device="cpu", asking=asking)
    assert reader.render(problem(0)) == prompt
    assert repr(prompt.replace("red?", "{question}")) in reader.policy.describe()
    if instruction is not None:
        study, _ = found(folders["alone"], tmp_path / "out", asking)
        assert study.loading.asking.instruction == instruction


def test_a_server_reads_the_place_of_the_question_alike() -> None:
    request = Request("m", instruction="Q: {question} Be brief.")
    assert request.body(problem(0), 0)["messages"][0]["content"] == "Q: red? Be brief."


def test_a_policy_without_the_default_words(folders) -> None:
    reader = Reasoner.load(folders["both"], device="cpu")
    alone = replace(reader, policy=reader.policy.without_words())
    assert reader.policy.adds_words and not alone.policy.adds_words
    assert alone.render(problem(0)) == "red?\n"
    assert alone.policy.without_words() == replace(alone.policy, instruction="")


@pytest.mark.parametrize("paired", [False, True])
def test_python_is_told_of_texts_whose_answers_cannot_be_read_and_the_told_line_helps(
    folders, capsys, paired
) -> None:
    def load(asking: Asking = AS_FOUND) -> Reasoner:
        if paired:
            return mc.load_pair(
                folders["alone"], folders["both"], device="cpu", asking=asking
            ).before
        return mc.load(folders["alone"], device="cpu", asking=asking)

    reader, problems = load(), [problem(i) for i in range(4)]
    assert all(t.answer.text is None for t in reader.write(problems, max_tokens=24))
    told = " ".join(capsys.readouterr().err.split())
    assert "alone: no answer can be read in 4 of 4 finished texts, so measures" in told
    assert "The text of p0/alone ends 'Well." in told
    again = "pair = mc.load_pair(..., asking={})" if paired else "reader = reader.asked_with({})"
    assert again.format("mc.Asking(answer_after='TEXT')") in told
    assert again.format("mc.Asking(instruction='none')") in told
    said = mc.Asking(instruction="none")
    helped = load(said) if paired else reader.asked_with(said)
    assert [t.answer.text for t in helped.write(problems, max_tokens=24)] == list(COLOURS)
    assert len(reader.write(problems, max_tokens=24, skip=lambda *_: None)) == 4
    reader.write(problems, max_tokens=1)
    assert "no answer can be read" not in capsys.readouterr().err, "cut texts state none"
