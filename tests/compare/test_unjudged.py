"""Where one model cannot be judged: the one root cause, and a command that is right when it is followed."""

import shlex
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from mechcot.cli import main
from mechcot.compare.command_line import NextStep, command_of
from mechcot.compare.settings import Study
from mechcot.compare.unjudged import (
    Cause,
    RunFacts,
    cause,
    chainless,
    few_right,
    run_facts,
    until_decided,
)
from mechcot.core.measurement import Measurement
from mechcot.core.problem import Completion, Problem
from mechcot.core.trace import Answer, Trace
from mechcot.model.asking_options import Asking
from mechcot.model.internals.token_text import merged_token
from mechcot.model.loading.options import LoadOptions
from mechcot.model.loading.spec import parse_spec
from mechcot.model.prompts import BOXED
from mechcot.model.reasoner import Reasoner
from mechcot.text.answer_leads import common_lead, last_numbers_right
from mechcot.text.problems import to_problem
from mechcot.text.think_tags import ThoughtTags
from mechcot.text.trace_parser import read
from mechcot.text.user_truth_files import TruthFiles
from mechcot.traces.without_instruction import asked_plainly
from tests.compare.tiny_models import byte_tokenizer
from tests.model.conftest import make_model
from tests.model.foreign_vocabularies import TURN, byte_level

TOKENIZER = byte_tokenizer(merges=40)
TAGS = ThoughtTags("<think>", "</think>")
PERFECT = {"with": 1.0, "written": 1.0, "other": 0.0, "without": 0.0, "guess": 0.1, "n": 24.0}


def trace(
    i: int,
    *,
    text: str = "{a} it is.</think>\nAnswer: {a}",
    finished: bool = True,
    answer: str = "",
) -> Trace:
    right = answer or str(i)
    problem = Problem(f"p{i}", f"What is {i}?", right)
    written = text.format(a=right)
    completion = Completion(problem, "<think>", written, "tiny", finished=finished)
    return read(completion, TOKENIZER, tags=TAGS)


def facts(held: int = 500, **changes) -> RunFacts:
    about = {"limit": 400, "room": 400, "cue": "</think>\nAnswer:", "unwritten": ()}
    study = changes.pop("study", Study(models=("tiny",), out=Path("out"), problems="p.jsonl", n=24))
    return RunFacts(
        study, model="tiny", command="check", count=lambda n: min(n, held), **about | changes
    )


def exchanged(count: int, *, lost: int = 0, reason: str = "why") -> list[Measurement]:
    made = [
        Measurement("chain_exchange", f"t{i}", f"p{i}", "tiny", "tiny", 1.0) for i in range(count)
    ]
    nothing = [
        Measurement("chain_exchange", f"u{i}", f"q{i}", "tiny", "tiny", float("nan"), reason=reason)
        for i in range(lost)
    ]
    return made + nothing


def found(traces, run: RunFacts, *, measured=None, **accuracy) -> tuple[str, str]:
    measured = exchanged(24) if measured is None else measured
    root = cause(traces, PERFECT | accuracy, measured, run)
    assert isinstance(root, Cause)
    return root.text, run.say(root.step)


LOOK = "mechcot doctor tiny shows how it is asked"
NEXT = "Next: mechcot check tiny --problems p.jsonl --out out "
FINE = [trace(i) for i in range(24)]
UNREAD = [
    replace(trace(i, text="so.</think>\nI would pick => {a}"), answer=Answer(None, "unread"))
    for i in range(24)
]
WORDS = [
    replace(trace(i, text=f"so.</think>\n{'abc'[i % 3]} of 77"), answer=Answer(None, "unread"))
    for i in range(24)
]


def test_nothing_stands_in_the_way_of_a_model_that_does_the_task():
    assert cause(FINE, PERFECT, exchanged(24), facts()) is None


