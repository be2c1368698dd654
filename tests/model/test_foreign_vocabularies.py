"""Tokenizers of other kinds: which cue is chosen, that a trace is its own view, that answers of several words are read whole."""

from collections.abc import Callable
from typing import Any

import pytest
from transformers import AutoConfig

from mechcot import doctor
from mechcot.core.errors import NotMeasurable, UserError
from mechcot.core.problem import Completion, Problem
from mechcot.model.asking_options import Asking
from mechcot.model.generation.ask_answer import read_continuation
from mechcot.model.generation.write_traces import completion
from mechcot.model.internals.sample_texts import knows, spelled
from mechcot.model.loading.spec import parse_spec
from mechcot.model.loading.weights import load_tokenizer
from mechcot.model.prompts import policy_of
from mechcot.model.reasoner import Reasoner
from mechcot.text.stated_value import said_after
from mechcot.traces.bind import read_chain
from mechcot.traces.foreign_chain import ForeignChain
from tests.model.conftest import make_model
from tests.model.foreign_vocabularies import (
    THINK,
    TURN,
    WORDS,
    byte_level,
    metaspace,
    unigram,
    word_level,
)

OPENS = TURN.replace("OPEN", " <think>")
KINDS: dict[str, Callable[[], Any]] = {
    "words": word_level,
    "words, none unknown": lambda: word_level(unknown=False),
    "words, no template": lambda: word_level(unknown=False, template=None),
    "words, thought": lambda: word_level(special=THINK, template=OPENS),
    "words, model opens": lambda: word_level(special=THINK),
    "bytes": byte_level,
    "bytes, space in front": lambda: byte_level(prefix=True),
    "bytes, space in front, model opens": lambda: byte_level(
        prefix=True, template=TURN.replace("OPEN", "")
    ),
    "bytes, token in front": lambda: byte_level(bos=True),
    "metaspace always": lambda: metaspace("always"),
    "metaspace first": lambda: metaspace("first"),
    "metaspace never": lambda: metaspace("never"),
    "unigram": unigram,
}


def reader_of(tokenizer: Any, **about: Any) -> Reasoner:
    model = make_model("llama", d_vocab=len(tokenizer))
    return Reasoner.of(model, tokenizer, name="m", **about)


def texts(kind: str) -> tuple[Problem, str, str]:
    if kind.startswith("words"):
        problem = Problem("q", "the red fox sees", "big dog")
        return problem, "the fox walks . so the dog runs .", "the answer is big dog ."
    problem = Problem("q", "What is 3 + 4?", "7")
    return problem, "First we add 3 and 4. So the sum is 7.", "The answer is \\boxed{7}."


@pytest.mark.parametrize("kind", KINDS)
def test_the_view_of_a_trace_by_its_own_reader_is_that_trace(kind):
    reader = reader_of(KINDS[kind]())
    problem, chain, answer = texts(kind)
    trace = read_chain(reader, ForeignChain(problem, chain, answer))
    assert reader.view(trace).ids == trace.ids
    assert trace.answer.text == problem.answer
    prompt = reader.encode(reader.render(problem))
    new = reader.continue_ids(f"{reader.policy.opening} {chain} {reader.policy.closing} {answer}")
    written = reader.read(completion(reader, problem, prompt, new, finished=True))
    assert reader.view(written).ids == written.ids == (*prompt, *new)
    (own,) = reader.write([problem], max_tokens=20)
    assert reader.view(own).ids == own.ids


@pytest.mark.parametrize("kind", KINDS)
def test_doctor_finds_nothing_wrong_and_speaks_the_models_words(kind, monkeypatch):
    names = ("prompt", "answer", "tokenizer")
    monkeypatch.setattr(doctor, "CHECKS", {name: doctor.CHECKS[name] for name in names})
    reader = reader_of(KINDS[kind]())
    lines = {line.name: line for line in doctor.checks(reader)}
    assert all(line.ok for line in lines.values()), [str(line) for line in lines.values()]
    if kind.startswith("words"):
        assert "an answer 'red green' put behind" in lines["answer"].text
        assert "tried on" in lines["tokenizer"].text
        assert "red green" in lines["tokenizer"].text
        assert "apples" not in "".join(map(str, lines.values()))


