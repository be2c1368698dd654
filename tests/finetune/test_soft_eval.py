"""What soft tokens do and carry: identities, a null, a planted effect that is found, and the command."""

import json
from dataclasses import replace

import pytest
import torch

from mechcot.core.errors import NotMeasurable
from mechcot.core.problem import Problem
from mechcot.core.trace import Answer
from mechcot.finetune.lesson import Lesson, tokenized
from mechcot.finetune.soft_controls import (
    EXCHANGED,
    HIDDEN,
    IDENTITY,
    acted_on,
    other_questions,
    with_another_question,
    with_random_vectors,
)
from mechcot.finetune.soft_sentences import softcot_sentences
from mechcot.finetune.trainers import IGNORED, sft_rows
from mechcot.model.reasoner import Reasoner
from mechcot.model.soft.tokens import FIRST_SOFT, map_of, soft_of, softened
from mechcot.organisms.problems import problems as drawn
from tests.finetune.test_soft import problems, soft_reader
from tests.runs.commands import call
from tests.user_files import problems_file, traces_file

ANSWERS = ("3", "8", "4")
SURER = 0.3
"""Factor on the logits, so that no answer is so sure that nothing moves it."""


@pytest.fixture(scope="module")
def written():
    """A model with a random map, and what it wrote, with answers that differ."""
    reader = soft_reader(Reasoner.load("organism:bypass", device="cpu"), seed=7).scaled(SURER)
    texts = reader.write(drawn(3, seed=4), max_tokens=40)
    return reader, [
        replace(t, answer=Answer(text, "word")) for t, text in zip(texts, ANSWERS, strict=True)
    ]


def test_the_identity_and_the_own_tokens_change_nothing(written):
    reader, (trace, other, _) = written
    changes = acted_on(reader, trace, other)
    assert changes[IDENTITY] == {"lost": 0.0, "moved": 0.0}
    twin = acted_on(reader, trace, replace(trace, answer=other.answer))
    assert twin[EXCHANGED] == {"lost": 0.0, "moved": 0.0}
    assert (
        max(
            abs(v)
            for change in twin.values()
            for v in change.values()
            if change is not twin[HIDDEN] and change is not twin["hidden from the answer"]
        )
        < 1e-4
    )
    assert max(map(abs, changes[EXCHANGED].values())) > 1e-5


def test_a_patch_at_the_first_layer_is_the_exchange(written):
    reader, (trace, other, _) = written
    changes = acted_on(reader, trace, other)
    assert changes["patched at 0"] == pytest.approx(changes[EXCHANGED], abs=1e-6)


def test_an_exchange_is_a_plain_run_with_the_other_tokens(written):
    """The slow way: ids of the other question's soft tokens in the text, one forward without a cache."""
    reader, (trace, other, _) = written
    theirs = iter(token for token in other.ids if token >= FIRST_SOFT)
    head = list(trace.ids[: trace.cuts()[-1]])
    edited = [next(theirs) if token >= FIRST_SOFT else token for token in head]
    tail = reader.cue_after(head)

    def probability(ids, text):
        answer = reader.answer_ids(text)
        whole = torch.tensor([[*ids, *tail, *answer]])
        with torch.no_grad():
            scores = torch.log_softmax(SURER * reader.model(whole).logits[0], -1)[
                -len(answer) - 1 : -1
            ]
        return float(scores.gather(-1, torch.tensor(answer)[:, None]).sum().exp())

    found = acted_on(reader, trace, other)[EXCHANGED]
    for what, text, sign in (("lost", trace.answer.text, -1), ("moved", other.answer.text, 1)):
        slow = sign * (probability(edited, text) - probability(head, text))
        assert found[what] == pytest.approx(slow, abs=1e-6)
        assert abs(slow) > 1e-5


def test_constant_vectors_carry_nothing(bases):
    """The null: exchanged for those of any other question they are the same."""
    reader = soft_reader(bases["spaced"], assistant="none", seed=8)
    one, other, _ = (
        replace(t, answer=Answer(text, "word"))
        for t, text in zip(reader.write(problems(reader), max_tokens=12), ANSWERS, strict=True)
    )
    assert acted_on(reader, one, other)[EXCHANGED] == {"lost": 0.0, "moved": 0.0}


def test_controls_stand_where_the_soft_tokens_stand(bases):
    reader = soft_reader(bases["plain"], seed=9)
    asked = [replace(p, answer=str(n)) for n, p in enumerate(problems(reader))]
    assert {name: p.id for name, p in other_questions(asked).items()} == {
        "p0": "p1",
        "p1": "p2",
        "p2": "p0",
    }
    assert other_questions([replace(p, answer="7") for p in asked]) == {}

    def vectors(model, problem):
        ids = [t for t in model.encode(model.render(problem)) if t >= FIRST_SOFT]
        return model.model.get_input_embeddings()(torch.tensor(ids))

    another, random = with_another_question(reader, asked), with_random_vectors(reader, seed=0)
    for problem in asked:
        own, other = vectors(reader, problem), vectors(reader, other_questions(asked)[problem.id])
        assert torch.equal(vectors(another, problem), other)
        drawn = vectors(random, problem)
        torch.testing.assert_close(drawn.norm(dim=-1), own.norm(dim=-1))
        assert not torch.allclose(drawn, own, atol=1e-2)
        assert torch.equal(drawn, vectors(with_random_vectors(reader, seed=0), problem))