def test_too_few_problems():
    text, ahead = found(FINE[:5], facts())
    assert text == "only 5 problems were asked, 20 are needed"
    assert ahead == f"{NEXT}--overwrite"  # 64, what a check takes by itself
    assert found(FINE[:5], facts(held=30))[1] == f"{NEXT}--n 30 --overwrite"
    assert found(FINE[:7], facts(held=7))[1] == "Next: a file of about 20 problems (p.jsonl has 7)"


def test_problems_that_cannot_be_asked():
    reason = "the prompt has 777 tokens, the context of tiny is 512"
    text, ahead = found(FINE[:4], facts(unwritten=[reason] * 20))
    assert text == f"20 of 24 problems could not be asked: {reason}"
    assert ahead == "Next: problems that the model can be asked"


def test_texts_that_were_cut_get_longer_and_never_as_long_as_before():
    cut = [trace(i, finished=i < 12) for i in range(24)]
    text, ahead = found(cut, facts(limit=24, room=372))
    assert text == "12 of 24 texts were cut at 24 tokens"
    assert ahead == f"{NEXT}--n 24 --max-tokens 372 --overwrite"
    assert "--max-tokens 4096 " in found(cut, facts(limit=512, room=100_000))[1]
    assert "--max-tokens 16384 " in found(cut, facts(limit=4096, room=100_000))[1]
    for limit in (24, 4096, 16384):
        after = found(cut, facts(limit=limit, room=100_000))[1].split("--max-tokens ")[1]
        assert int(after.split()[0]) > limit


def test_texts_that_never_end_are_no_matter_of_the_limit():
    cut = [trace(i, text="on and on {a}", finished=False) for i in range(24)]
    text, ahead = found(cut, facts())
    assert (
        text
        == "24 of 24 texts do not end within the model's context, which leaves 400 tokens for a text"
    )
    assert ahead == "Next: a model that ends its texts, or problems with shorter ones"
    asking = Asking(think=("<a>", "</a>"))
    study = Study(
        models=("tiny",),
        out=Path("out"),
        problems="p.jsonl",
        n=24,
        loading=LoadOptions(asking=asking),
    )
    text, ahead = found(cut, facts(study=study))
    assert text.endswith("none of them writes '</a>'")
    assert ahead == f"{NEXT}--n 24 --overwrite", "the marks are left out, nothing else changes"


def test_answers_that_are_all_alike():
    traces = [trace(i, answer="4" if i < 23 else "5") for i in range(24)]
    text, ahead = found(traces, facts(), guess=23 / 24)
    assert text.startswith("23 of 24 problems have the answer '4'")
    assert ahead == "Next: problems whose answers differ"


def test_a_question_for_the_answer_that_does_not_fit_is_replaced_by_the_models_own_words():
    text, ahead = found(FINE, facts(cue="</think> find"), **{"with": 0.0})
    assert "the question for the answer, '</think> find', does not fit it" in text
    assert ahead == f"{NEXT}--n 24 --cue '</think>\\nAnswer:' --overwrite"


def test_an_answer_that_is_one_token_with_the_word_before_it_is_named():
    words = ["选A", "选B", "选C", *(f" {i}" for i in range(24))]
    asked = partial(merged_token, byte_tokenizer(merges=60, texts=words))
    joined = [
        trace(i, text=f"so.</think>\n故选{'ABC'[i % 3]}", answer="ABC"[i % 3]) for i in range(24)
    ]
    text, ahead = found(joined, facts(merged=asked), **{"with": 0.0})
    assert text.endswith(
        "is one token with what stands before it ('选A'), so that no question can end before the answer"
    )
    assert (
        ahead
        == "Next: a model that was trained to put a space, a line break or a mark in front of its answer"
    )
    spaced = [trace(i, text="so.</think>\nIt is {a} cm") for i in range(24)]
    assert "one token" not in found(spaced, facts(merged=asked), **{"with": 0.0})[0]
    apart = [replace(one, problem=replace(one.problem, answer="D")) for one in joined]
    assert "one token" not in found(apart, facts(merged=asked), **{"with": 0.0})[0]


