"""The chains of a study: written by each model in fixed batches, or read from a file.

Batches are fixed by the list of problems, and a batch is written anew as a whole when one of its
chains is missing, so that a killed and resumed run gives the same text as an undisturbed one.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from tqdm.auto import tqdm

from mechcot.core.errors import UserError
from mechcot.core.problem import Completion, Problem
from mechcot.core.store import digest, trace_from_json, trace_to_json, write_json
from mechcot.core.trace import Trace
from mechcot.model.reasoner import Reasoner
from mechcot.study.makers import with_exact_kinds
from mechcot.study.models import Models
from mechcot.study.plan import Study
from mechcot.text.problems import load_problems
from mechcot.text.traces_in import ForeignChain, load_chains


def problems_of(study: Study) -> list[Problem]:
    """Load the problems of a study before any model is loaded.

    Raises:
        UserError: The file is missing or a line of it is wrong.
    """
    return load_problems(study.problems, n=study.n, seed=study.seed)


def written(study: Study, models: Models, author: str, problems: Sequence[Problem]) -> list[Trace]:
    """The chains that one model writes for the problems; those on disk are not written again."""
    folder = study.out / "traces" / models.file_name(author)
    batches = [
        problems[start : start + study.batch_size]
        for start in range(0, len(problems), study.batch_size)
    ]
    paths = [[_path(folder, study, models, author, p) for p in batch] for batch in batches]
    for batch, files in zip(
        tqdm(batches, desc=f"{author} writes", unit="batch", leave=False), paths, strict=True
    ):
        if all(path.exists() for path in files):
            continue
        traces = models.get(author).write(
            batch,
            max_tokens=study.max_tokens,
            temperature=study.temperature,
            seed=study.seed,
            batch_size=study.batch_size,
        )
        for trace, path in zip(traces, files, strict=True):
            write_json(path, trace_to_json(with_exact_kinds(trace)))
    flat = [path for files in paths for path in files]
    return [trace_from_json(json.loads(path.read_text(encoding="utf-8"))) for path in flat]


def _path(folder: Path, study: Study, models: Models, author: str, problem: Problem) -> Path:
    settings = (study.seed, study.max_tokens, study.temperature, study.batch_size, study.n)
    key = digest(problem.id, problem.question, models.weights_hash(author), study.prompt, settings)
    return folder / f"{key}.json"


def imported(study: Study, reader: Reasoner) -> list[Trace]:
    """Chains written elsewhere, cut into steps and tokens by the first model.

    Raises:
        UserError: The file is missing or a line of it is wrong.
    """
    if study.traces is None:
        msg = "expected a file of traces"
        raise UserError(msg)
    chains = load_chains(study.traces)[: study.n]
    authors = {chain.author for chain in chains}
    author = authors.pop() if len(authors) == 1 else "several authors"
    return [
        with_exact_kinds(
            reader.read(_completion(chain, reader, author), trace_id=f"{chain.problem.id}/{author}")
        )
        for chain in chains
    ]


def _completion(chain: ForeignChain, reader: Reasoner, author: str) -> Completion:
    """A foreign chain behind this reader's prompt, closed the way this reader closes a thought."""
    return Completion(
        problem=chain.problem,
        prompt=reader.render(chain.problem),
        text=f"{chain.chain}{reader.cue.close}{chain.answer}" if chain.closed else chain.chain,
        model=author,
        finished=chain.closed,
    )
