"""Look at the files and model names that a command is given, before torch is imported: a refusal takes a second.

Each function reads what the command will read again, with the same sentences; nothing here needs a model.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from mechcot.core.errors import UserError
from mechcot.model.loading.spec import check_spec, parse_spec

FINISHED = ("summary.json", "traces.jsonl")
"""Files of a finished run."""


def check_models(texts: Sequence[str]) -> None:
    """See that models can be found; a hub name is not looked up.

    Raises:
        UserError: One has no directory, no config, no weights in safetensors.
    """
    for text in texts:
        check_spec(parse_spec(text))


def check_problems(source: str | Path | None, field: Sequence[str] | None = None) -> dict[str, str]:
    """See that a file of problems can be read; the name of a data set is not looked up.

    Args:
        source: What `--problems` names; None: nothing.
        field: The options `--field NAME=COLUMN`.

    Returns:
        The fields, for `load_problems`.

    Raises:
        UserError: It is missing, a line is wrong, a field is named and no file, or a task is spelled otherwise.
    """
    from mechcot.core.notices import print_notice
    from mechcot.text.field_names import field_options
    from mechcot.text.problems import PROBLEM_FIELDS, TASK_NAMES, is_file, load_problems

    fields = field_options(field or [], PROBLEM_FIELDS)
    if fields and source is None:
        raise UserError("--field names a column of a file of problems; give --problems FILE too")
    if str(source) in TASK_NAMES:
        if fields:
            raise UserError(f"{source} is a task: it has no columns to name with --field")
        if Path(str(source)).exists():
            print_notice(f"{source} is taken for the task of that name; the file is ./{source}")
    elif source is not None and is_file(source):
        load_problems(source, fields=fields, taken=False)
    return fields


def check_traces(
    path: Path | None,
    field: Sequence[str] | None = None,
    *,
    think: Sequence[str] | None = None,
) -> dict[str, str]:
    """See that a file of chains can be read, mechcot's own or written elsewhere.

    Args:
        path: What `--traces` names; None: nothing.
        field: The options `--field NAME=COLUMN`.
        think: What `--think` says.

    Returns:
        The fields, for `read_given`.

    Raises:
        UserError: It is missing, or a line is wrong.
    """
    from mechcot.core.store import read_traces
    from mechcot.text.field_names import field_options
    from mechcot.text.records import records
    from mechcot.traces.external import read_given

    fields = field_options(field or [])
    if path is None:
        return fields
    first = next(iter(records(path)), None)
    if not fields and first is not None and {"schema", "ids", "steps"} <= first[2].keys():
        read_traces(path)
    else:
        read_given(path, fields=fields, think=think)
    return fields


def check_chains(
    problems: str | Path | None,
    traces: Path | None,
    field: Sequence[str] | None,
    *,
    think: Sequence[str] | None,
) -> dict[str, str]:
    """See that the problems, or the chains that stand in their place, can be read; gives the fields of the file.

    Args:
        problems: What `--problems` names; None: nothing.
        traces: What `--traces` names; None: nothing.
        field: The options `--field NAME=COLUMN`.
        think: What `--think` says.

    Raises:
        UserError: Both are given, or one cannot be read.
    """
    if traces is None:
        return check_problems(problems, field)
    if problems is not None:
        raise UserError("--traces holds chains and their problems; leave --problems out")
    return check_traces(traces, field, think=think)


def check_pairs(path: Path | None) -> None:
    """See that a file of contrastive pairs has its fields.

    Raises:
        UserError: It is missing, or a line is wrong.
    """
    from mechcot.text.json_lines import json_lines, text_field

    for line, record in json_lines(path) if path is not None else ():
        for key in ("id", "positive", "negative"):
            text_field(record, key, where=f"{path}, line {line}")


def check_experiment(path: Path) -> None:
    """See that an experiment is a file of TOML.

    Raises:
        UserError: It is not.
    """
    from mechcot.core.store import read_toml

    read_toml(path, what="an experiment", examples="experiments/")


def check_vector(path: Path) -> None:
    """See that a file holds tensors, one of them a direction.

    Raises:
        UserError: It does not.
    """
    try:
        with path.open("rb") as file:
            head = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        names = set(head)
    except (OSError, ValueError, MemoryError, OverflowError, TypeError) as error:
        raise UserError(
            f"expected a vector in {path}, but it cannot be read ({error}); make one with `mechcot steer extract`"
        ) from None
    if "direction" not in names:
        raise UserError(f"{path} is no steering vector; make one with `mechcot steer extract`")


def check_dictionary(source: str | Path) -> None:
    """See that a dictionary is a folder with its files, or might be RELEASE/ID.

    Raises:
        UserError: It is neither.
    """
    folder, parts = Path(source), str(source).split("/")
    if folder.exists() and not (folder / "cfg.json").is_file():
        raise UserError(
            f"{source}: expected cfg.json and sae_weights.safetensors, as SAE-Lens and `mechcot sae train` write them"
        )
    if not folder.exists() and (len(parts) < 2 or parts[0] in {"", ".", "..", "~"}):
        raise UserError(
            f"{source}: neither a folder with a dictionary nor RELEASE/ID of a release that SAE-Lens knows; "
            "`mechcot sae train BEFORE AFTER --site SITE --out DIR` makes one"
        )


def check_run(folder: Path) -> None:
    """See that a folder holds a finished run.

    Raises:
        UserError: It does not.
    """
    if not all((folder / name).is_file() for name in FINISHED):
        raise UserError(
            f"{folder}: expected the folder of a finished `mechcot compare` ({', '.join(FINISHED)}); run it first"
        )
