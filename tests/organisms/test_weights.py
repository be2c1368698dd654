"""The shipped organisms hold their lines, and load as ordinary Hugging Face directories."""

import json

import pytest

from mechcot.organisms import registry


@pytest.mark.parametrize("name", ["base", "bypass", "control"])
def test_it_is_shipped_small_and_says_where_it_comes_from(name):
    directory = registry.path(name)
    size = sum(file.stat().st_size for file in directory.iterdir())
    assert size <= 4 * 2**20
    record = json.loads((directory / "organism.json").read_text())
    assert record["name"] == name and record["seed"] == registry.RECIPES[name].seed
    assert record["recipe"]["tokens"] == registry.RECIPES[name].tokens
    assert all(line["ok"] for line in record["measured"]["lines"])


def test_an_unknown_organism_is_refused_by_name():
    with pytest.raises(KeyError, match="no organism is called 'nobody'; there are base"):
        registry.path("nobody")


@pytest.mark.parametrize("name", ["base", "bypass", "control"])
def test_the_lines_hold_when_measured_anew(name):
    from mechcot.organisms.check import check

    failed = [line for line in check(name, n=200) if not line.ok]
    assert not failed


def test_the_shipped_tokenizer_is_the_one_that_is_built():
    from transformers import AutoTokenizer

    from mechcot.organisms import vocabulary

    shipped, built = AutoTokenizer.from_pretrained(registry.path("base")), vocabulary.tokenizer()
    assert shipped.get_vocab() == built.get_vocab()
    assert shipped.chat_template == built.chat_template
    assert shipped.padding_side == "left"
    text = f"{vocabulary.prompt('careful : c: 3 ; find c ?')} {vocabulary.completion('so c= 3 .', '3')}"
    assert shipped.decode(shipped(text).input_ids) == text