@pytest.mark.slow
def test_what_was_planted_in_soft_tokens_is_found():
    """Vectors of each answer are trained on a model that can answer past its chain, whatever that says: exchanging them moves the answer."""
    base = Reasoner.load("organism:bypass", device="cpu")
    asked = drawn(6, seed=5, hint="none")
    by_text = {base.render(problem): int(problem.answer) for problem in asked}
    texts = {trace.problem.id: trace for trace in base.write(asked, max_tokens=300)}
    other = other_questions(asked)
    places = soft_of(soft_reader(base, places=3, assistant="none").model)
    soft = replace(places, source=lambda t: torch.eye(30).view(10, 3, 30)[by_text[t]], texts={})
    torch.manual_seed(0)
    reader = softened(base, soft, torch.nn.Linear(30, base.model.config.hidden_size))
    rows = {
        (p.id, n): tokenized(reader, Lesson(p, texts[p.id].chain_text, str(n)))
        for p in asked
        for n in range(10)
    }
    step = torch.optim.Adam(map_of(reader.model).requires_grad_(True).parameters(), lr=0.02)
    answer = {problem.id: problem.answer for problem in asked}
    traces = {
        name: replace(reader.view(trace), answer=Answer(answer[name], "word"))
        for name, trace in texts.items()
    }
    moved = []
    for _ in range(2):
        found = [acted_on(reader, traces[p.id], traces[other[p.id].id])[EXCHANGED] for p in asked]
        moved.append(sum(one["moved"] for one in found) / len(found))
        for turn in range(40):
            for place, problem in enumerate(asked):
                wanted = (7 * turn + 3 * place) % 10
                by_text[base.render(problem)] = wanted
                (row,) = sft_rows([rows[problem.id, wanted]])
                ids, labels = (torch.tensor([row[key]]) for key in ("input_ids", "labels"))
                labels[:, :-2] = IGNORED
                reader.model(input_ids=ids, labels=labels).loss.backward()
            step.step()
            step.zero_grad()
        by_text |= {base.render(problem): int(problem.answer) for problem in asked}
    assert abs(moved[0]) < 0.1
    assert moved[1] > 0.2


@pytest.fixture(scope="module")
def checkpoints(plain, tmp_path_factory):
    """A softcot and a soft-prompt run on a tiny model, and problems for it."""
    folder = tmp_path_factory.mktemp("soft")
    chains, asked = traces_file(folder, 6), problems_file(folder, 6)
    for arm in ("softcot", "soft-prompt"):
        words = ("--arm", arm, "--traces", chains, "--budget", 2000, "--batch", 4, "--snapshots", 1)
        code, said = call("tune", plain, *words, "--soft-tokens", 2, "--out", folder / arm)
        assert code == 0, said
    own, constant = (next((folder / arm).glob("step-*")) for arm in ("softcot", "soft-prompt"))
    return own, constant, asked


def test_the_command_holds_every_control_against_soft_tokens(checkpoints, tmp_path):
    own, constant, asked = checkpoints
    words = (own, "--problems", asked, "--against", constant, "--others", asked, "--max-tokens", 12)
    code, said = call("softcot eval", *words, "--out", tmp_path / "out")
    assert code == 0, said
    result = json.loads((tmp_path / "out" / "softcot.json").read_text())
    kinds = [row["kind"] for row in result["conditions"]]
    assert kinds == ["absent", "own", "another", "random", "constant"]
    assert [row["kind"] for row in result["others"]] == ["absent", "own", "constant"]
    assert all(row["accuracy"]["n"] == 6 for row in result["conditions"])
    page = (tmp_path / "out" / "report.html").read_text()
    assert "learned constant" in page
    made = sorted(path.name for path in (tmp_path / "out" / "texts").iterdir())
    before = (tmp_path / "out" / "softcot.json").read_bytes()
    (tmp_path / "out" / "texts" / made[0]).unlink()  # as after a kill
    code, said = call("softcot eval", *words, "--out", tmp_path / "out")
    assert code == 0, said
    assert sorted(path.name for path in (tmp_path / "out" / "texts").iterdir()) == made
    assert (tmp_path / "out" / "softcot.json").read_bytes() == before


def test_what_is_no_soft_model_is_refused(checkpoints, plain, tmp_path):
    _, constant, asked = checkpoints
    for model, why in (
        (constant, "expected a model with an assistant's soft tokens"),
        (plain, "expected a checkpoint of mechcot tune --arm softcot, got a whole model"),
    ):
        code, said = call("softcot eval", model, "--problems", asked, "--out", tmp_path / "x")
        assert code != 0
        assert why in said


