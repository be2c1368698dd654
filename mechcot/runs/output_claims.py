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


def claim(
    out: Path,
    command: str,
    settings: Mapping[str, Any],
    *,
    earlier: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> None:
    """Note in a folder which run it holds; the same run goes on in it, and so does one that began before this was noted.

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
    path, own = out / NOTE, _note(command, settings)
    there = path.is_file() or earlier is not None
    if there and not overwrite and any(each.name != NOTE for each in out.iterdir()):
        held = read_json(path, what=_WHAT) if path.is_file() else _note(command, earlier or {})
        if held.get("command") != command:
            raise UserError(
                f"{out} holds a run of `mechcot {held.get('command')}`; choose another --out, or add --overwrite"
            )
        if held.get("settings") and held != own:  # earlier versions noted none for some commands
            raise UserError(
                f"{out} holds a run with other settings ({_differing(held, own)}); choose another --out, "
                "or add --overwrite: its report is replaced, its finished items are used where they fit"
            )
    if not path.is_file() or path.read_bytes() != json_text(own).encode():
        write_json(path, own)


@contextmanager
def claimed(
    out: Path, command: str, settings: Mapping[str, Any], *, overwrite: bool = False
) -> Iterator[None]:
    """Claim a folder for what is done inside; where that fails before it made anything, the folder is left as it was.

    Where it is refused before it wrote a report, the folder stays the command's, and is free for other settings: items are known by their content. A report that was
    there stays that of the run that wrote it.

    Args:
        out: See `claim`, as for the others.
        command: Name of the command.
        settings: Whatever decides what its report says.
        overwrite: Take the folder over.

    Raises:
        UserError: The folder holds another run.
        OSError: It cannot be written.
    """
    note, new = out / NOTE, not out.exists()
    before = note.read_bytes() if note.is_file() else None
    claim(out, command, settings, overwrite=overwrite)
    try:
        yield
    except BaseException as error:
        made = [each for each in out.iterdir() if each != note]
        refused = isinstance(error, UserError)
        if not made or (refused and before is not None and any(map(Path.is_file, made))):
            note.unlink()
            if before is not None:
                note.write_bytes(before)
            elif new:
                out.rmdir()
        elif refused and not any(map(Path.is_file, made)):
            write_json(note, _note(command, {}))
        raise


@contextmanager
def freed_if_refused(out: Path) -> Iterator[None]:
    """Free a folder that is claimed inside by `claim` for other settings, where it is refused before it wrote a report; see `claimed`."""
    note = out / NOTE
    before = note.read_bytes() if note.is_file() else None
    try:
        yield
    except UserError:
        claimed_here = note.is_file() and note.read_bytes() != before
        if claimed_here and not any(each.is_file() for each in out.iterdir() if each != note):
            write_json(note, _note(read_json(note, what=_WHAT)["command"], {}))
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
        except OSError:
            path.unlink()
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


def _differing(held: Mapping[str, Any], own: Mapping[str, Any]) -> str:
    """Name the settings that differ."""
    before, now = held.get("settings"), own["settings"]
    if not isinstance(before, dict):
        return "all of them"
    names = [n for n in sorted(before.keys() | now.keys()) if before.get(n) != now.get(n)]
    return ", ".join(n.replace("_", " ") for n in names)
