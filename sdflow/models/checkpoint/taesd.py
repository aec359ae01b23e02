"""TAESD as its author gives it: a folder with two files, `taesd_encoder` and `taesd_decoder`.

Tiny autoencoder, https://github.com/madebyollin/taesd; `taesdxl_…` is the one for SDXL. Torch-free.
"""

import re

from sdflow.models.checkpoint.vae import TINY
from sdflow.models.refused import Refused
from sdflow.models.tree import Tree, join
from sdflow.models.weight_facts import bytes_of
from sdflow.values import Component, WeightFile

TAESD = "taesd"
"""What `Component.part` says of it."""
_HALF = re.compile(r"(taesd(?:xl)?)_(encoder|decoder)\.(safetensors|pth|pt)")
_NUMBERS = 2445063
"""Weights of both halves; neither file tells it without being opened, and all are alike."""


def find_taesd(tree: Tree, folder: str, dtype: str) -> Component | None:
    """The autoencoder in a folder that holds the two files, in one format; None where they are not.

    Raises:
        Refused: one of the two is missing, or there are those for SD and those for SDXL.
    """
    found = [match for name in sorted(tree.names(folder)) if (match := _HALF.fullmatch(name))]
    if not found:
        return None
    label = f"`{folder}` of {tree.label}" if folder else tree.label
    if len({match[1] for match in found}) > 1:
        hint = "Keep `taesd_…` and `taesdxl_…` in folders of their own."
        raise Refused("SDF306", f"{label} has the tiny autoencoders of SD and of SDXL", hint=hint)
    for kind in ("safetensors", "pth", "pt"):
        halves = {match[2]: match[0] for match in found if match[3] == kind}
        if len(halves) == 2:  # noqa: PLR2004  # encoder and decoder
            return _component(tree, folder, (halves["encoder"], halves["decoder"]), dtype)
    lacks = "decoder" if found[0][2] == "encoder" else "encoder"
    raise Refused("SDF306", f"{label} has no `{found[0][1]}_{lacks}` beside `{found[0][0]}`")


def _component(tree: Tree, folder: str, names: tuple[str, str], dtype: str) -> Component:
    files = tuple(
        WeightFile(name, tree.digest(join(folder, name)), tree.size(join(folder, name))) for name in names
    )
    location = tree.location(folder, frozenset(names))
    size = _NUMBERS * bytes_of(dtype)
    return Component(
        "vae", "diffusers", "AutoencoderTiny", TINY, files, dtype, _NUMBERS, size, location, part=TAESD
    )


def diffusers_name(file: str, name: str) -> str:
    """What diffusers calls a tensor of one of the two files: its decoder has no place for the first clamp."""
    number, _, rest = name.partition(".")
    half = "decoder" if "decoder" in file else "encoder"
    return f"{half}.layers.{int(number) - (half == 'decoder')}.{rest}"
