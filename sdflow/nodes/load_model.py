"""`load-model`: which weights a recipe works with."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from sdflow.graph.facts import Facts, ModelNeed
from sdflow.graph.fields import Place, PlaceMark, told
from sdflow.graph.node import Need, Node
from sdflow.values import Model, canonical_json

_PARTS = (
    "unet",
    "vae",
    "text_encoder",
    "text_encoder_2",
    "tokenizer",
    "tokenizer_2",
    "scheduler",
    "low_res_scheduler",
)


class Part(BaseModel):
    """Where one component comes from, when not from the model's own source."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    source: Place
    """A hub id, a folder or file beside the recipe, https://…, civitai:VERSION, or builtin:NAME."""
    revision: str | None = None
    """Branch, tag or commit of a hub repository."""
    variant: str | None = None
    """Variant of the weight files, such as fp16."""
    subfolder: str | None = None
    """Folder inside the source; by default the component's own, where there is one."""
    file: str | None = None
    """One file of the source."""
    sha256: str | None = None
    """What that file must have."""
    config: Place | None = None
    """For a single file: the folder or hub id of a diffusers model that has its configuration."""


def _part(value: object) -> object:
    return {"source": value} if isinstance(value, str) else value


Dtype = Literal["auto", "float32", "float16", "bfloat16"]
_SHORT = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}


_DTYPES = [*get_args(Dtype), *_SHORT]


def _dtype(name: str) -> str:
    return _SHORT.get(name, name)


DtypeName = Annotated[Dtype, told(_dtype), WithJsonSchema({"enum": _DTYPES})]


class Dtypes(BaseModel):
    """A precision for each component."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, alias_generator=lambda name: name.replace("_", "-")
    )

    default: DtypeName = "auto"
    """For the components that are not named."""
    unet: DtypeName | None = None
    vae: DtypeName | None = None
    text_encoder: DtypeName | None = None
    text_encoder_2: DtypeName | None = None

    def by_role(self) -> dict[str, Dtype]:
        """What is asked for each role that is named, and for `default`."""
        return {name: it for name in type(self).model_fields if (it := getattr(self, name)) is not None}


DtypeField = Annotated[
    DtypeName | Dtypes,
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": _DTYPES},
                {
                    "type": "object",
                    "properties": {name.replace("_", "-"): {"enum": _DTYPES} for name in Dtypes.model_fields},
                    "additionalProperties": False,
                },
            ]
        }
    ),
]

PartField = Annotated[
    Part | None,
    PlaceMark(),
    BeforeValidator(_part),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "minLength": 1},
                {
                    "type": "object",
                    "properties": {name: {"type": "string"} for name in Part.model_fields},
                    "required": ["source"],
                    "additionalProperties": False,
                },
            ]
        }
    ),
]


class LoadModel(Node, type="load-model", version=1):
    """A Stable Diffusion model: from the hub, Civitai, the web, this disk, or built in; parts from anywhere."""

    outputs = {"model": "Model"}
    stored = False

    source: Place | None = None
    """Hub id, folder or file, https://…, civitai:VERSION, or builtin:NAME. Left out when every part is given."""
    revision: str | None = None
    """Branch, tag or commit of a hub repository. Without it, what the local cache has, else main."""
    variant: str | None = None
    """Variant of the weight files, such as fp16."""
    subfolder: str | None = None
    """Folder inside the source that holds the model."""
    file: str | None = Field(None, min_length=1)
    """One file of a hub repository, of a folder or of a version on Civitai."""
    sha256: str | None = None
    """What a single file must have; another one is refused. An https source needs it."""
    config: Place | None = None
    """For a single file of an unusual form: the folder or hub id of a diffusers model that has its configuration."""
    prediction_type: Literal["epsilon", "v_prediction"] | None = None
    """What the UNet predicts, in place of what the scheduler's configuration or the file says."""
    dtype: DtypeField = "auto"
    """Precision, or a mapping of it for components and `default`. auto is float16 on CUDA and float32 elsewhere."""
    unet: PartField = None
    """Another place for the UNet: a source, or a mapping of source, revision, variant, subfolder, file and sha256."""
    vae: PartField = None
    """Another place for the VAE."""
    text_encoder: PartField = None
    """Another place for the text encoder."""
    text_encoder_2: PartField = None
    """Another place for SDXL's second text encoder, which is the refiner's only one."""
    tokenizer: PartField = None
    """Another place for the tokenizer."""
    tokenizer_2: PartField = None
    """Another place for SDXL's second tokenizer, which is the refiner's only one."""
    scheduler: PartField = None
    """Another place for the scheduler's configuration."""
    low_res_scheduler: PartField = None
    """Another place for the configuration of the x4 upscaler's scheduler for small pictures."""

    @property
    def token(self) -> str:
        """The name of this request among the facts."""
        return canonical_json(self.key_fields()).decode()

    def needs(self) -> Iterator[Need]:
        """The model."""
        from sdflow.models.request import ModelRequest, PartRequest

        parts = {
            role: PartRequest(
                part.source,
                part.revision,
                part.variant,
                part.subfolder,
                part.file,
                part.sha256,
                part.config,
            )
            for role in _PARTS
            if (part := getattr(self, role)) is not None
        }
        request = ModelRequest(
            self.source,
            self.revision,
            self.variant,
            self.subfolder,
            self.dtype if isinstance(self.dtype, str) else self.dtype.by_role(),
            parts,
            self.file,
            self.sha256,
            self.config,
            self.prediction_type,
        )
        yield ModelNeed(self.token, request)

    def infer(self, facts: Facts) -> Mapping[str, Model]:
        """The model's description."""
        return {"model": facts.model(self.token)}
