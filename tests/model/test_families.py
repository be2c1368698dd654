"""Every decoder class that transformers lists: works with the parity that docs/results/families.md states, or one sentence."""

import re

import pytest

from mechcot.core.problem import Problem
from mechcot.model.internals.architecture import Writes
from mechcot.model.internals.self_test import backbone_of
from mechcot.model.reasoner import Reasoner
from tools.families import DOC, NAMES, Outcome, checkpoint, outcome, row


def said(found: Outcome) -> str:
    """The family's line in the document."""
    lines = DOC.read_text(encoding="utf-8").splitlines()
    (line,) = [line for line in lines if line.startswith(f"| {found.name} |")]
    return line


def without_numbers(line: str) -> str:
    """Differences are told to one digit, which is another on another machine."""
    return re.sub(r"\d(\.\d)?e[+-]\d+", "#", line)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_family_works_or_is_refused_in_one_sentence(name):
    found = outcome(name)
    if found.refused:
        assert "\n" not in found.refused and "Traceback" not in found.refused
    else:
        assert not found.wrong
        assert found.parity < 1e-3
        assert found.masks or found.why
    assert without_numbers(said(found)) == without_numbers(row(found))


ODD_WRITERS = (
    *("axk2", "bart", "blenderbot-small", "deepseek_v32", "deepseek_v4", "doge", "falcon_h1"),
    *("glm_moe_dsa", "hy_v4", "moshi", "openai-gpt", "plbart", "recurrent_gemma", "rwkv", "zaya"),
)
"""Families in which some way of writing is wrong."""
PLAIN_WRITERS = ("bloom", "gemma4_text", "hunyuan_v1_moe", "llama", "mixtral", "olmoe", "zamba")


@pytest.mark.slow
@pytest.mark.parametrize("name", ODD_WRITERS + PLAIN_WRITERS)
def test_a_family_writes_in_half_precision_in_the_way_in_which_it_writes_in_single(name):
    with checkpoint(name) as folder:
        single, half = (
            backbone_of(Reasoner.load(str(folder), device="cpu", dtype=dtype).model).writes
            for dtype in ("float32", "bfloat16")
        )
    assert single == half
    assert (single == Writes(cached=True, batch="padded")) == (name in PLAIN_WRITERS)


@pytest.mark.slow
@pytest.mark.parametrize("name", ODD_WRITERS + PLAIN_WRITERS)
def test_a_family_writes_to_equal_questions_side_by_side_as_to_each_alone(name):
    questions = ["What is 3 + 4?"] * 3 + ["What is 3 + 4 + 5 = x?"] * 2
    problems = [Problem(str(i), question, "1") for i, question in enumerate(questions)]
    with checkpoint(name) as folder:
        reader = Reasoner.load(str(folder), device="cpu")
        about = {"max_tokens": 10, "temperature": 1.0, "seed": 3}
        together = reader.write(problems, **about)
        assert together == [reader.write([problem], **about)[0] for problem in problems]
        assert len({trace.ids for trace in together[:3]}) > 1