def test_the_models_own_words_with_what_ends_an_answer_are_not_given_again():
    written = [trace(i, text="so.</think>\n选{a}。", answer=f"{i}") for i in range(24)]
    text, ahead = found(written, facts(cue="</think>\n选"), **{"with": 0.0})
    assert "does not fit it" in text
    assert ahead == "Next: mechcot doctor tiny"


def test_a_cue_that_was_just_given_is_not_given_again():
    study = Study(
        models=("tiny",), out=Path("out"), problems="p.jsonl", n=24,
        loading=LoadOptions(asking=Asking(cue="</think>\nAnswer:", last_number=True)),
    )  # fmt: skip
    _, ahead = found(FINE, facts(study=study), **{"with": 0.0})
    assert ahead.startswith("Next: mechcot doctor tiny --cue ")


def test_answers_that_cannot_be_read():
    text, ahead = found(UNREAD, facts(), **{"with": 0.0, "written": 0.0})
    assert text.startswith("no answer can be read in 24 of 24 finished texts. The text of ")
    assert ahead == f"{NEXT}--n 24 --cue '</think>\\nI would pick =>' --overwrite"


def test_an_instruction_that_misleads_is_the_root_and_is_left_out():
    def without() -> list[Trace]:
        return FINE[:16]

    misled = [trace(i, text="so.</think>\nAnswer: 777") for i in range(24)]
    poor = {"with": 0.0, "written": 0.0}
    text, ahead = found(misled, facts(plainly=without), **poor)
    told = (
        "with an instruction behind each question the model is right in 0 of 16, without it in 16"
    )
    assert (text, ahead) == (told, f"{NEXT}--n 24 --instruction none --overwrite")
    cut = [trace(i, text="on and on", finished=False) for i in range(24)]
    assert found(cut, facts(plainly=without))[0] == told
    assert "instruction" not in found(misled, facts(plainly=lambda: misled[:16]), **poor)[0]
    assert found(misled, facts(), **poor)[0].startswith("the model is right in 0%")


def test_a_model_is_asked_again_without_the_instruction_that_was_put_there():
    tokenizer = byte_level(template=TURN.replace("OPEN", ""))
    model = make_model("llama", d_vocab=len(tokenizer))
    problems = [Problem(f"p{i}", f"What is {i}?", str(i)) for i in range(3)]
    reader = Reasoner.of(model, tokenizer, name="m")
    assert BOXED in reader.render(problems[0])
    plain = asked_plainly(reader, problems, limit=4)
    assert [p.id for p in problems] == [t.problem.id for t in plain]
    assert not any(BOXED in t.prompt for t in plain)
    own = Reasoner.of(model, tokenizer, name="m", asking=Asking(instruction="Think."))
    assert asked_plainly(own, problems, limit=4) == []


def test_what_a_run_compared_before_is_not_written_again():
    tokenizer = byte_level(template=TURN.replace("OPEN", ""))
    model = make_model("llama", d_vocab=len(tokenizer))
    problems = [Problem("p0", "What is 0?", "0")]

    def texts(name: str, **study) -> int:
        reader = Reasoner.of(model, tokenizer, name=name, spec=parse_spec(name))
        given = Study(models=("first", "later"), out=Path("out"), **study)
        return len(
            run_facts(given, reader, problems, command="compare", limit=4, unwritten=()).plainly()
        )

    assert texts("first", problems="p.jsonl") == 0
    assert texts("later", problems="p.jsonl") == 1
    assert texts("first", traces=Path("t.jsonl")) == 1


