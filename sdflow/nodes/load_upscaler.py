"""`load-upscaler`: a network that makes pictures larger."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib.util import find_spec

from pydantic import Field

from sdflow.graph.facts import ComponentNeed, Facts
from sdflow.graph.fields import Place
from sdflow.graph.node import Need, Node, Refusal
from sdflow.nodes.load_model import DtypeName
from sdflow.values import Upscaler, canonical_json


class LoadUpscaler(Node, type="load-upscaler", version=1):
    """A network for upscale-with-model: ESRGAN, Real-ESRGAN and their kin, and what else spandrel reads."""

    outputs = {"upscaler": "Upscaler"}
    stored = False

    source: Place
    """File beside the recipe (.safetensors, .pth), folder, hub id (owner/name), https://… or civitai:VERSION."""
    file: str | None = Field(None, min_length=1)
    """File in the folder or repository, where there are several."""
    revision: str | None = None
    """Branch, tag or commit of a hub repository."""
    subfolder: str | None = None
    """Folder inside the source."""
    sha256: str | None = None
    """What the file must have; needed for https://…"""
    scale: int | None = Field(None, ge=1, le=16)
    """How much larger it makes pictures. ESRGAN and Real-ESRGAN tell it themselves."""
    dtype: DtypeName = "auto"
    """Precision. auto is float16 on CUDA and float32 elsewhere."""

    @property
    def token(self) -> str:
        """The name of this request among the facts."""
        fields = {name: value for name, value in self.key_fields().items() if name != "scale"}
        return canonical_json(["upscaler", fields]).decode()

    def needs(self) -> Iterator[Need]:
        """The file."""
        from sdflow.models.request import ComponentRequest, PartRequest

        place = PartRequest(
            self.source, self.revision, subfolder=self.subfolder, file=self.file, sha256=self.sha256
        )
        yield ComponentNeed(self.token, ComponentRequest("upscaler", place, self.dtype))

    def infer(self, facts: Facts) -> Mapping[str, Upscaler]:
        """The network with its scale.

        Raises:
            Refusal: spandrel is missing, the scale is not known, or another one than is written.
        """
        component = facts.component(self.token)
        told = component.config.get("scale")
        if told is None and self.scale is None:
            message = "how much larger this network makes pictures cannot be told from its file"
            hint = "write scale: 4, or whatever it is; a wrong one is refused when it is loaded"
            raise Refusal(message, field="source", code="SDF370", hint=hint)
        if told is not None and self.scale not in (None, told):
            message = f"this network makes pictures {told} times larger, not {self.scale} times"
            raise Refusal(message, field="scale", code="SDF370", hint="leave scale out")
        if find_spec("spandrel") is None:
            hint = 'install it with: pip install "sdflow[upscalers]"'
            raise Refusal(
                "upscalers are read by spandrel, which is missing", code="SDF371", field="source", hint=hint
            )
        scaled = replace(component, config={**component.config, "scale": told or self.scale})
        return {"upscaler": Upscaler({"upscaler": scaled})}
