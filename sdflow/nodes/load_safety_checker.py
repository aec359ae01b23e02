"""`load-safety-checker`: what flags pictures that should not be shown."""

from collections.abc import Iterator, Mapping

from sdflow.graph.facts import ComponentNeed, Facts
from sdflow.graph.fields import Place
from sdflow.graph.node import Need, Node
from sdflow.nodes.load_model import DtypeName
from sdflow.values import SafetyChecker, canonical_json
from sdflow.values.safety_checker import CHECKER_ROLE


class LoadSafetyChecker(Node, type="load-safety-checker", version=1):
    """The safety checker of Stable Diffusion 1.x, for safety-check. load-model leaves it out."""

    outputs = {"checker": "SafetyChecker"}
    stored = False

    source: Place
    """Hub id or folder of a model that has one, or of a checker by itself; or builtin:NAME."""
    revision: str | None = None
    """Branch, tag or commit of a hub repository. Without it, what the local cache has, else main."""
    variant: str | None = None
    """Variant of the weight files, such as fp16."""
    subfolder: str | None = None
    """Folder inside the source that holds safety_checker and feature_extractor, or a checker by itself."""
    dtype: DtypeName = "auto"
    """Precision. auto is float16 on CUDA and float32 elsewhere."""

    @property
    def token(self) -> str:
        """The name of this request among the facts."""
        return canonical_json([CHECKER_ROLE, self.key_fields()]).decode()

    def needs(self) -> Iterator[Need]:
        """The network, with how pictures are prepared for it."""
        from sdflow.models.request import ComponentRequest, PartRequest

        place = PartRequest(self.source, self.revision, self.variant, self.subfolder)
        yield ComponentNeed(self.token, ComponentRequest(CHECKER_ROLE, place, self.dtype))

    def infer(self, facts: Facts) -> Mapping[str, SafetyChecker]:
        """Its description."""
        return {"checker": SafetyChecker({CHECKER_ROLE: facts.component(self.token)})}