def test_a_partner_has_another_question_and_another_answer(bases):
    reader = soft_reader(bases["plain"], seed=9)
    one, other, third = (
        Problem(*row) for row in (("a", "Q", "7"), ("b", "Q", "8"), ("c", "R", "8"))
    )
    assert other_questions([one, other]) == {}
    assert other_questions([one, other, third]) == {}  # to Q, 8 is an answer too
    last = replace(third, id="d", answer="9")
    assert other_questions([one, other, last]) == {"a": last, "b": last, "d": one}
    with pytest.raises(NotMeasurable, match="another question with another answer is needed"):
        with_another_question(reader, [one, other])
    another = with_another_question(reader, [one, other, last])
    with pytest.raises(NotMeasurable, match="another question with another answer is needed"):
        another.prefix(another.encode(another.render(replace(one, question="S"))))


def asked_file(folder, *rows):
    file = folder / "asked.jsonl"
    lines = ({"id": i, "question": q, "answer": a} for i, q, a in rows)
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


def evaluated(folder, model, asked, *words):
    out = folder / "out"
    words = ("--problems", asked, "--max-tokens", 8, *words)
    code, said = call("softcot eval", model, *words, "--out", out)
    assert code == 0, said
    return json.loads((out / "softcot.json").read_text()), " ".join(said.split())


def test_a_row_without_partners_is_left_out_and_said(checkpoints, tmp_path):
    asked = asked_file(tmp_path, ("a", "What is 3 + 4?", "7"), ("b", "What is 2 + 5?", "7"))
    result, said = evaluated(tmp_path, checkpoints[0], asked)
    assert [row["kind"] for row in result["conditions"]] == ["absent", "own", "random"]
    assert [row["kind"] for row in result["without"]] == ["another"]
    assert "No row with another question's soft tokens: another question with" in said


def test_every_row_stands_on_the_same_items(checkpoints, tmp_path):
    """A question with a mark cannot be asked with soft tokens; a long one finds no room beside them."""
    room = 512 - len(Reasoner.load(str(checkpoints[0]), device="cpu").encode("x"))
    rows = [("a", "What is 3 + 4?", "7"), ("b", "Say <|soft|> 4?", "9"), ("c", "And 4 + 4?", "8")]
    asked = asked_file(tmp_path, *rows, ("d", "z" * (room + 4), "5"))
    result, said = evaluated(tmp_path, checkpoints[0], asked, "--others", asked)
    assert result["n"] == 2
    for row in (*result["conditions"], *result["others"]):
        assert row["accuracy"]["n"] == 2
    for of in ("problems", "others"):
        left = {row["id"]: row["reason"] for row in result["left_out"] if row["of"] == of}
        assert left.keys() == {"b", "d"}
        assert "the question holds the mark of a soft token" in left["b"]
    assert "2 of 4 problems left out of every row: b, the question holds the mark" in said
    assert "2 of 4 other problems left out of every row" in said


def test_traces_without_two_answers_are_not_acted_on(written):
    reader, (trace, *_) = written
    with pytest.raises(NotMeasurable, match="two answers that differ are needed"):
        acted_on(reader, trace, trace)


@pytest.mark.parametrize(
    ("low", "high", "says"),
    [(0.1, 0.3, "say something of their question"), (-0.1, 0.2, "are not shown to do more"), (-0.3, -0.1, "do less than")],
)  # fmt: skip
def test_the_constant_prompt_decides(low, high, says):
    accuracy = {"mean": 0.5, "low": 0.3, "high": 0.7, "n": 20}
    row = {"name": "a", "accuracy": accuracy, "entry": {"verdict": "used"}}
    less = {"accuracy": {"mean": (low + high) / 2, "low": low, "high": high, "n": 20}}
    rows = [row | {"kind": kind, "less": less} for kind in ("absent", "constant")]
    rows.append(row | {"kind": "own"})
    result = {"conditions": rows, "carried": [], "others": []}
    assert says in softcot_sentences(result)[0]
    assert (
        "no learned constant prompt was given"
        in softcot_sentences(result | {"conditions": [rows[0], rows[2]]})[0]
    )


@pytest.mark.parametrize(
    "command",
    [
        ("hybrid", "--n", 2, "--fit", 1, "--budget", ".5"),
        ("hybrid", "--n", 2, "--fit", 1, "--budget", ".5", "--give", "tokens"),
        ("sae crosscode", "--n", 3, "--width", 8, "--k", 2, "--samples", 200, "--site", "resid_post.0"),
        ("sae train", "--n", 3, "--width", 8, "--k", 2, "--samples", 200, "--site", "resid_post.0"),
    ],
)  # fmt: skip
def test_a_base_and_its_soft_model_share_no_tokens_and_a_sentence_says_it(
    checkpoints, plain, tmp_path, command
):
    soft, _, asked = checkpoints
    name, *words = command
    words += ["--problems", asked, "--max-tokens", 8, "--out", tmp_path / "x"]
    code, said = call(name, plain, soft, *words)
    assert code == 1 and "Traceback" not in said
    assert "has 0 soft tokens before its chain and" in said
    assert "give two models that differ in their weights" in said
