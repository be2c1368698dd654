"""What the commands of `commands.py` are given."""

import re

import pytest

from mechcot.core.store import read_traces
from tests.runs.commands import BASE, EXPERIMENT, call, write_pairs


@pytest.fixture(scope="session")
def names(models, chains, problems, dictionary_folder, tmp_path_factory) -> dict[str, str]:
    """What stands for the names in braces; made once."""
    root = tmp_path_factory.mktemp("made")
    one, two = models
    pairs, experiment, vector = root / "pairs.jsonl", root / "x.toml", root / "v.safetensors"
    write_pairs(problems, pairs)
    values = {"one": one, "two": two, "problems": problems, "pairs": pairs}
    text, shorter = EXPERIMENT.format(**values), root / "shorter.toml"
    experiment.write_text(text)
    shorter.write_text(text.replace("max_tokens = 40", "max_tokens = 30"))
    run, pruned = root / "run", root / "pruned"
    made = (
        call("steer extract", one, "--site", "resid_post.0", "--pairs", pairs, "--out", vector),
        call(
            "compare", one, two, "--traces", chains, "--n", 1, "--measures", "filler", "--out", run
        ),
        call("prune", one, "--traces", chains, "--n", 1, "--out", pruned),
    )
    assert all(code == 0 for code, _ in made), made
    item = read_traces(run / "traces.jsonl")[0].problem.id
    told = call("sae score", dictionary_folder, *BASE.split(), "--n", 4, "--out", root / "score")
    feature = re.search(r"feature +(\d+)", told[1]).group(1)
    made = {
        "experiment": experiment,
        "shorter": shorter,
        "vector": vector,
        "run": run,
        "pruned": pruned,
    }
    others = {"item": item, "feature": feature, "base": BASE, "chains": chains}
    return {
        k: str(v) for k, v in (values | made | others | {"dictionary": dictionary_folder}).items()
    }
