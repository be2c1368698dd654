"""Whose an output is: the same command with the same settings goes on, another one is refused unless `--overwrite` asks for it.

One rule for every command. A run's folder says whose it is in `run.json`, a file in `FILE.run.json` beside it, which also holds the
file's digest: a file that was changed by hand belongs to nobody.
"""

import errno
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mechcot.core.errors import UserError
from mechcot.core.store import file_digest, json_text, read_json, write_json

NOTE = "run.json"
_WHAT = "the settings of a run"


@contextmanager
def claimed(
    out: Path,
    command: str,
    settings: Mapping[str, Any],
    *,
    earlier: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> Iterator[None]:
    """Note in a folder which run it holds, for what is done inside; the same run goes on in it, and so does one that began before this was noted.

    What fails before it made anything leaves the folder as it was. What is refused before its folder held a report keeps the folder for its command, with
    any settings: finished items are known by their content. A report that was there stays that of the run that wrote it.

    Args:
        out: The folder; one that holds nothing but the note of a run that made nothing is anybody's.
        command: Name of the command, such as `compare`.
        settings: Whatever decides what its report says, as JSON-able data.
        earlier: The settings that another file of the folder tells, where an earlier version left no note.
        overwrite: Take the folder over: finished items that fit are used, the report is replaced.

    Raises:
        UserError: The folder holds another run.
        OSError: It cannot be written.
    """
    check_writable(out)
    note, new = out / NOTE, not out.exists()
    before = note.read_bytes() if note.is_file() else None
    there = [] if new else [each for each in out.iterdir() if each != note]
    own = _note(command, settings)
    if there and not overwrite and (before is not None or earlier is not None):
        held = _note(command, earlier or {}) if before is None else read_json(note, what=_WHAT)
        _check_same(out, held, own)
    if before != json_text(own).encode():
        write_json(note, own)
    try:
        yield
    except BaseException as error:
        reported = any(map(Path.is_file, there))
        if (isinstance(error, UserError) and reported) or not any(p != note for p in out.iterdir()):
            if before is None:
                note.unlink()
            elif note.read_bytes() != before:
                note.write_bytes(before)
            if new:
                out.rmdir()
        elif isinstance(error, UserError):
            write_json(note, _note(command, {}))
        raise


@dataclass(frozen=True)
class Maker:
    """What makes a file: a command with its settings.

    Attributes:
        command: Its name, such as `sae score`.
        settings: Gives whatever decides what stands in the file, as JSON-able data; asked only where it is needed.
        overwrite: Make it anew, whatever is there.
    """

    command: str
    settings: Callable[[], Mapping[str, Any]]
    overwrite: bool = False

    def made(self, path: Path) -> bool:
        """Return whether a file is there as this command with these settings made it.

        Raises:
            UserError: It is there and was made otherwise, or nobody noted how.
            OSError: It cannot be written.
        """
        check_writable(path.parent)
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if self.overwrite or not path.exists():
            return False
        ahead = "choose another --out, or replace it with --overwrite"
        note = _beside(path)
        held = read_json(note, what=_WHAT) if note.is_file() else {}
        if held.get("digest") != file_digest(path):
            raise UserError(f"{path} is there already, and no note says how it was made; {ahead}")
        if held.get("command") != self.command:
            made = f"`mechcot {held.get('command')}`"
            raise UserError(f"{path} is there already, made by {made}; {ahead}")
        own = _note(self.command, self.settings())
        if held.get("settings") != own["settings"]:
            other = f"other settings ({_differing(held, own)})"
            raise UserError(f"{path} is there already, made with {other}; {ahead}")
        return True

    def note(self, path: Path) -> None:
        """Note beside a file, once it is written, how it was made; without its note it does not stay.

        Raises:
            OSError: The note cannot be written.
        """
        made = {"digest": file_digest(path)}
        try:
            write_json(_beside(path), _note(self.command, self.settings()) | made)
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def claimed(self, folder: Path) -> AbstractContextManager[None]:
        """Claim the folder of a run for what is done inside, see `claimed`."""
        return claimed(folder, self.command, self.settings(), overwrite=self.overwrite)


def check_writable(folder: Path) -> None:
    """See that a folder is there or can be made, and may be written; nothing is left behind.

    Raises:
        OSError: A file stands in its place or above it, or writing is not allowed.
    """
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    code = errno.EACCES if there.is_dir() else errno.ENOTDIR
    if code == errno.ENOTDIR or not os.access(there, os.W_OK | os.X_OK):
        raise OSError(code, os.strerror(code), str(there))


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.{NOTE}")


def _note(command: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps({"command": command, "settings": settings}))


def _check_same(out: Path, held: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    """See that a folder holds this run.

    Raises:
        UserError: It does not.
    """
    if held.get("command") != own["command"]:
        raise UserError(
            f"{out} holds a run of `mechcot {held.get('command')}`; choose another --out, or add --overwrite"
        )
    if (
        held.get("settings") and held != own
    ):  # none: it was refused, or an earlier version noted none
        raise UserError(
            f"{out} holds a run with other settings ({_differing(held, own)}); choose another --out, "
            "or add --overwrite: its report is replaced, its finished items are used where they fit"
        )


def _differing(held: Mapping[str, Any], own: Mapping[str, Any]) -> str:
    """Name the settings that differ."""
    before, now = held.get("settings"), own["settings"]
    if not isinstance(before, dict):
        return "all of them"
    before, now = _with_asking(before), _with_asking(now)
    names = [n for n in sorted(before.keys() | now.keys()) if before.get(n) != now.get(n)]
    return ", ".join(n.replace("_", " ") for n in names)


def _with_asking(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """Settings in which the way of asking models stands beside the models, not among what `mechcot.runs.reader_keys.read_by` says of each."""
    models = settings.get("models")
    if not isinstance(models, list) or not all(
        isinstance(each, list) and len(each) > ASKED_AT for each in models
    ):
        return settings
    asked = sorted({str(each[ASKED_AT]) for each in models})
    rest = [[*each[:ASKED_AT], *each[ASKED_AT + 1 :]] for each in models]
    return {**settings, "models": rest, "way_of_asking": asked}


ASKED_AT = 2
"""Place of the way of asking in what is noted of a model."""
