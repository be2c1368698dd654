"""A model writes twins, rewordings and mistakes: what it wrote is checked, counted, and read back by the files' own reader."""

import json

import pytest
from typer.testing import CliRunner

import mechcot as mc
from mechcot.cli.main import app
from mechcot.text.given_truth import GivenTwins
from mechcot.text.user_truth_files import TruthFiles
from mechcot.traces.variants_by_model import asker, prompt_of, write_truth
from tests.compare.tiny_models import byte_tokenizer, save_tiny
from tests.user_files import apples, write_lines

GOOD = "Sure!\nQuestion: Ana has 13 apples and gets 22 more. How many has she?\nReasoning: {}\n**Answer:** 35"
CHAIN = "She starts with 13 apples. She gets 22 more. 13 + 22 = 35. Wait, let me check: 35 - 22 = 13. So she has 35 apples."
LONGER = CHAIN.replace("So she", "So in the end she")
SAME = GOOD.format(CHAIN).replace("35", "33")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("writer")
    model = save_tiny(folder / "tiny", byte_tokenizer(merges=0), seed=0, context=2048)
    return model, write_lines(folder / "chains.jsonl", [apples(1)])


@pytest.fixture(scope="module")
def reader(files):
    return mc.load(files[0])


@pytest.fixture(scope="module")
def traces(files, reader):
    return mc.read_traces(files[1], reader)


def replies(*texts):
    return lambda _, attempt: texts[min(attempt, len(texts) - 1)]


def test_the_prompt_shows_question_chain_and_answer(traces):
    prompt = prompt_of("counterfactuals", traces[0])
    for part in ("Change one fact", traces[0].problem.question, "12 + 21 = 33", "Answer: 33"):
        assert part in prompt
    assert "1. She starts with 12 apples." in prompt_of("paraphrases", traces[0])


def test_a_twin_that_fits_is_patched_with(reader, traces, tmp_path):
    written = write_truth("counterfactuals", replies(GOOD.format(CHAIN)), reader, traces)
    assert written.lines == ("1 counterfactual written", "1 of 1 chain: written, and it fits")
    path = tmp_path / "twins.jsonl"
    written.save(path)
    (bound,) = TruthFiles(counterfactuals=path).bind_chains(traces)
    twin = GivenTwins()(bound, retoken=reader.retoken, seed=0)
    assert (twin.answer, twin.source) == ("35", "given")


@pytest.mark.parametrize(
    ("said", "count", "line"),
    [
        (("no idea",), 0, "1 of 1 chain: the reply could not be read"),
        (("Question: \nReasoning: x\nAnswer: 3",), 0, "1 of 1 chain: the reply could not be read"),
        ((SAME,), 0, "1 of 1 chain: left out: the answer is the same"),
        (
            (GOOD.format(LONGER),),
            1,
            "1 of 1 chain: written, but the given twin's chain has another number of tokens in a step, or other steps",
        ),
        (("no idea", SAME, GOOD.format(CHAIN)), 1, "1 of 1 chain: written, and it fits"),
    ],
)
def test_what_does_not_fit_is_asked_for_again_and_said(reader, traces, said, count, line):
    written = write_truth("counterfactuals", replies(*said), reader, traces)
    assert len(written.records) == count
    assert written.lines[1] == line


def test_steps_are_written_by_their_numbers(reader, traces):
    reply = "1. At first she has 12 apples.\n2) She gets 21 more.\nnothing\n9. No such step."
    reworded = write_truth("paraphrases", replies(reply), reader, traces).records
    assert [(row["step"], row["paraphrase"]) for row in reworded] == [
        ("She starts with 12 apples.", "At first she has 12 apples."),
        ("She gets 21 more.", "She gets 21 more."),
    ]
    wrong = write_truth("mistakes", replies(reply), reader, traces).records
    assert [row["mistake"] for row in wrong] == ["At first she has 12 apples."]


def test_any_model_can_be_asked_and_a_random_one_writes_nothing_that_is_kept(reader, traces):
    ask = asker(reader, max_tokens=8)
    assert isinstance(ask(prompt_of("mistakes", traces[0]), 0), str)
    assert write_truth("counterfactuals", ask, reader, traces, tries=2).records == ()


def test_the_command_shows_its_prompt_and_writes_lines(files, traces, tmp_path):
    model, chains = files
    out = tmp_path / "twins.jsonl"
    arguments = ["write-truth", model, "--traces", str(chains), "--out", str(out)]
    shown = CliRunner().invoke(app, [*arguments, "--show"], catch_exceptions=False)
    assert prompt_of("counterfactuals", traces[0]) in shown.output
    assert not out.exists()
    options = ["--max-tokens", "8", "--tries", "1"]
    done = CliRunner().invoke(app, [*arguments, *options], catch_exceptions=False)
    assert "0 counterfactuals written" in done.output
    assert [json.loads(line) for line in out.read_text().splitlines()] == []
