"""`writes`: what every command has that writes a file, or a folder that no other command noted as its own."""

import functools
import inspect
import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from mechcot.cli.options import Overwrite

if TYPE_CHECKING:
    from mechcot.runs.output_claims import Maker

_MODELS = {"model", "models", "base", "tuned"}
_NO_SETTINGS = {
    *("out", "overwrite", "device", "device_map", "trust_remote_code"),
    *("workers", "engine", "address", "gpus", "slurm"),
}
"""Options that decide where something runs or lies, and not what it gives."""
Given = Mapping[str, Any]
"""What a command was given, by name."""


def writes(
    command: str,
    file: Callable[[Given], Path] = lambda given: given["out"],
    *,
    of: Mapping[str, Callable[[Any], Path]] | None = None,
) -> Callable[[Callable[..., Any]], Any]:
    """Give a command `--overwrite` and the rule of `mechcot.runs.output_claims` for the file that it writes.

    Stands outside the decorators that gather options: it must see each of them.

    Args:
        command: Its name, such as `sae vector`.
        file: Gives the file; of several that are written together the last.
        of: Argument -> the file that is read of it, where it names a folder.
    """

    def run(function: Callable[..., Any], given: dict[str, Any], maker: "Maker") -> None:
        path = file(given)
        if maker.made(path):
            typer.echo(
                f"{path} is there already, made by this command with these settings; --overwrite makes it anew"
            )
            return
        new = not path.exists()
        try:
            function(**given)
        except BaseException:
            if new:  # the first of several files that were to be written together
                path.unlink(missing_ok=True)
            raise
        maker.note(path)

    return _outputs(command, run, of=of)


def makes(command: str, *, but: Collection[str] = ()) -> Callable[[Callable[..., Any]], Any]:
    """Give a command `--overwrite` and a `maker`, by which it claims its folder or asks for and notes each of its files.

    Args:
        command: Its name, such as `steer sweep`.
        but: Options that the name of a file tells.
    """

    def run(function: Callable[..., Any], given: dict[str, Any], maker: "Maker") -> None:
        function(**given, maker=maker)

    return _outputs(command, run, but=but)


def _outputs(
    command: str,
    run: Callable[[Callable[..., Any], dict[str, Any], "Maker"], None],
    *,
    of: Mapping[str, Callable[[Any], Path]] | None = None,
    but: Collection[str] = (),
) -> Callable[[Callable[..., Any]], Any]:
    """Give a command `--overwrite`, and run it by way of `run`, which gets it, what it was given and what makes its files."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(function)
        own = {n: option for n, option in signature.parameters.items() if n != "maker"}
        overwrite = inspect.Parameter(
            "overwrite", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Overwrite
        )
        options = list((own | {"overwrite": own.get("overwrite", overwrite)}).values())
        options.sort(key=lambda option: option.kind)

        @functools.wraps(function)
        def wrapper(**given: Any) -> None:
            from mechcot.runs.output_claims import Maker

            passed = {name: given[name] for name in own}
            asked = {n: value for n, value in given.items() if n not in {*_NO_SETTINGS, *but}}
            settings = functools.cache(functools.partial(_settings, asked, of or {}))
            maker = Maker(command, settings, overwrite=given["overwrite"])
            run(function, passed, maker)

        wrapper.__signature__ = signature.replace(parameters=options)  # type: ignore[attr-defined]
        wrapper.__annotations__ = {option.name: option.annotation for option in options}
        return wrapper

    return decorate


def _settings(given: Given, of: Mapping[str, Callable[[Any], Path]]) -> dict[str, Any]:
    """Whatever decides what a command writes, files by their content and models by their weights."""
    return {
        name: _known(name, of[name](value) if name in of and value is not None else value)
        for name, value in given.items()
    }


def _known(name: str, value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_known(name, part) for part in value]
    if not isinstance(value, str | Path):
        return value
    if name in _MODELS:
        from mechcot.model.loading.fingerprints import hash_spec
        from mechcot.model.loading.spec import check_spec, parse_spec

        spec = parse_spec(str(value))
        check_spec(spec)
        return [str(value), hash_spec(spec) if spec.is_local else None]
    from mechcot.core.store import digest, file_digest

    path = Path(value)
    if os.path.isfile(path):  # noqa: PTH113 - a text may be too long for a name
        return [path.name, file_digest(path)]
    if os.path.isdir(path):  # noqa: PTH112
        files = [each for each in sorted(path.rglob("*")) if each.is_file()]
        return [path.name, digest([[str(p.relative_to(path)), file_digest(p)] for p in files])]
    return str(value)
