"""`load-ip-adapter`: what lets a picture be a prompt."""

from collections.abc import Iterator, Mapping

from pydantic import Field

from sdflow.graph.facts import ComponentNeed, Facts
from sdflow.graph.fields import Place
from sdflow.graph.node import Need, Node, Refusal
from sdflow.nodes.load_model import DtypeName, PartField
from sdflow.values import Component, IpAdapter, canonical_json

_PATCHES_ARE = "hidden_size"
_WHOLES_ARE = "projection_dim"


class LoadIpAdapter(Node, type="load-ip-adapter", version=1):
    """An IP-Adapter: a picture as a prompt, for its content or its style. Plain, plus, plus-face and full-face ones.

    Its weights stay beside the model's, so that branches of a recipe share the model. encode-image-prompt encodes
    pictures for it, and `image-prompt` of denoise shows them to the model.
    """

    outputs = {"adapter": "IpAdapter"}
    stored = False

    source: Place
    """Hub id (h94/IP-Adapter), folder or file beside the recipe, https://… or civitai:VERSION."""
    file: str | None = Field(None, min_length=1)
    """File in the repository or folder, such as models/ip-adapter_sd15.safetensors; diffusers' weight_name."""
    revision: str | None = None
    """Branch, tag or commit of a hub repository."""
    subfolder: str | None = None
    """Folder inside the source."""
    sha256: str | None = None
    """What the file must have; needed for https://…"""
    dtype: DtypeName = "auto"
    """Precision; that of the model's UNet. auto is float16 on CUDA and float32 elsewhere."""
    image_encoder: PartField = None
    """Where its image encoder is; by default the folder image_encoder beside its file, as in h94/IP-Adapter. The ViT-H
    ones for SDXL take that of SD 1.5."""

    @property
    def token(self) -> str:
        """The name of this request among the facts."""
        return canonical_json(["ip-adapter", self.key_fields()]).decode()

    def needs(self) -> Iterator[Need]:
        """The adapter, and its image encoder."""
        from sdflow.models.request import ComponentRequest, PartRequest

        place = PartRequest(
            self.source, self.revision, subfolder=self.subfolder, file=self.file, sha256=self.sha256
        )
        yield ComponentNeed(f"{self.token} adapter", ComponentRequest("ip_adapter", place, self.dtype))
        encoder = self.image_encoder
        if encoder is None:
            request = ComponentRequest("image_encoder", place, self.dtype, beside="image_encoder")
        else:
            own = PartRequest(
                encoder.source,
                encoder.revision,
                encoder.variant,
                encoder.subfolder,
                encoder.file,
                encoder.sha256,
                encoder.config,
            )
            request = ComponentRequest("image_encoder", own, self.dtype, "image_encoder")
        yield ComponentNeed(f"{self.token} encoder", request)

    def infer(self, facts: Facts) -> Mapping[str, IpAdapter]:
        """Both.

        Raises:
            Refusal: the image encoder is another one than it was trained with.
        """
        parts = {
            "ip_adapter": facts.component(f"{self.token} adapter"),
            "image_encoder": facts.component(f"{self.token} encoder"),
        }
        adapter = IpAdapter(parts)
        _refuse_other_encoder(adapter, parts["image_encoder"])
        return {"adapter": adapter}


def _refuse_other_encoder(adapter: IpAdapter, encoder: Component) -> None:
    whole = adapter.features == "whole"
    width = encoder.config.get(_WHOLES_ARE if whole else _PATCHES_ARE, 512 if whole else 768)
    if width == adapter.width:
        return
    from sdflow.models.ip_adapter_file import ENCODER_HINT

    what = "pictures" if whole else "patches of pictures"
    message = (
        f"this IP-Adapter takes {what} encoded {adapter.width} wide, and its image encoder makes {width}"
    )
    raise Refusal(message, field="image_encoder", code="SDF359", hint=ENCODER_HINT)