def test_only_the_file_makes_an_organism():
    made = policy_of(word_level(), owner="m")
    assert made.family == "chat"
    assert policy_of(word_level(), owner="m", spaced=True).family == "spaced"


@pytest.mark.parametrize(
    ("words", "cue"),
    [
        (WORDS, " the answer is"),
        (tuple(word for word in WORDS if word not in {"the", "is"}), " answer :"),
        (("red", "fox", "answer"), " answer"),
        (("red", "fox", "result", ":"), " result :"),
    ],
)
def test_the_cue_is_the_first_candidate_that_the_tokenizer_spells(words, cue):
    for unknown in (True, False):
        assert policy_of(word_level(words, unknown=unknown), owner="m").cue.text == cue


def test_no_candidate_is_one_sentence_that_names_the_option():
    tokenizer = word_level(("red", "fox"), unknown=False)
    with pytest.raises(UserError, match=r"m: its tokenizer can spell none of .*--cue TEXT"):
        policy_of(tokenizer, owner="m")
    assert policy_of(tokenizer, owner="m", asking=Asking(cue=" red")).cue.text == " red"


@pytest.mark.parametrize(
    ("ask", "behind"),
    [
        ("So **", "**."),
        ("<answer>", "</answer>"),
        ("is {", "} now"),
        ("is {answer} that", " that she has, that"),
        ("is {answer}.", ". with the chain, tin. b lift"),
        ("is {answer}.", "."),
        ("is {answer}.", "\nNext one. It"),
        ("is", "</think>\n\nred hen"),
    ],
)
def test_an_answer_ends_where_its_cue_closes(ask, behind):
    asking = Asking(cue=f" {ask}", think=("<think>", "</think>"))
    reader = reader_of(byte_level(), asking=asking)
    ids = reader.encode("red hen")
    read = read_continuation(reader, (*ids, *reader.encode(behind)))
    assert (read[0], read[1].text) == (tuple(ids), "red hen")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("red hen. It has a nest. So", "red hen."),
        ("\nred hen\nNext one", "red hen"),
        ("3.5 kg. Because it", "3.5 kg."),
        ("St. Anna. It lies north.", "St. Anna."),
        ("red hen", "red hen"),
    ],
)
def test_an_answer_behind_a_cue_of_words_ends_with_its_sentence(written, read):
    reader = reader_of(byte_level(), asking=Asking(cue=" The answer is"))
    ids, answer = read_continuation(reader, reader.encode(written))
    assert answer.text == read
    assert reader.decode(ids).strip() == read


@pytest.mark.parametrize("value", ["3.5", "a.b", "1,000", "10:45", "e.g.x", "-7"])
@pytest.mark.parametrize("mark", [".", ",", "!", ":", " ."])
def test_a_mark_of_a_sentence_ends_no_value_that_has_it_inside(value, mark):
    """Asked and written answers end at the same place: the first mark with white space or nothing behind."""
    reader = reader_of(byte_level(), asking=Asking(cue=f" is {{answer}}{mark}"))
    for behind in (mark, f"{mark} with the chain, tin{mark} b"):
        ids = (*reader.encode(value), *reader.encode(behind))
        assert read_continuation(reader, ids)[1].text == value
        assert said_after(f"It is {value}{behind}", f"is {{answer}}{mark}").text == value


def test_an_answer_of_several_words_is_read_whole_where_it_is_asked_and_where_it_is_written():
    reader = reader_of(word_level())
    ids = reader.answer_ids("small green hen")
    assert reader.decode(ids) == "small green hen"
    assert read_continuation(reader, (*ids, *reader.stop_ids))[1].text == "small green hen"
    problem, chain, _ = texts("words")
    trace = read_chain(reader, ForeignChain(problem, chain, "the answer is small green hen ."))
    assert trace.answer.text == "small green hen"


@pytest.mark.parametrize(
    ("asking", "written", "read"),
    [
        (Asking(answer_after="sees"), "the dog sees big fox .", "big fox"),
        (Asking(answer_after="sees"), "the answer is big fox .", None),
        (Asking(cue=" so the fox sees"), "so the fox sees red hen", "red hen"),
        (Asking(cue=" so the fox sees"), "the answer is red hen .", "red hen"),
        (Asking(), "the dog sees big fox .", None),
    ],
)
def test_what_the_user_says_decides_what_a_written_answer_is(asking, written, read):
    reader = reader_of(word_level(), asking=asking)
    problem, chain, _ = texts("words")
    trace = read_chain(reader, ForeignChain(problem, chain, written))
    assert trace.answer.text == read


