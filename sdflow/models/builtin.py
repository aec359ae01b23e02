"""Models that sdflow brings along: shipped in the package, or written on first use under the cache."""

import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

from sdflow.models.refused import Refused
from sdflow.problems import nearest


@dataclass(frozen=True, slots=True)
class Written:
    """A model that is written by code. `version` goes up whenever what is written changes."""

    version: int
    about: str
    write: Callable[[Path], object]


@dataclass(frozen=True, slots=True)
class Shipped:
    """A model that lies in the package."""

    folder: Path
    about: str


Builtin: TypeAlias = Written | Shipped
_SHIPPED = Path(__file__).parent / "shipped"


def _write_tiny(folder: Path, in_channels: int = 4) -> object:
    from sdflow.models.tiny import write_tiny  # torch is imported here, on first use, and never again

    return write_tiny(folder, in_channels=in_channels)


def _write_tiny_xl(folder: Path) -> object:
    from sdflow.models.tiny_xl import write_tiny_xl

    return write_tiny_xl(folder)


def _write_tiny_refiner(folder: Path) -> object:
    from sdflow.models.tiny_xl import write_tiny_xl

    return write_tiny_xl(folder, refiner=True)


BUILTINS: Mapping[str, Builtin] = {
    "toybox": Shipped(
        _SHIPPED / "toybox",
        "a small trained model: toys in scenes, 128×128, guidance 2; `docs/toybox.md` says what",
    ),
    "toybox-taesd": Shipped(_SHIPPED / "toybox-taesd", "a fast VAE for toybox's latents, for previews"),
    "tiny": Written(
        1, "random weights in the layout of Stable Diffusion 1.5: coloured noise, in a second", _write_tiny
    ),
    "tiny-inpaint": Written(
        1, "the same, of a model that paints into pictures", partial(_write_tiny, in_channels=9)
    ),
    "tiny-x4": Written(1, "the same, of the x4 upscaler", partial(_write_tiny, in_channels=7)),
    "tiny-xl": Written(1, "random weights in the layout of Stable Diffusion XL", _write_tiny_xl),
    "tiny-xl-refiner": Written(1, "random weights in the layout of its refiner", _write_tiny_refiner),
}


def builtin_folder(name: str, cache_root: Path, builtins: Mapping[str, Builtin] = BUILTINS) -> Path:
    """The folder of a built-in model; one that code writes is written now if it was not yet.

    Raises:
        Refused: there is no such model, or the cache cannot be written.
    """
    builtin = builtins.get(name)
    if builtin is None:
        close = nearest(name, builtins)
        listed = ", ".join(f"`builtin:{known}`" for known in builtins)
        hint = f"Did you mean `builtin:{close}`?" if close else f"There is {listed}."
        raise Refused("SDF312", f"there is no built-in model `{name}`", hint=hint)
    if isinstance(builtin, Shipped):
        return builtin.folder
    folder = cache_root / "builtin" / f"{name}-{builtin.version}"
    if not folder.is_dir():
        try:
            _write_whole(folder, builtin)
        except OSError as error:
            raise Refused("SDF302", f"`builtin:{name}` cannot be written: {error}") from error
    return folder


def _write_whole(folder: Path, builtin: Written) -> None:
    """Written beside and renamed, so that a folder of this name is always complete."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    try:
        builtin.write(temporary)
        temporary.chmod(0o755)
        try:
            temporary.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another process was first, with the same bytes
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
