"""What a corpus is read from, and what is said of files that hold none."""

import json

import pandas as pd
import pytest

from mechcot.core.errors import UserError
from mechcot.memorisation.corpus import cut_to, documents, token_documents

ROWS = {
    "text": ({"text": "a b", "source": "web"}, "a b"),
    "chat": ({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": [{"type": "text", "text": "b"}]}]}, "a\nb"),
    "chain": ({"id": "1", "question": "a", "chain": "b", "answer_text": "c", "answer": "c"}, "a\nb\nc"),
    "gsm8k": ({"question": "a", "answer": "b #### c"}, "a\nb #### c"),
    "alpaca": ({"instruction": "a", "input": "", "output": "b"}, "a\nb"),
    "thought": ({"problem": "a", "reasoning_content": "b", "solution": "c"}, "a\nb\nc"),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_a_record_is_a_document(tmp_path, name):
    record, text = ROWS[name]
    file = tmp_path / "corpus.jsonl"
    file.write_text(json.dumps(record) + "\n")
    assert list(documents(file)) == [text]


def test_a_folder_holds_all_its_files_by_name(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.txt").write_text("one\n---\ntwo\n")
    pd.DataFrame({"text": ["three"]}).to_parquet(tmp_path / "b.parquet")
    (tmp_path / "c.csv").write_text("text,n\nfour,1\n")
    (tmp_path / "d.png").write_bytes(b"\x89PNG")
    (tmp_path / "deep" / "e.jsonl").write_text('{"body": {"said": "five"}, "text": ""}\n')
    texts = list(documents(tmp_path / "deep"))
    assert texts == ["one\n", "two\n", ""]
    assert [t for t in documents(tmp_path) if t][:2] == ["three", "four"]
    file = tmp_path / "deep" / "e.jsonl"
    assert list(documents(file, column="body.said")) == ["five"]


@pytest.mark.parametrize(
    ("content", "name", "sentence"),
    [
        ('{"n": 1}', "a.jsonl", r"no text in this record of the corpus; found \['n'\]; name its field with --corpus-text COLUMN"),
        ("{", "a.jsonl", "not JSON"),
        (b"\xff\xfe", "a.txt", "not UTF-8"),
        (b"PAR1xxxx", "a.parquet", "not a parquet file that can be read"),
    ],
)  # fmt: skip
def test_a_file_without_a_text_is_named(tmp_path, content, name, sentence):
    file = tmp_path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError, match=sentence) as error:
        list(documents(file))
    assert str(file) in str(error.value)


def test_what_holds_no_text_at_all_is_named(tmp_path, base):
    with pytest.raises(UserError, match=r"no file of a corpus in it; expected .txt, .md, .jsonl"):
        list(documents(tmp_path))
    (tmp_path / "a.txt").write_text("\n")
    with pytest.raises(UserError, match="no text in it; expected documents"):
        token_documents(base, tmp_path)
    with pytest.raises(UserError, match="cannot read the file"):
        list(documents(tmp_path / "none.jsonl"))


def test_other_texts_are_cut_to_the_same_size(tmp_path, base):
    (tmp_path / "a.txt").write_text("\n---\n".join(["so a= 1 .", "so b= 2 .", "so c= 3 ."]))
    parts = token_documents(base, tmp_path)
    assert [len(part) for part in parts] == [4, 4, 4]
    for size in (1, 4, 7, 12):
        assert sum(map(len, cut_to(parts, size, seed=0))) == size
    assert sum(map(len, cut_to(parts, 99, seed=0))) == 12
