"""Models that sdflow brings along: shipped in the package, or written on first use under the cache."""

import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias

from sdflow.models.refused import Refused
from sdflow.models.shared_tree import SharedTree
from sdflow.models.tree import FolderTree, Memo, Tree
from sdflow.problems import nearest

Kind: TypeAlias = Literal[
    "model", "VAE", "ControlNet", "LoRA", "textual inversion", "upscaler", "IP-Adapter", "safety checker"
]
_NODES: Mapping[Kind, str] = {
    "model": "load-model",
    "VAE": "load-model (as its vae)",
    "ControlNet": "load-controlnet",
    "LoRA": "apply-lora",
    "textual inversion": "load-embedding",
    "upscaler": "load-upscaler",
    "IP-Adapter": "load-ip-adapter",
    "safety checker": "load-safety-checker",
}


@dataclass(frozen=True, slots=True)
class Written:
    """Something that is written by code. `version` goes up whenever what is written changes; `kind` is what it is."""

    version: int
    about: str
    write: Callable[[Path], object]
    kind: Kind = "model"


@dataclass(frozen=True, slots=True)
class Shipped:
    """A model, or something to lay on one, that lies in the package.

    `shares` are components that it has from another built-in model, by their folder; they lie in the package once.
    `kind` is what it is.
    """

    folder: Path
    about: str
    shares: Mapping[str, str] = field(default_factory=dict)
    kind: Kind = "model"


Builtin: TypeAlias = Written | Shipped
_SHIPPED = Path(__file__).parent / "shipped"


def _write_tiny(folder: Path, in_channels: int = 4) -> object:
    from sdflow.models.tiny import write_tiny  # torch is imported here, on first use, and never again

    return write_tiny(folder, in_channels=in_channels)


def _write_tiny_x2(folder: Path) -> object:
    from sdflow.models.tiny_x2 import write_tiny_x2

    return write_tiny_x2(folder)


def _write_tiny_control(folder: Path, kind: Literal["controlnet", "adapter"]) -> object:
    from sdflow.models.tiny import tiny_unet_config
    from sdflow.models.tiny_control import write_tiny_control

    return write_tiny_control(folder, tiny_unet_config(), kind)


def _write_tiny_checker(folder: Path) -> object:
    from sdflow.models.tiny_checker import write_tiny_checker

    return write_tiny_checker(folder)


def _write_tiny_xl(folder: Path) -> object:
    from sdflow.models.tiny_xl import write_tiny_xl

    return write_tiny_xl(folder)


def _write_tiny_refiner(folder: Path) -> object:
    from sdflow.models.tiny_xl import write_tiny_xl

    return write_tiny_xl(folder, refiner=True)


def _write_tiny_ip_adapter(folder: Path) -> object:
    from sdflow.models.tiny import tiny_unet_config
    from sdflow.models.tiny_ip_adapter import write_tiny_ip_adapter

    return write_tiny_ip_adapter(folder, tiny_unet_config())


BUILTINS: Mapping[str, Builtin] = {
    "toybox": Shipped(
        _SHIPPED / "toybox",
        "a small trained model: toys in scenes, 128×128, guidance 2; `docs/toybox.md` says what",
    ),
    "toybox-taesd": Shipped(
        _SHIPPED / "toybox-taesd", "a fast VAE for toybox's latents, for previews", kind="VAE"
    ),
    "toybox-inpaint": Shipped(
        _SHIPPED / "toybox-inpaint",
        "toybox for parts of a picture: it is shown the mask and what is around it",
        dict.fromkeys(("vae", "text_encoder", "tokenizer", "scheduler"), "toybox"),
    ),
    "toybox-x4": Shipped(
        _SHIPPED / "toybox-x4",
        "an upscaler: scenes of 64×64 pixels become 256×256, guidance 1",
        dict.fromkeys(("text_encoder", "tokenizer"), "toybox"),
    ),
    "toybox-canny": Shipped(
        _SHIPPED / "toybox-canny", "a ControlNet of edges for toybox, for load-controlnet", kind="ControlNet"
    ),
    "toybox-sketch": Shipped(
        _SHIPPED / "toybox-sketch", "a LoRA of pencil drawings for toybox, for apply-lora", kind="LoRA"
    ),
    "toybox-negative": Shipped(
        _SHIPPED / "toybox-negative",
        "a textual inversion of spoiled pictures for toybox's negative prompts, for load-embedding",
        kind="textual inversion",
    ),
    "tiny": Written(
        1, "random weights in the layout of Stable Diffusion 1.5: coloured noise, in a second", _write_tiny
    ),
    "tiny-inpaint": Written(
        1, "the same, of a model that paints into pictures", partial(_write_tiny, in_channels=9)
    ),
    "tiny-edit": Written(
        1, "the same, of a model that edits pictures by instructions", partial(_write_tiny, in_channels=8)
    ),
    "tiny-controlnet": Written(
        1,
        "random weights of a ControlNet for builtin:tiny",
        partial(_write_tiny_control, kind="controlnet"),
        "ControlNet",
    ),
    "tiny-t2i-adapter": Written(
        1,
        "random weights of a T2I-Adapter for builtin:tiny",
        partial(_write_tiny_control, kind="adapter"),
        "ControlNet",
    ),
    "tiny-safety-checker": Written(
        1,
        "a safety checker with random weights that flags every picture",
        _write_tiny_checker,
        "safety checker",
    ),
    "tiny-x4": Written(1, "the same, of the x4 upscaler", partial(_write_tiny, in_channels=7)),
    "tiny-x2": Written(1, "the same, of the latent upscaler", _write_tiny_x2),
    "tiny-ip-adapter": Written(
        1,
        "IP-Adapters with random weights for `builtin:tiny`, named as in h94/IP-Adapter",
        _write_tiny_ip_adapter,
        "IP-Adapter",
    ),
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


def builtin_tree(name: str, cache_root: Path, memo: Memo, builtins: Mapping[str, Builtin] = BUILTINS) -> Tree:
    """The files of a built-in model, those of other models that it shares among them.

    Raises:
        Refused: there is no such model, or the cache cannot be written.
    """
    own = FolderTree(builtin_folder(name, cache_root, builtins), memo, f"`builtin:{name}`")
    builtin = builtins[name]
    shares = builtin.shares if isinstance(builtin, Shipped) else {}
    if not shares:
        return own
    others = {it: builtin_tree(it, cache_root, memo, builtins) for it in set(shares.values())}
    return SharedTree(own, {folder: others[it] for folder, it in shares.items()})


def check_kind(name: str, *wanted: Kind, builtins: Mapping[str, Builtin] = BUILTINS) -> None:
    """Nothing, where a built-in model is unknown or of a kind that is `wanted`.

    Raises:
        Refused: it is of another kind; the hint names those that would do, and the node that takes it.
    """
    builtin = builtins.get(name)
    kind = _kind(builtin)
    if builtin is None or kind in wanted:
        return
    others = [f"`builtin:{it}`" for it, known in builtins.items() if _kind(known) in wanted]
    there = f" Of that kind there is {', '.join(others)}." if others else ""
    raise Refused(
        "SDF373",
        f"`builtin:{name}` is {'an' if kind[0] in 'AEIOUu' else 'a'} {kind}, and no {wanted[0]}",
        hint=f"It belongs to `{_NODES[kind]}`.{there}",
    )


def _kind(builtin: Builtin | None) -> Kind:
    return "model" if builtin is None else builtin.kind


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