def test_answers_that_are_read_wrongly_are_not_called_wrong():
    misread = [trace(i, text="so.</think>\nI say {a} and the answer is 777") for i in range(24)]
    text, ahead = found(misread, facts(), **{"with": 0.0, "written": 0.0})
    assert text.endswith(
        "most of its texts state the right answer behind '</think>\\nI say {answer} and'"
    )
    said = "I say {answer} and"
    assert ahead == f"{NEXT}--n 24 --cue '</think>\\n{said}' --answer-after '{said}' --overwrite"


def test_right_answers_in_ever_other_words_that_are_read_wrongly_are_shown():
    words = ("one has", "they get", "it makes", "we see", "that gives")
    said = [
        trace(i, text=f"so.</think>\n{words[i % 5]} {{a}} and the answer is 777") for i in range(24)
    ]
    text, ahead = found(said, facts(), **{"with": 0.0, "written": 0.0})
    assert "but 24 of 24 finished texts end in the right answer" in text
    assert "another one was read, such as '777'. The text of p0/tiny ends " in text
    assert ahead.startswith("Next: what stands before a written answer in place of TEXT: mechcot")
    assert "--answer-after TEXT" in ahead


def worded(i: int, said: str, *, reference: str) -> Trace:
    """A text that says something, and a reference that says something else."""
    problem = Problem(f"p{i}", f"What is {i}?", reference)
    return read(Completion(problem, "<think>", f"so.</think>{said}", "tiny"), TOKENIZER, tags=TAGS)


COLOURS = ("white", "red", "blue", "black")
REWORDED = {
    "cup *->*": [(colour, f"cup {colour}") for colour in COLOURS],
    "*->* cup": [(f"{colour} cup", colour) for colour in COLOURS],
    "the * one->*": [(colour, f"the {colour} one") for colour in COLOURS],
    "true->Yes;false->No": [("Yes", "true"), ("No", "false")],
}


