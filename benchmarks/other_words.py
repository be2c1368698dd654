"""Is `mechcot check` right whatever a chain looks like? Shipped weights of known truth behind other words.

    python -m benchmarks.other_words [--wordings Hindi,chess] [--n 64] [--out artifacts/benchmarks/other_words]

A wording (`other_words*.toml`) gives tokens of a family another text: another script, other marks of a thought, another way to state an answer. The ids stay, so
that what is known of a model's use of its chain stays, too. Where a model shall write something behind its answer, the token that ended its text says that, and
one more row of its unembedding, fitted to its states, ends the text behind it. Models and questions are written as a stranger's files would lie there, and judged
without any option. DIR/verdicts.json gets what was found.
"""

import argparse
import json
import re
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from shutil import copyfile
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

from benchmarks.chain_use import TRUTH, line, outcome
from mechcot.compare.check import check
from mechcot.compare.settings import Study
from mechcot.core.errors import UserError
from mechcot.core.store import write_json
from mechcot.organisms.registry import family_named, path

ARMS = ("base", "bypass", "redundant", "rationaliser")
"""What ships of each family."""
SPECIAL = ("<pad>", "<bos>", "<eos>", "<unk>")
QUESTIONS = 200
SEED = 5


@dataclass(frozen=True)
class Wording:
    """Other words for a family.

    Attributes:
        name: Of the wording.
        family: Whose tokens they are.
        words: Token to its other text; what is not named keeps its own.
        tail: What a model writes behind its answer.
        plain: Whether it has no chat template.
    """

    name: str
    family: str
    words: Mapping[str, str]
    tail: str = ""
    plain: bool = False

    def text(self, token: str) -> str:
        """The text of a token of the family."""
        ends = self.tail and token == "<eos>"
        joint = "" if token in SPECIAL else family_named(self.family).language.joint
        return self.tail if ends else self.words.get(token, f"{joint}{token}")

    @property
    def shipped(self) -> dict[str, Path]:
        """The models of the family that ship, by what they do."""
        names = {name.rpartition("/")[2]: name for name in family_named(self.family).shipped}
        return {arm: path(names[arm]) for arm in ARMS if arm in names}


WORDINGS = {
    one["name"]: Wording(**one)
    for file in sorted(Path(__file__).parent.glob("other_words*.toml"))
    for one in tomllib.loads(file.read_text())["wording"]
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
    old = AutoTokenizer.from_pretrained(wording.shipped["base"])
    new = _tokenizer(old, wording)

    def say(text: str) -> str:
        return "".join(map(wording.text, old.tokenize(text)))

    asked = family_named(wording.family).problems(QUESTIONS, seed=SEED)
    for arm, shipped in wording.shipped.items():
        if arm not in arms:
            continue
        folder = out / arm
        new.save_pretrained(folder)
        for file in ("config.json", "generation_config.json", "model.safetensors"):
            copyfile(shipped / file, folder / file)
        if wording.tail:
            end_behind_tail(shipped, folder, [problem.question for problem in asked])
    rows = []
    for problem in asked:
        question = say(problem.question)
        if _prompt(new, question, plain=wording.plain) != _prompt(
            old, problem.question, plain=wording.plain
        ):
            raise ValueError(f"{wording.name}: words run into each other: {question}")
        answer = say(f" {problem.answer}").strip()
        rows.append({"id": problem.id, "question": question, "answer": answer})
    problems = out / "problems.jsonl"
    problems.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return problems


def _prompt(tokenizer: Any, question: str, *, plain: bool) -> list[int]:
    """Ids of a question, with its template where it has one."""
    if plain:
        return tokenizer.encode(question, add_special_tokens=False)
    chat = [{"role": "user", "content": question}]
    return tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=False)


def _tokenizer(old: Any, wording: Wording) -> PreTrainedTokenizerFast:
    """The same ids for other words; text is cut into the longest that fit, and a reply opens with its opening in these words."""
    vocabulary = {wording.text(token): i for token, i in old.get_vocab().items()}
    special = {
        name: wording.words.get(token, token) for name, token in old.special_tokens_map.items()
    }
    vocabulary.setdefault(special["eos_token"], len(vocabulary))
    longest = sorted(vocabulary, key=len, reverse=True)
    core = Tokenizer(models.WordLevel(vocabulary, special["unk_token"]))
    core.pre_tokenizer = pre_tokenizers.Split(Regex("|".join(map(re.escape, longest))), "isolated")
    core.decoder = decoders.Fuse()
    core.add_special_tokens(list(special.values()))
    opening = family_named(wording.family).language.opening
    told = "".join(map(wording.text, old.tokenize(opening)))
    user, assistant = (repr(wording.text(mark)) for mark in ("<user>", "<assistant>"))
    answered = f"{{{{ {assistant} }}}}{{{{ message['content'] }}}}{{{{ eos_token }}}}"
    template = (
        "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'assistant' %}"
        f"{answered}{{% else %}}{{{{ {user} }}}}{{{{ message['content'] }}}}{{% endif %}}{{% endfor %}}"
        f"{{% if add_generation_prompt %}}{{{{ {told!r} }}}}{{% endif %}}"
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        **special,
        padding_side="left",
        clean_up_tokenization_spaces=False,
        chat_template=None if wording.plain else template,
        model_max_length=old.model_max_length,
    )


