"""Safetensors files of others, looked at before their numbers are used."""

from pathlib import Path

from safetensors import SafetensorError, safe_open

from mechcot.core.errors import UserError


def tensor_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """The shape of every tensor in a safetensors file, by its key; no tensor is read.

    Raises:
        UserError: The file is missing or damaged, or a tensor holds something else than floating-point numbers.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    try:
        with safe_open(str(path), framework="np") as file:
            for key in file.keys():  # noqa: SIM118 - not a mapping
                part = file.get_slice(key)
                if not part.get_dtype().startswith(("F", "BF")):
                    raise UserError(
                        f"{path}: expected floating-point numbers, {key} holds {part.get_dtype()}; copy the file again."
                    )
                shapes[key] = tuple(part.get_shape())
    except (OSError, SafetensorError) as error:
        raise UserError(
            f"{path}: expected a safetensors file, it cannot be read ({error}); copy it again."
        ) from error
    return shapes
