"""What a recipe asks for when it names a model."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

ROLES = (
    "tokenizer",
    "tokenizer_2",
    "text_encoder",
    "text_encoder_2",
    "unet",
    "vae",
    "scheduler",
    "low_res_scheduler",
)
"""The components of Stable Diffusion models, named as in `model_index.json`; no family has all."""

WEIGHTED = ("text_encoder", "text_encoder_2", "unet", "vae")
"""The components that have weights."""

Dtype: TypeAlias = Literal["auto", "float32", "float16", "bfloat16"]


@dataclass(frozen=True, slots=True)
class PartRequest:
    """A place to take something from: a source as written, and for a hub id its branch, tag or commit.

    `variant` picks `….fp16.safetensors` and the like; `subfolder` is a folder inside the source, `file` one file
    in it; `sha256` is what that file must have. `config` is where the configuration of a single file comes from (a
    folder or a hub id), `prediction_type` what its UNet predicts.
    """

    source: str
    revision: str | None = None
    variant: str | None = None
    subfolder: str | None = None
    file: str | None = None
    sha256: str | None = None
    config: str | None = None
    prediction_type: str | None = None


@dataclass(frozen=True, slots=True)
class AdapterRequest:
    """A file that is laid on a model: a source, and for a folder or a hub id the `file` in it.

    `file` is what diffusers calls `weight_name`; `sha256` is what the file must have.
    """

    kind: Literal["lora", "embedding", "upscaler", "ip-adapter"]
    source: str
    file: str | None = None
    revision: str | None = None
    subfolder: str | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class ComponentRequest:
    """A component that is no part of a model, such as an image encoder: its role, and where it comes from.

    `field` is the field of the node that holds the place, and empty where the node's own fields do. `beside` is a
    folder beside the file that `place` names, in which the component lies.
    """

    role: str
    place: PartRequest
    dtype: Dtype = "auto"
    field: str = ""
    beside: str = ""


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """A model: a source, and parts from places of their own. Without a source, all that its family has are parts.

    `dtype` is one for all, or one for each role and `default` for the others. `prediction_type` replaces what the
    scheduler's configuration says.
    """

    source: str | None
    revision: str | None = None
    variant: str | None = None
    subfolder: str | None = None
    dtype: Dtype | Mapping[str, Dtype] = "auto"
    parts: Mapping[str, PartRequest] = field(default_factory=dict)
    file: str | None = None
    sha256: str | None = None
    config: str | None = None
    prediction_type: str | None = None

    @property
    def base(self) -> PartRequest | None:
        """The place where everything comes from that is not a part."""
        if self.source is None:
            return None
        return PartRequest(
            self.source,
            self.revision,
            self.variant,
            self.subfolder,
            self.file,
            self.sha256,
            self.config,
            self.prediction_type,
        )

    def dtype_of(self, role: str) -> Dtype:
        """The precision that a component is asked to have."""
        if isinstance(self.dtype, str):
            return self.dtype
        return self.dtype.get(role, self.dtype.get("default", "auto"))