def test_the_last_number_is_read_only_where_the_user_says_so():
    text = "First we add 3 and 4. So the sum is 7."
    problem = Problem("q", "What is 3 + 4?", "7")
    for asking, read in ((Asking(), None), (Asking(last_number=True), "7")):
        reader = reader_of(byte_level(special=(), template=None), asking=asking)
        trace = reader.read(Completion(problem, reader.render(problem), text, "m"))
        assert trace.answer.text == read


@pytest.mark.parametrize("kind", ["bytes", "metaspace first", "metaspace never"])
@pytest.mark.parametrize("place", ["start", "middle", "end"])
def test_bytes_that_are_no_character_do_not_stop_the_reading(kind, place):
    reader = reader_of(KINDS[kind]())
    tokenizer = reader.tokenizer
    lone = [tokenizer.convert_tokens_to_ids("<0xE2>" if kind.startswith("meta") else "\u00e2")] * 3
    before, after = reader.continue_ids("First we add. "), reader.continue_ids("So it is 7.")
    new = {
        "start": [*lone, *before, *after],
        "middle": [*before, *lone, *after],
        "end": [*before, *after, *lone],
    }[place]
    problem = Problem("q", "What is 3 + 4?", "7")
    prompt = reader.encode(reader.render(problem))
    trace = reader.read(completion(reader, problem, prompt, new, finished=True))
    assert trace.ids == (*prompt, *new)
    assert "".join(step.text for step in trace.steps) == trace.completion
    assert [step.tokens.stop for step in trace.steps][-1] == len(trace.ids)
    assert reader.view(trace).ids == trace.ids


def test_a_text_that_a_vocabulary_cannot_hold_is_no_crash():
    reader = reader_of(word_level(unknown=False))
    with pytest.raises(NotMeasurable, match="the tokenizer cannot encode 'the owl'"):
        reader.encode("the owl")
    assert knows(reader.tokenizer, "the fox")
    assert not knows(reader.tokenizer, "the owl")
    assert spelled(reader.tokenizer, "the fox", words=3) == "the fox"
    assert spelled(reader.tokenizer, "the owl", words=3) == "red green blue"


@pytest.mark.parametrize("model_type", ["qwen2", "llama", "gpt2", "deepseek_v3"])
def test_a_tokenizer_file_is_read_as_it_stands_whatever_the_model_type_is_used_to(
    model_type, tmp_path
):
    made = word_level()
    made.save_pretrained(tmp_path)
    AutoConfig.for_model(model_type).save_pretrained(tmp_path)
    own = load_tokenizer(parse_spec(str(tmp_path)), trust_remote_code=False)
    text = "the red fox sees the big dog ."
    assert own.encode(text) == made.encode(text)
    assert own.decode(own.encode(text)) == text


def test_a_text_that_says_but_its_answer_has_no_chain():
    problem, chains = Problem("q", "the red fox sees the big dog", "red"), {}
    for cue in (None, "so the"):
        reader = reader_of(word_level(), asking=Asking(cue=cue))
        prompt = reader.encode(reader.render(problem))
        for text in ("red", "red .", "so the red", "the fox walks . so the red"):
            ids = reader.continue_ids(text)
            trace = reader.read(completion(reader, problem, prompt, ids, finished=True))
            assert trace.answer.text == "red"
            chains[cue, text] = " ".join(step.text.strip() for step in trace.chain_steps)
    assert chains[None, "red"] == chains[None, "red ."] == chains["so the", "so the red"] == ""
    assert chains[None, "so the red"] == "so the red"
    assert chains["so the", "the fox walks . so the red"] == "the fox walks ."


def test_doctor_names_the_option_for_a_prompt_that_no_file_says():
    bare = reader_of(byte_level(template=None))
    said = str(doctor._line("prompt", doctor.CHECKS["prompt"](bare)))
    assert "mechcot doctor m --instruction 'TEXT BEFORE {question} TEXT BEHIND'" in said
    for told in (
        reader_of(byte_level(template=None), asking=Asking(instruction="Q: {question}")),
        reader_of(byte_level()),
    ):
        assert "--instruction" not in str(doctor._line("prompt", doctor.CHECKS["prompt"](told)))
