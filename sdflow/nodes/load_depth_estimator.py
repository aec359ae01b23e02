"""`load-depth-estimator`: what sees how far things are."""

from collections.abc import Iterator, Mapping

from sdflow.graph.facts import ComponentNeed, Facts
from sdflow.graph.fields import Place
from sdflow.graph.node import Need, Node
from sdflow.nodes.load_model import DtypeName
from sdflow.values import DepthEstimator, canonical_json


class LoadDepthEstimator(Node, type="load-depth-estimator", version=1):
    """A network for estimate-depth, in transformers' layout: DPT (MiDaS) or Depth Anything."""

    outputs = {"estimator": "DepthEstimator"}
    stored = False

    source: Place
    """Hub id, such as Intel/dpt-large or depth-anything/Depth-Anything-V2-Small-hf, or a folder beside the recipe."""
    revision: str | None = None
    """Branch, tag or commit of a hub repository."""
    subfolder: str | None = None
    """Folder inside the source."""
    dtype: DtypeName = "auto"
    """Precision. auto is float16 on CUDA and float32 elsewhere."""

    @property
    def token(self) -> str:
        """The name of this request among the facts."""
        return canonical_json(["depth-estimator", self.key_fields()]).decode()

    def needs(self) -> Iterator[Need]:
        """The network, and how pictures are made ready for it."""
        from sdflow.models.request import ComponentRequest, PartRequest

        place = PartRequest(self.source, self.revision, subfolder=self.subfolder)
        for role in ("depth_estimator", "image_processor"):
            yield ComponentNeed(f"{self.token} {role}", ComponentRequest(role, place, self.dtype))

    def infer(self, facts: Facts) -> Mapping[str, DepthEstimator]:
        """Both."""
        parts = {
            role: facts.component(f"{self.token} {role}") for role in ("depth_estimator", "image_processor")
        }
        return {"estimator": DepthEstimator(parts)}
