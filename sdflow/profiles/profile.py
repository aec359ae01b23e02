"""What a profile can set. Each setting says itself whether it can move a pixel."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

When: TypeAlias = Literal["never", "auto", "always"]
GroupOffload: TypeAlias = Literal["never", "auto", "block", "leaf"]


class Profile(BaseModel):
    """The settings of a profile; the defaults are what holds without one."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        alias_generator=lambda name: name.replace("_", "-"),
        validate_by_name=True,
        use_attribute_docstrings=True,
        allow_inf_nan=False,
    )

    description: str = ""
    """What the profile is for, in a line."""
    decode_tiling: When = "never"
    """Decode large pictures in tiles: much less memory, slightly other pixels. auto: where the node would not fit."""
    encode_tiling: When = "never"
    """Encode large pictures in tiles: much less memory, slightly other pixels. auto: where the node would not fit."""
    decode_slicing: When = "never"
    """Decode batches item by item: less memory, slightly other pixels. auto: where the node would not fit."""
    denoise_slicing: When = "never"
    """Predict item by item, each side of the guidance by itself: less memory, slower on GPUs, slightly other pixels.
    auto: where the node would not fit."""
    weights_on_device: float = Field(0.7, ge=0, le=1)
    """How much of the device's memory weights may take; 0 keeps one component at a time. Same pixels."""
    weights_in_memory: float = Field(0.5, ge=0, le=1)
    """CUDA: how much of the host's memory weights may take that wait for their next use. Same pixels."""
    group_offload: GroupOffload = "never"
    """CUDA: keep the UNet in host memory and bring it to the GPU block by block, or leaf by leaf, in each step: much
    less memory, much slower. auto: by leaves, where the UNet is larger than the share of weights-on-device. Same
    pixels."""
    channels_last: bool = False
    """Keep the weights of UNet and VAE in the order that convolutions of many processors like best. Slightly other
    pixels."""
    fused_qkv: bool = False
    """One matrix for query, key and value in the UNet's attention. Not where LoRAs lie on it. Slightly other pixels."""
    float8_storage: bool = False
    """Keep the UNet's weights in 8 bits and compute in its precision: a quarter of float32, half of float16. Other
    pixels."""
    int8_weights: bool = False
    """Keep the weights of the UNet's linear layers as integers of 8 bits (torchao's int8 weight-only quantisation).
    Convolutions stay as they are. Other pixels."""
    compile: bool = False
    """Compile the UNet's repeated blocks, for each size anew: up to minutes before the first step, faster steps. Not
    where LoRAs lie on it. Slightly other pixels."""

    @property
    def changes(self) -> dict[str, object]:
        """What differs from having no profile, by the words of a file; without the description."""
        plain = Profile().model_dump(by_alias=True)
        return {
            name: value
            for name, value in self.model_dump(by_alias=True).items()
            if value != plain[name] and name != "description"
        }


@dataclass(frozen=True, slots=True)
class Chosen:
    """A profile, its name (of a built-in one, or the file) and where that was said: an option or a variable."""

    profile: Profile
    name: str = ""
    origin: str = ""


NONE = Chosen(Profile())
"""No profile."""

BUILT_IN = {
    "low-vram": Profile(
        description="The least memory: one component at a time, one item at a time, tiles.",
        decode_tiling="always",
        encode_tiling="always",
        decode_slicing="always",
        denoise_slicing="always",
        weights_on_device=0.0,
        group_offload="auto",
    ),
    "balanced": Profile(
        description="As without a profile where all fits; less memory where the plan says that it would not.",
        decode_tiling="auto",
        encode_tiling="auto",
        decode_slicing="auto",
        denoise_slicing="auto",
        group_offload="auto",
    ),
    "fast": Profile(
        description="The shortest time: weights stay, convolutions and attention in the order that GPUs like.",
        weights_on_device=0.9,
        weights_in_memory=0.8,
        channels_last=True,
        fused_qkv=True,
    ),
}
"""The profiles that come along, from the least memory to the shortest time."""
