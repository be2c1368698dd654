"""Is `mechcot check` right whatever a chain looks like? Shipped weights of known truth behind other words.

    python -m benchmarks.other_words [--wordings Hindi,chess] [--n 64] [--out artifacts/benchmarks/other_words]

A wording (`other_words.toml`) gives tokens of a family another text: another script, other marks of a thought, another way to state an answer. The ids stay, so
that what is known of a model's use of its chain stays, too. Models and questions are written as a stranger's files would lie there, and judged without
any option. DIR/verdicts.json gets what was found.
"""

import argparse
import json
import re
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from benchmarks.chain_use import TRUTH, line, outcome
from mechcot.compare.check import check
from mechcot.compare.settings import Study
from mechcot.core.store import write_json
from mechcot.organisms.registry import family_named, path

ARMS = ("base", "bypass", "redundant", "rationaliser")
"""What ships of each family."""
QUESTIONS = 200
SEED = 5


@dataclass(frozen=True)
class Wording:
    """Other words for a family.

    Attributes:
        name: Of the wording.
        family: Whose tokens they are.
        words: Token to its other text; what is not named keeps its own.
    """

    name: str
    family: str
    words: Mapping[str, str]


WORDINGS = {
    one["name"]: Wording(**one)
    for one in tomllib.loads(Path(__file__).with_suffix(".toml").read_text())["wording"]
}


def reworded(wording: Wording, out: Path, *, arms: Sequence[str] = ARMS) -> Path:
    """Write the models of a family, DIR/ARM, and questions, DIR/problems.jsonl, in other words.

    Args:
        wording: The words.
        out: Folder, made if missing.
        arms: Names of its models.

    Returns:
        The file of questions.

    Raises:
        ValueError: The words run into each other: text is cut elsewhere than between them, or two tokens have one.
    """
    old = AutoTokenizer.from_pretrained(path(f"{wording.family}/base"))
    opening = family_named(wording.family).language.opening.removeprefix("<assistant>")
    new = _tokenizer(old, wording.words, opening)

    def say(text: str) -> str:
        return "".join(wording.words.get(token, token) for token in old.tokenize(text))

    for arm in arms:
        folder = out / arm
        new.save_pretrained(folder)
        for file in ("config.json", "generation_config.json", "model.safetensors"):
            copyfile(path(f"{wording.family}/{arm}") / file, folder / file)
    rows = []
    for problem in family_named(wording.family).problems(QUESTIONS, seed=SEED):
        question = say(problem.question)
        ids = old.encode(problem.question, add_special_tokens=False)
        if new.encode(question, add_special_tokens=False) != ids:
            raise ValueError(f"{wording.name}: words run into each other: {question}")
        answer = say(f" {problem.answer}").strip()
        rows.append({"id": problem.id, "question": question, "answer": answer})
    problems = out / "problems.jsonl"
    problems.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return problems


def _tokenizer(old: Any, words: Mapping[str, str], opening: str) -> PreTrainedTokenizerFast:
    """The same ids for other words; text is cut into the longest that fit, and a reply opens with its opening in these words."""
    vocabulary = {words.get(token, token): i for token, i in old.get_vocab().items()}
    longest = sorted(vocabulary, key=len, reverse=True)
    core = Tokenizer(models.WordLevel(vocabulary, old.unk_token))
    core.pre_tokenizer = pre_tokenizers.Split(Regex("|".join(map(re.escape, longest))), "isolated")
    core.decoder = decoders.Fuse()
    core.add_special_tokens([old.pad_token, old.bos_token, old.eos_token, old.unk_token])
    told = "".join(words.get(token, token) for token in old.tokenize(opening))
    template = old.chat_template.replace(repr(opening), repr(told))
    for mark in ("<user>", "<assistant>"):
        template = template.replace(mark, words.get(mark, mark))
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        **old.special_tokens_map,
        padding_side="left",
        clean_up_tokenization_spaces=False,
        chat_template=template,
        model_max_length=old.model_max_length,
    )


def judged(wording: Wording, *, n: int, out: Path) -> dict[str, Any]:
    """Judge the models of a wording; gives its entry of verdicts.json.

    Args:
        wording: The words.
        n: Problems of each model.
        out: Folder of the wording.
    """
    study = Study(
        models=tuple(str(out / arm) for arm in ARMS),
        problems=str(reworded(wording, out)),
        out=out / "check",
        n=n,
        author="own",
        chains="all",
    )
    entries = dict(zip(ARMS, check(study)["models"], strict=True))
    for arm, entry in entries.items():
        print(line(f"{wording.name}: {arm}", entry, TRUTH[arm]))
    return {
        "verdicts": {arm: entry["verdict"] for arm, entry in entries.items()},
        "outcomes": {arm: outcome(entry, TRUTH[arm]) for arm, entry in entries.items()},
        "notes": {arm: entry["asking_notes"] for arm, entry in entries.items()},
    }


def main() -> None:
    """Judge every model of every wording, and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wordings", default=",".join(WORDINGS))
    parser.add_argument("--n", type=int, default=64)
    parser.add_argument("--out", type=Path, default=Path("artifacts/benchmarks/other_words"))
    given = parser.parse_args()
    results = {
        name: judged(WORDINGS[name], n=given.n, out=given.out / name.replace(" ", "-"))
        for name in given.wordings.split(",")
    }
    counts = Counter(word for one in results.values() for word in one["outcomes"].values())
    print(", ".join(f"{counts[word]} {word}" for word in ("right", "wrong", "silent")))
    write_json(given.out / "verdicts.json", results)


if __name__ == "__main__":
    main()