@pytest.mark.parametrize("rules", REWORDED)
def test_references_in_other_words_are_called_that_and_a_command_rewrites_them(rules):
    pairs = REWORDED[rules] * (24 // len(REWORDED[rules]))
    traces = [worded(i, said, reference=right) for i, (said, right) in enumerate(pairs)]
    poor = {"with": 0.0, "written": 0.0, "guess": 0.25}
    text, ahead = found(traces, facts(), **poor)
    said, reference = pairs[0]
    told = f"{reference!r} where it says {said!r}, in 24 texts"
    assert text.startswith(f"the references are in other words than its answers: {told}")
    words = shlex.split(ahead)
    assert words[words.index("--field") + 1] == f"answer=answer:{rules}"
    record = {"id": "a", "question": "q", "answer": reference}
    problem = to_problem(record, {"answer": f"answer:{rules}"}, where="line 1", number=1)
    assert (problem.answer, problem.meta) == (said, {})
    study = replace(facts().study, fields=(("answer", f"answer:{rules}"),))
    again = found(traces, facts(study=study), **poor)[1]
    assert again == "Next: a file whose references are in the model's words"


@pytest.mark.parametrize(
    "pairs",
    [
        [(COLOURS[(i + 1) % 4], COLOURS[i % 4]) for i in range(24)],
        [(COLOURS[i % 4], f"cup {COLOURS[(i + 1) % 4]}") for i in range(16)]
        + [("green", "cup pink")] * 8,
        [("ab"[i % 2] * (i + 3), "yz"[i % 2] * (i + 3)) for i in range(24)],
        [("Yes", ("true", "false")[i % 2]) for i in range(24)],
    ],
    ids=["regularly wrong", "too few", "each once", "always the same"],
)
def test_wrong_answers_are_not_called_other_words(pairs):
    traces = [worded(i, said, reference=right) for i, (said, right) in enumerate(pairs)]
    text, _ = found(traces, facts(), **{"with": 0.0, "written": 0.0, "guess": 0.25})
    assert text.startswith("the model is right in 0%; always giving")


def test_a_wrong_model_is_wrong():
    text, ahead = found(FINE, facts(), **{"with": 0.2, "written": 0.2})
    assert (
        text == "the model is right in 20%; always giving the most frequent answer would be in 10%"
    )
    assert ahead == f"Next: problems that the model can do ({LOOK})"


@pytest.mark.parametrize("lost", ["cut", "unread", "both"])
def test_a_wrong_model_is_wrong_whatever_becomes_of_some_texts(lost):
    """A few texts that run on, or end in no answer, are no reason to ask a model again that is wrong wherever it ends."""
    wrong = {"with": 0.0, "written": 0.0}
    texts = [trace(i, text="9{a}9 it is.</think>\nAnswer: 9{a}9") for i in range(100, 124)]
    if lost != "unread":
        texts[20:] = [replace(text, finished=False) for text in texts[20:]]
    if lost != "cut":
        nothing = [trace(i, text="so.</think>\nI would pick => x") for i in range(100, 105)]
        texts[:5] = [replace(text, answer=Answer(None, "unread")) for text in nothing]
    text, ahead = found(texts, facts(), **wrong, n=20.0)
    assert text.startswith("the model is right in 0%")
    assert (" of its 20 finished texts (4 more were cut);" in text) == (lost != "unread")
    assert ahead == f"Next: problems that the model can do ({LOOK})"


def test_lost_texts_are_the_root_where_they_could_change_what_is_found():
    """They are most of the texts, the model does the task in the others, or they hold the right answer."""
    wrong = {"with": 0.0, "written": 0.0}
    cut = [trace(i, finished=i < 20) for i in range(24)]
    assert "were cut" in found(cut, facts(limit=24, room=372), n=20.0)[0]
    most = [trace(i, finished=i < 20) for i in range(48)]
    assert "were cut" in found(most, facts(limit=24, room=372), **wrong, n=20.0)[0]
    few = [trace(i, finished=i < 18) for i in range(24)]
    assert "were cut" in found(few, facts(limit=24, room=372), **wrong, n=18.0)[0]
    assert "can be read" in found([*UNREAD[:5], *FINE[5:]], facts(), **wrong)[0]


@pytest.mark.parametrize(
    ("ends", "answer"),
    [
        ("It comes out at {:,} dollars I think", "{}"),
        ("I pick the {} one.", "({})"),
        ("I would go with twelve or so, in all", "12"),
    ],
)
def test_an_answer_that_is_written_otherwise_is_not_read_rather_than_wrong(ends, answer):
    numbers = range(1000, 1012)
    lost = [
        trace(i, text=f"so.</think>\n{ends.format(i)}", answer=answer.format(i)) for i in numbers
    ]
    lost = [replace(text, answer=Answer(None, "unread")) for text in lost]
    texts = [*lost, *(trace(i, text="so.</think>\nAnswer: x") for i in range(12))]
    text, _ = found(texts, facts(), **{"with": 0.0, "written": 0.0})
    assert text.startswith("no answer can be read in 12 of 24 finished texts")


def test_chains_without_a_partner():
    text, ahead = found(FINE, facts(), measured=exchanged(12, lost=12, reason="no partner"))
    assert text == "only 12 chains could be exchanged, 20 are needed; 12 could not: no partner"
    assert ahead == f"{NEXT}--n 48 --overwrite"
    _, ahead = found(FINE, facts(held=24), measured=exchanged(12, lost=12))
    assert ahead == "Next: a file of about 48 problems (p.jsonl has 24)"
    _, ahead = found(FINE, facts(), measured=exchanged(0, lost=24))
    assert "problems whose answers differ" in ahead


def test_open_intervals_ask_for_problems_until_it_is_decided_and_never_for_look_after_look():
    run = facts()
    assert (
        run.say(until_decided(96, run, asked=24, read=24)) == f"{NEXT}--until-decided --overwrite"
    )
    assert (
        run.say(until_decided(700, facts(held=900), asked=24, read=24))
        == f"{NEXT}--until-decided --max-n 700 --overwrite"
    )
    assert "has 24)" in run.say(until_decided(96, facts(held=24), asked=24, read=24))
    pair = replace(run, command="compare", study=replace(run.study, models=("one", "two"), n=64))
    said = pair.say(until_decided(96, pair, asked=24, read=24))
    assert said.startswith("Next: mechcot check one two --problems p.jsonl --out ")
    assert said.endswith("/check --until-decided")


def test_a_command_that_was_just_followed_is_not_named_again():
    """All 120 problems were asked and 78 could be read: more items than that need more problems, not the same ones."""
    run = facts(held=120)
    followed = replace(run, study=replace(run.study, until=256))
    said = followed.say(until_decided(100, followed, asked=120, read=78))
    assert said == "Next: a file of about 154 problems (p.jsonl has 120)"
    assert "--until-decided" in run.say(until_decided(30, run, asked=24, read=20))


def test_the_root_is_named_and_not_what_follows_from_it():
    """Five cut texts of five, unread and wrong: too few is the root, then cut, then unread."""
    poor = {"with": 0.0, "written": 0.0}
    cut = [trace(i, text="{a} and", finished=False) for i in range(24)]
    assert "were asked" in found(cut[:5], facts(), measured=[], **poor)[0]
    assert "do not end" in found(cut, facts(), measured=[], **poor)[0]
    assert "can be read" in found(UNREAD, facts(), measured=[], **poor)[0]


def test_leads_are_the_models_own_words():
    assert common_lead(FINE) == "</think>\nAnswer:"
    gaps = [trace(i, text="{a} it is.\n</think>\nAnswer: {a}") for i in range(10)]
    assert common_lead(gaps) == "\n</think>\nAnswer:", "a chain may be empty where it is asked"
    plain = [trace(i, text="One and one. The result is {a}") for i in range(10)]
    plain = [read(Completion(t.problem, "", t.completion, "tiny"), TOKENIZER) for t in plain]
    assert common_lead(plain) == " The result is"
    mixed = [trace(i, text=f"</think> {'abcdef'[i % 6]} {{a}}") for i in range(12)]
    assert common_lead(mixed) == ""
    assert common_lead([]) == ""
    assert last_numbers_right(UNREAD, share=1.0)
    assert not last_numbers_right([trace(i, text="{a} or 77") for i in range(3)], share=0.1)


@pytest.mark.parametrize("kind", ["check", "compare"])
def test_a_command_gives_its_study_again(kind, monkeypatch, tmp_path):
    problems = tmp_path / "p.jsonl"
    problems.write_text('{"id": "1", "question": "q", "answer": "a"}\n')
    asking = Asking(
        cue="</think>\nIt's:",
        answer_after="is",
        think=("<a>", "</a>"),
        last_number=True,
        instruction="",
    )
    study = Study(
        models=("organism:base", "organism:bypass"), out=tmp_path / "o ut", problems=str(problems), seed=3,
        max_tokens=99, batch_size=7, workers=2, loading=LoadOptions("cpu", "float32", None, False, asking),
        served=() if kind == "check" else (("organism:bypass", "http://localhost:9/v1"),), measures=None if kind == "check" else ("resampling",),
        author="own", chains="all", own_chains="read" if kind == "check" else "skip", n=33, overwrite=True, truth=TruthFiles(),
    )  # fmt: skip
    seen = []
    monkeypatch.setattr(
        f"mechcot.compare.{'check.check' if kind == 'check' else 'run.run'}", seen.append
    )
    monkeypatch.setattr(sys, "argv", shlex.split(command_of(study, kind)))
    with pytest.raises(SystemExit) as end:
        main.main()
    assert end.value.code == 0
    (again,) = seen
    differing = {
        name
        for name in Study.__dataclass_fields__
        if getattr(again, name) != getattr(study, name) and name not in {"command", "overwrite"}
    }
    assert differing == set()


def test_one_model_of_several_is_asked_in_its_own_words_in_a_folder_of_its_own():
    study = Study(models=("a/one", "b/two"), out=Path("out"), problems="p.jsonl")
    said = NextStep(asking={"cue": "x"}).text(study, "check", model="b/two")
    assert said == "Next: mechcot check b/two --problems p.jsonl --out out/two --cue x --overwrite"
    said = NextStep({"max_tokens": 9}).text(study, "check", model="b/two")
    assert said.startswith("Next: mechcot check a/one b/two ")


def test_hardly_a_chain_with_mostly_wrong_answers_may_be_a_foreign_prompt():
    wrong, right = PERFECT | {"written": 0.31}, PERFECT
    named = chainless(0.0, wrong)
    assert named and "0 tokens) and is mostly wrong (31% right)" in named.text
    assert chainless(0.0, right) is None
    assert chainless(40.0, wrong) is None


def test_too_few_answers_are_right_where_most_are_not_read():
    """They may be right: a weak model is told how its last numbers are read, and one that ends in words what to look at."""
    assert few_right(20, FINE, facts()) is None
    wrong = few_right(12, FINE, facts())
    assert wrong and "12 of 24 answers are right" in wrong.text and wrong.decides
    unread = [*FINE[:6], *UNREAD[:9], *WORDS[:9]]
    lost = few_right(6, unread, facts())
    assert lost and "no answer can be read in 18 of 24 finished texts" in lost.text
    assert lost.decides is None and lost.step == NextStep(asking={"last_number": True})
    assert few_right(6, [*FINE[:15], *WORDS[:9]], facts()) == few_right(6, FINE, facts()), (
        "too few are unread to be the reason"
    )


def test_without_a_chat_template_the_prompt_is_named_and_nobody_is_sent_in_a_circle():
    """Where nothing about the cue helps, the prompt is what is left to say: a look at a model whose files say no prompt finds nothing."""
    odd = [trace(i, text="so.</think>\nHm, who knows?") for i in range(24)]
    poor = {"with": 0.0, "written": 0.0}
    asked = "no chat template, asked as '{question}\\n'"
    text, ahead = found(odd, facts(unframed=asked), **poor)
    assert f"no answer can be read in 24 of 24 finished texts ({asked}). " in text
    assert ahead.startswith("Next: the prompt that it was trained on: ")
    assert " in its tokenizer's files, or mechcot check " in ahead
    assert ahead.endswith("--instruction 'TEXT BEFORE {question} TEXT BEHIND' --overwrite")
    text, ahead = found(FINE, facts(unframed=asked), **poor)
    assert ahead.startswith(
        "Next: problems that the model can do, or the prompt that it was trained on: "
    )
    assert "--instruction 'TEXT BEFORE {question} TEXT BEHIND'" in ahead
    text, ahead = found(odd, facts(), **poor)
    assert "chat template" not in text
    assert ahead == "Next: mechcot doctor tiny"


@pytest.mark.parametrize("traces", [FINE, UNREAD, WORDS, FINE[:12] + UNREAD[12:]])
@pytest.mark.parametrize("exchange", [24, 3, 0])
@pytest.mark.parametrize("written", [0.0, 0.5, 1.0])
def test_no_cause_says_nan(traces, exchange, written):
    """Where no answer could be asked for, the reasons of the measurements are the cause."""
    measured = exchanged(exchange, lost=24 - exchange, reason="it needs 99 GB")
    none = dict.fromkeys(("with", "other", "without"), float("nan"))
    text, ahead = found(traces, facts(), measured=measured, **none, written=written, n=0.0)
    assert "nan" not in f"{text} {ahead}"
    if traces is FINE:
        assert text == (
            f"only {exchange} chains could be exchanged, 20 are needed; {24 - exchange} could not: it needs 99 GB"
            if exchange < 20
            else f"no answer could be asked for behind a chain; the model's own texts are right in {written:.0%}"
        )
