"""Chains from elsewhere in a study: plain texts are whole, what is cut or left out is said with what to do."""

import json

import pytest

from mechcot.compare.chains import collect
from mechcot.compare.models import Models
from mechcot.compare.settings import Study
from mechcot.core.errors import UserError
from mechcot.model.loading.options import LoadOptions
from tests.compare.tiny_models import byte_tokenizer, save_tiny


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    return save_tiny(tmp_path_factory.mktemp("m") / "one", byte_tokenizer(merges=40), seed=0)


@pytest.fixture
def gathered(model, tmp_path):
    def gather(*rows, **about):
        path = tmp_path / "chains.jsonl"
        path.write_text(
            "".join(json.dumps({"id": str(i)} | row) + "\n" for i, row in enumerate(rows))
        )
        study = Study(
            models=(model, model),
            out=tmp_path / "run",
            traces=path,
            loading=LoadOptions("cpu"),
            **about,
        )
        return collect(study, Models.of(study), [])

    return gather


def asked(n: int) -> dict[str, str]:
    return {"question": f"What is {n} + 2?", "answer": str(n + 2)}


def test_plain_right_texts_are_used_beside_closed_thoughts(gathered):
    plain = asked(3) | {"completion": "3 and 2 are 5. The answer is \\boxed{5}."}
    field = asked(4) | {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "reasoning": "So 4 + 2 = 6. The answer is \\boxed{6}.", "content": None}]}  # fmt: skip
    closed = asked(5) | {"completion": "<think>5 and 2 are 7.</think>The answer is \\boxed{7}."}
    found = gathered(plain, field, closed)
    assert [trace.finished for trace in found.used] == [True] * 3


def test_what_is_cut_unread_and_wrong_is_counted_apart_and_no_length_is_asked_for(gathered):
    rows = [
        asked(3) | {"completion": "<think>3 and 2 are"},
        asked(4) | {"completion": "4 and 2 are", "finish_reason": "length"},
        asked(5) | {"completion": "Hm."},
        asked(6) | {"completion": "The answer is \\boxed{9}."},
    ]
    with pytest.raises(UserError) as error:
        gathered(*rows)
    said = str(error.value)
    assert "2 cut (a mark opens their thought and none closes it, or the file says so)" in said
    assert "1 without an answer that can be read, 1 wrong. Next: the same command" in said
    assert "--chains all" in said
    assert "--max-tokens" not in said


def test_what_is_left_out_is_said_and_the_rest_goes_on(gathered, capsys):
    sealed = asked(3) | {"reasoning_details": [{"type": "reasoning.encrypted", "data": "x"}], "content": "5"}  # fmt: skip
    found = gathered(sealed, asked(4) | {"completion": "The answer is \\boxed{6}."})
    assert len(found.used) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "1 record left out, 1 chain read" in said
    assert "is encrypted or redacted" in said
