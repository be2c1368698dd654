"""`python -m benchmarks.answers FOLDER [--list]`: read the answer of every text that has a reference, and judge it.

FOLDER holds the public samples that the tests read too (`gsm8k`, `r1_math500_traces`, `thought_anchors_com`, `prmbench`, `mr_gsm8k`,
`big_bench_mistake`, `fur_mistakes`). The reference is the answer that the text is said to give where a source says it, the right answer otherwise; sources without
one are only read. `--list` prints what was judged different, for the eye.
"""

import csv
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from mechcot.text.answers import read_answer, same_answer


class Text(NamedTuple):
    """A text, the answer that it should give (None: unknown), and whether a label says that it gives it."""

    source: str
    text: str
    reference: str | None
    label: bool | None = None


def texts(folder: Path) -> Iterator[Text]:
    """Every text of the samples."""
    yield from _gsm8k(folder / "gsm8k")
    yield from _r1(folder / "r1_math500_traces")
    for row in _rows(folder / "thought_anchors_com" / "traces.jsonl"):
        label = {"correct": True, "incorrect": False}.get(row["base_solution"])
        yield Text(
            "thought anchors", "<think>" + row["solution"], row["problem"].get("gt_answer"), label
        )
    for row in _rows(folder / "prmbench" / "qwq_correct_solutions_sample.jsonl"):
        yield Text("prmbench, QwQ", row["original_response"], row["ground_truth"], label=True)
        yield Text(
            "prmbench, short", "\n".join(row["original_process"]), row["ground_truth"], label=True
        )
    for row in _rows(folder / "prmbench" / "error_sample.jsonl"):
        for part in ("original_process", "modified_process"):
            yield Text("prmbench, errors", "\n".join(row[part]).replace("\\n\\n", "\n\n"), None)
    for row in _rows(folder / "mr_gsm8k" / "sample.jsonl"):
        yield Text(
            "mr_gsm8k",
            "\n".join(row["model_output_steps"]),
            row["ground_truth_answer"],
            label=False,
        )
        yield Text(
            "mr_gsm8k, solutions",
            row["ground_truth_solution"],
            row["ground_truth_answer"],
            label=True,
        )
    for row in _rows(folder / "big_bench_mistake" / "sample.jsonl"):
        yield Text(
            f"big bench, {row['task'].split('_')[0]}",
            "\n".join(row["steps"]),
            row["answer"],
            label=True,
        )
    yield from _fur(folder / "fur_mistakes")


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    if path.exists():
        yield from map(json.loads, path.read_text(encoding="utf-8").splitlines())


def _gsm8k(folder: Path) -> Iterator[Text]:
    for row in _rows(folder / "example_model_solutions_first80.jsonl"):
        gold = row["ground_truth"].rsplit("A:", 1)[1].strip()
        for solution in (value for value in row.values() if isinstance(value, dict)):
            yield Text("gsm8k, four models", solution["solution"], gold, solution["is_correct"])
            plain = solution["solution"].rsplit("\nA:", 1)[0]
            yield Text("gsm8k, without the closing", plain, gold, solution["is_correct"])
    for row in _rows(folder / "test_first400.jsonl"):
        yield Text(
            "gsm8k, solutions",
            row["answer"],
            row["answer"].rsplit("####", 1)[1].strip(),
            label=True,
        )


def _r1(folder: Path) -> Iterator[Text]:
    for path in sorted(folder.glob("*.jsonl")):
        for row in _rows(path):
            written = row["answer_text"]
            text = f"<think>{row['reasoning_trace']}" + (f"</think>{written}" if written else "")
            yield Text("R1 traces", text, row["ground_truth"])
            if written:
                yield Text("R1 answers alone", written, row["ground_truth"])


def _fur(folder: Path) -> Iterator[Text]:
    path = folder / "human_step_support_study.csv"
    if path.exists():
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                letter = chr(ord("A") + int(row["predicted_answer"]))
                yield Text("fur, choices", row["segmented_cot"].replace("||", "\n"), letter)
    for row in _rows(folder / "mistake_steps_sample.jsonl"):
        yield Text("fur, mistakes", "\n".join(row["segmented_cot"]), None)


def main() -> None:
    """Print the table."""
    counts: dict[str, Counter[str]] = {}
    for each in texts(Path(sys.argv[1])):
        answer = read_answer(each.text)
        count = counts.setdefault(each.source, Counter())
        count["texts"] += 1
        count["read"] += answer.text is not None
        count[f"by {answer.how}"] += 1
        right = each.reference is not None and same_answer(answer.text, str(each.reference))
        if each.reference is not None and answer.text is not None:
            count["right" if right else "wrong"] += 1
            count["against the label"] += each.label is not None and right != each.label
        if "--list" in sys.argv:
            end = re.sub(r"\s+", " ", each.text[-150:])
            print(
                json.dumps(
                    [each.source, answer.text, answer.how, each.reference, right, each.label, end],
                    ensure_ascii=False,
                )
            )
    columns = ("texts", "read", "right", "wrong", "against the label")
    print("| source | " + " | ".join(columns) + " | by rule |")
    print("|---|" + "---|" * (len(columns) + 1))
    for source, count in counts.items():
        rules = ", ".join(f"{k[3:]} {v}" for k, v in count.most_common() if k.startswith("by "))
        print(f"| {source} | " + " | ".join(str(count[c]) for c in columns) + f" | {rules} |")


if __name__ == "__main__":
    main()
