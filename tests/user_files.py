"""Files as a user brings them: word problems with chains of many shapes, none of them of the shipped task."""

import json
from pathlib import Path

from tests.compare.tiny_models import byte_tokenizer, save_tiny


def apples(i: int) -> dict[str, str]:
    """A word problem of two operations with a chain that adds, checks and concludes; all numbers have two digits."""
    own, given = 11 + i, 20 + i
    total = own + given
    return {
        "id": f"apples-{i}",
        "question": f"Ana has {own} apples and gets {given} more. How many has she?",
        "chain": f"She starts with {own} apples. She gets {given} more. {own} + {given} = {total}. "
        f"Wait, let me check: {total} - {given} = {own}. So she has {total} apples.",
        "answer_text": f"\nThe answer is {total}",
        "answer": str(total),
    }


SHAPES = [
    {
        "id": "choice",
        "question": "Which of these floats on water: (A) iron, (B) cork, or (C) lead?",
        "chain": "Iron is denser than water, so A sinks. Lead is denser still. That leaves cork, which is option B.",
        "answer_text": "\nThe answer is (B)",
        "answer": "B",
    },
    {
        "id": "deutsch",
        "question": "Tom hat 12 Murmeln und verliert 5. Wie viele bleiben ihm?",
        "chain": "Am Anfang sind es 12 Murmeln. Davon gehen 5 verloren. 12 - 5 = 7. Also bleiben ihm 7 Murmeln.",
        "answer_text": "\nThe answer is 7",
        "answer": "7",
    },
    {
        "id": "one-step",
        "question": "What is 30 + 12?",
        "chain": "30 + 12 = 42.",
        "answer_text": "\nThe answer is 42",
        "answer": "42",
    },
    {
        "id": "words",
        "question": "Which planet is closest to the sun?",
        "chain": "Venus is second. Mercury goes round faster, so it is closer. That makes it Mercury.",
        "answer_text": "\nThe answer is Mercury",
        "answer": "Mercury",
    },
]
EMPTY = {
    "id": "empty",
    "question": "What is 2 + 2?",
    "chain": "",
    "answer_text": "\nThe answer is 4",
    "answer": "4",
}


def write_lines(path: Path, rows: list[dict[str, str]]) -> Path:
    """Write rows as JSON lines."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return path


def problems_file(folder: Path, n: int) -> Path:
    """A file of problems without chains."""
    rows = [{k: apples(i)[k] for k in ("id", "question", "answer")} for i in range(n)]
    return write_lines(folder / "problems.jsonl", rows)


def traces_file(folder: Path, n: int) -> Path:
    """A file of chains: `n` sums, every other shape, and one without a chain."""
    return write_lines(folder / "chains.jsonl", [*map(apples, range(n)), *SHAPES, EMPTY])


def checkpoints(folder: Path, *names: str) -> list[str]:
    """Random checkpoints that speak bytes, on disk, to be loaded like anybody's."""
    tokenizer = byte_tokenizer(merges=0)
    return [
        save_tiny(folder / name, tokenizer, seed=seed, context=512)
        for seed, name in enumerate(names)
    ]
