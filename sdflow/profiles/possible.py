"""What of a profile this machine can do: asked while planning, without torch."""

import os
import shutil
from collections.abc import Iterator
from importlib.util import find_spec

from sdflow.device import Device
from sdflow.problems import Problem, UserError
from sdflow.profiles.profile import Chosen

_COMPILERS = ("g++", "clang++", "c++")
"""Where CXX names none; torch looks for the first, too."""


def refuse_impossible(chosen: Chosen, device: Device) -> None:
    """Refuse a profile that this machine cannot carry out.

    Raises:
        UserError: SDF609, with every setting that is meant and its reason.
    """
    found = tuple(
        Problem("SDF609", f"the profile {chosen.name} sets {word}, and {why}", hint=f"set {word} to false")
        for word, why in _reasons(chosen, device)
    )
    if found:
        raise UserError(*found)


def idle_here(chosen: Chosen, device: Device) -> tuple[str, ...]:
    """Settings that mean nothing on this device: where weights and activations share one memory."""
    if device.type == "cuda":
        return ()
    words = ("weights-in-memory", "group-offload")
    return tuple(word for word in words if word in chosen.profile.changes)


def _reasons(chosen: Chosen, device: Device) -> Iterator[tuple[str, str]]:
    if chosen.profile.compile and (missing := _missing_for_compile(device)):
        yield "compile", missing
    if chosen.profile.float8_storage and device.type == "mps":
        yield "float8-storage", "Metal has no numbers of 8 bits"
    if chosen.profile.int8_weights and (why := _against_int8(chosen, device)):
        yield "int8-weights", why


def _against_int8(chosen: Chosen, device: Device) -> str:
    if not find_spec("torchao"):
        return "the package torchao, which quantises, is not installed (pip install 'sdflow[quantization]')"
    if chosen.profile.float8_storage:
        return "float8-storage keeps the same weights in another way"
    if device.type == "cuda" and chosen.profile.group_offload != "never":
        return "group-offload has not been tried with quantised weights"
    return "it has not been tried on Metal" if device.type == "mps" else ""


def _missing_for_compile(device: Device) -> str:
    if device.type == "mps":
        return "torch compiles for CUDA and CPUs only"
    if device.type == "cuda":
        return "" if find_spec("triton") else "the package triton, which compiles for CUDA, is not installed"
    named = os.environ.get("CXX")
    if any(map(shutil.which, (named,) if named else _COMPILERS)):
        return ""
    return f"{named or 'a C++ compiler'}, which it takes on a CPU, is not there"
