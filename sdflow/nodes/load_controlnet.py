"""`load-controlnet`: a ControlNet or a T2I-Adapter."""

from collections.abc import Iterator, Mapping

from pydantic import Field

from sdflow.graph.facts import ComponentNeed, Facts
from sdflow.graph.fields import Place
from sdflow.graph.node import Need, Node
from sdflow.nodes.load_model import DtypeName
from sdflow.values import Control, canonical_json
from sdflow.values.control import CONTROL_ROLE


class LoadControlnet(Node, type="load-controlnet", version=1):
    """A ControlNet, a union of ControlNets or a T2I-Adapter: what a denoise takes as `control` to follow a picture."""

    outputs = {"control": "Control"}
    stored = False

    source: Place
    """Hub id, folder or file, https://…, civitai:VERSION, or builtin:NAME."""
    revision: str | None = None
    """Branch, tag or commit of a hub repository. Without it, what the local cache has, else main."""
    variant: str | None = None
    """Variant of the weight files, such as fp16."""
    subfolder: str | None = None
    """Folder inside the source."""
    file: str | None = Field(None, min_length=1)
    """One file of a hub repository, of a folder or of a version on Civitai."""
    sha256: str | None = None
    """What a single file must have; another one is refused. An https source needs it."""
    config: Place | None = None
    """For a single file of an unusual form: the folder or hub id of a ControlNet that has its configuration."""
    dtype: DtypeName = "auto"
    """Precision, which must be that of the UNet. auto is float16 on CUDA and float32 elsewhere."""

    @property
    def token(self) -> str:
        """The name of this request among the facts."""
        return canonical_json([CONTROL_ROLE, self.key_fields()]).decode()

    def needs(self) -> Iterator[Need]:
        """The network."""
        from sdflow.models.request import ComponentRequest, PartRequest

        place = PartRequest(
            self.source,
            self.revision,
            self.variant,
            self.subfolder,
            self.file,
            self.sha256,
            self.config,
        )
        yield ComponentNeed(self.token, ComponentRequest(CONTROL_ROLE, place, self.dtype))

    def infer(self, facts: Facts) -> Mapping[str, Control]:
        """Its description."""
        return {"control": Control({CONTROL_ROLE: facts.component(self.token)})}
