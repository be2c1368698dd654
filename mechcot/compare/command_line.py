"""The command line that gives a study again, with what is changed in it: the next command that a report names."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from mechcot.compare.settings import UNTIL, Study
from mechcot.model.loading.options import LoadOptions
from mechcot.model.loading.spec import parse_spec

_DEFAULT = Study(models=(), out=Path(), problems="")
_OPTIONS: Mapping[str, str] = {
    "n": "--n",
    "measures": "--measures",
    "seed": "--seed",
    "draws": "--draws",
    "author": "--author",
    "prompt": "--prompt",
    "chains": "--chains",
    "null_reader": "--null-reader",
    "own_chains": "--own-chains",
    "max_tokens": "--max-tokens",
    "temperature": "--temperature",
    "samples": "--samples",
    "batch_size": "--batch-size",
    "workers": "--workers",
}
CHECKED = 64
"""Problems of a check that does not say how many."""
_FIXED = (
    "measures",
    "draws",
    "author",
    "prompt",
    "chains",
    "null_reader",
    "own_chains",
    "temperature",
    "samples",
)
"""What `check` sets by itself."""
_LOADING: Mapping[str, str] = {
    "device": "--device",
    "dtype": "--dtype",
    "device_map": "--device-map",
}
CommandName = Literal["check", "compare"]
_ASKING: Mapping[str, str] = {"cue": "--cue", "answer_after": "--answer-after"}


@dataclass(frozen=True)
class NextStep:
    """What to do next: settings to change, or in words what to bring where no option can help.

    Attributes:
        settings: Fields of the study, with their new values.
        asking: Fields of how answers are asked for, with their new values.
        words: What to bring; "" where the settings are all. With settings or ways of asking, they end before the command that brings it.
        doctor: Whether `mechcot doctor` is to be asked about the model, beside the words where there are some.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    asking: Mapping[str, Any] = field(default_factory=dict)
    words: str = ""
    doctor: bool = False

    def text(self, study: Study, kind: CommandName, *, model: str) -> str:
        """The next command, or the words.

        Args:
            study: The settings of the run, as they were given.
            kind: Which command it was. What is asked until it is decided is each model's own use of its chain: `check` says it, in a folder of its own.
            model: Spec of the model that it is about; `check` asks one model in words of its own in a folder of its own.
        """
        look = shlex.join(["mechcot", "doctor", model, *loading_options(study.loading)])
        if self.doctor and not self.words:
            return f"Next: {look}"
        changes = self.settings or self.asking or not self.words
        command = self._command(study, kind, model=model) if changes else ""
        said = " ".join(filter(None, (self.words, command)))
        return f"Next: {said}" + (f" ({look} shows how it is asked)" if self.doctor else "")

    def _command(self, study: Study, kind: CommandName, *, model: str) -> str:
        """The command with what changes."""
        asking = replace(study.loading.asking, **self.asking)
        loading = replace(study.loading, asking=asking)
        changed = replace(study, loading=loading, overwrite=True, **self.settings)
        if "until" in self.settings and kind == "compare":
            kind, changed = "check", replace(changed, out=study.out / "check", overwrite=False)
        if self.asking and kind == "check" and len(study.models) > 1:
            changed = replace(changed, models=(model,), out=study.out / parse_spec(model).name)
        return command_of(changed, kind)


def command_of(study: Study, kind: CommandName) -> str:
    """The command line of a study: what differs from the defaults.

    Args:
        study: The settings.
        kind: `check` or `compare`.
    """
    given = ["--problems", study.problems] if study.problems else ["--traces", str(study.traces)]
    words = ["mechcot", kind, *study.models, *given, "--out", str(study.out)]
    for name, column in study.fields:
        words += ["--field", f"{name}={column}"]
    for name in ("counterfactuals", "paraphrases", "mistakes", "kinds"):
        if (path := getattr(study.truth, name)) is not None:
            words += [f"--{name}", str(path)]
    words += [*_settings(study, kind), *study.engine.options(), *loading_options(study.loading)]
    return shlex.join([*words, *(["--overwrite"] if study.overwrite else [])])


def _settings(study: Study, kind: str) -> Iterator[str]:
    for name, option in _OPTIONS.items():
        value = getattr(study, name)
        if name == "n" and (study.until is not None or (kind, value) == ("check", CHECKED)):
            continue
        if value == getattr(_DEFAULT, name) or (kind == "check" and name in _FIXED):
            continue
        yield option
        yield (
            ",".join(value)
            if name == "measures"
            else f"{value:g}"
            if isinstance(value, float)
            else str(value)
        )
    if kind == "compare" and study.residency == "one-at-a-time":
        yield "--one-at-a-time"
    for model, address in study.served if kind == "compare" else ():
        yield "--served"
        yield f"{model}={address}"
    if study.until is not None:
        yield "--until-decided"
        yield from () if study.until == UNTIL else ("--max-n", str(study.until))


def loading_options(loading: LoadOptions) -> Iterator[str]:
    """The words of a command line that load and ask models so."""
    asking = loading.asking
    for owner, default, options in (
        (loading, _DEFAULT.loading, _LOADING),
        (asking, _DEFAULT.loading.asking, _ASKING),
    ):
        for name, option in options.items():
            if getattr(owner, name) != getattr(default, name):
                yield option
                yield escaped(str(getattr(owner, name)))
    if loading.trust_remote_code:
        yield "--trust-remote-code"
    if asking.think is not None:
        yield "--think"
        yield from ("none",) if asking.think == "none" else map(escaped, asking.think)
    if asking.instruction is not None:
        yield "--instruction"
        yield escaped(asking.instruction) or "none"
    if asking.last_number:
        yield "--read-last-number"


def escaped(text: str) -> str:
    r"""A text as the command line takes it: a line break is `\n`."""
    return text.replace("\n", "\\n")