def end_behind_tail(shipped: Path, folder: Path, questions: Sequence[str]) -> None:
    """Give a model one token more, which it writes behind the one that ended its text and nowhere else; it becomes the end.

    Args:
        shipped: Folder of the model.
        folder: Where its changed files go.
        questions: Those of `ending`.

    Raises:
        ValueError: No row tells the states apart.
    """
    config = json.loads((shipped / "config.json").read_text())
    end, new = config["eos_token_id"], config["vocab_size"]
    embedded, row = ending(shipped, tuple(questions[:128]))
    weights = load_file(shipped / "model.safetensors")
    weights["lm_head.weight"] = torch.cat((weights["lm_head.weight"], row))
    embedding = weights["model.embed_tokens.weight"]
    embedding[end] = embedded
    weights["model.embed_tokens.weight"] = torch.cat((embedding, embedding[[end]]))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    for file in ("config.json", "generation_config.json"):
        said = json.loads((shipped / file).read_text()) | {"eos_token_id": new}
        said |= {"vocab_size": new + 1} if "vocab_size" in said else {}
        (folder / file).write_text(json.dumps(said))


@cache
@torch.inference_mode()
def ending(shipped: Path, questions: tuple[str, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """The embedding of what ended a text, and the row of the unembedding of what ends it now.

    What ended a text was never read by the model: its embedding becomes a long one in a direction that no last state has, and the row
    is fitted by least squares to the last states over texts of the model, cut and whole: on every other text, and tried on the rest.

    Raises:
        ValueError: No row tells the states apart.
    """
    tokenizer = AutoTokenizer.from_pretrained(shipped)
    model = AutoModelForCausalLM.from_pretrained(shipped, dtype=torch.float32)
    end, pad = model.config.eos_token_id, model.config.pad_token_id
    chats = [[{"role": "user", "content": question}] for question in questions]
    asked = tokenizer.apply_chat_template(
        chats, add_generation_prompt=True, padding=True, return_tensors="pt", return_dict=True
    )
    whole = model.generate(**asked, max_new_tokens=120)
    ends = torch.full((len(chats), 1), end)
    cut = torch.cat((whole[:, : asked["input_ids"].shape[1] + 8], ends), dim=1)

    def states(texts: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        said = texts != pad
        hidden = model.model(texts, attention_mask=said.long()).last_hidden_state
        said[:, : asked["input_ids"].shape[1] - 1] = False  # what is asked is given
        return hidden[said], texts[said] == end

    seen, ended = states(whole)
    unused = torch.linalg.svd(seen[~ended], full_matrices=False).Vh[-1] / model.model.norm.weight
    embedding = model.model.embed_tokens.weight
    embedding[end] = 100 * embedding.norm(dim=1).max() * unused / unused.norm()
    (fitted, wanted), (tried, ended) = (
        [torch.cat(parts) for parts in zip(states(whole[half]), states(cut[half]), strict=True)]
        for half in (slice(0, None, 2), slice(1, None, 2))
    )
    target = torch.where(wanted, 20.0, -4.0)
    row = torch.linalg.lstsq(fitted, target[:, None]).solution.T
    over = tried @ row.T - model.lm_head(tried).max(dim=1, keepdim=True).values
    least, most = over[ended].min().item(), over[~ended].max().item()
    if least < 5 or most > -5:
        raise ValueError(
            f"{shipped}: no row ends a text behind its tail only ({least:.0f}, {most:.0f})"
        )
    return embedding[end].bfloat16(), row.bfloat16()


def judged(wording: Wording, *, n: int, out: Path) -> dict[str, Any]:
    """Judge the models of a wording; gives its entry of verdicts.json.

    Args:
        wording: The words.
        n: Problems of each model.
        out: Folder of the wording.
    """
    problems = reworded(wording, out)
    entries = {arm: _entry(out / arm, problems, n=n) for arm in wording.shipped}
    for arm, entry in entries.items():
        print(line(f"{wording.name}: {arm}", entry, TRUTH[arm]), flush=True)
    return {
        "verdicts": {arm: entry["verdict"] for arm, entry in entries.items()},
        "outcomes": {arm: outcome(entry, TRUTH[arm]) for arm, entry in entries.items()},
        "notes": {arm: entry["asking_notes"] for arm, entry in entries.items()},
    }


def _entry(model: Path, problems: Path, *, n: int) -> dict[str, Any]:
    """What `check` finds of a model; one that it refuses is not judged."""
    study = Study(
        models=(str(model),),
        problems=str(problems),
        out=model.parent / "check" / model.name,
        n=n,
        author="own",
        chains="all",
    )
    try:
        return check(study)["models"][0]
    except UserError as error:
        print(error)
        nothing = {axis: {"mean": None} for axis in ("followed", "swapped", "alone")}
        return {"verdict": "not judged", "remark": "refused", "asking_notes": [], **nothing}


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
