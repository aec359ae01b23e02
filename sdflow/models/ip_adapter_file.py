"""From a request to an IP-Adapter's component, and to the image encoder that lies beside its file."""

from sdflow.models.adapter_file import find_file
from sdflow.models.context import Context
from sdflow.models.ip_adapter_header import ip_adapter_config
from sdflow.models.one_file import completed
from sdflow.models.refused import Refused
from sdflow.models.request import AdapterRequest, PartRequest
from sdflow.models.source import parse_source
from sdflow.models.source_kinds import BuiltinSource, FileSource, FolderSource, HubSource
from sdflow.models.weight_facts import bytes_of
from sdflow.values import Component

ENCODER_HINT = (
    "give the one that it was trained with: "
    "`image-encoder: {source: h94/IP-Adapter, subfolder: models/image_encoder}`"
)


def find_ip_adapter(place: PartRequest, dtype: str, context: Context) -> Component:
    """The component of an IP-Adapter; its configuration is read from the names and shapes in its file.

    Raises:
        Refused: there is no such file, or it is no IP-Adapter that is read.
    """
    request = AdapterRequest(
        "ip-adapter", place.source, place.file, place.revision, place.subfolder, place.sha256
    )
    one = find_file(request, context)
    config, parameters = ip_adapter_config(one)
    size = parameters * bytes_of(dtype)
    files = (one.weight_file,)
    return Component(
        "ip_adapter", "diffusers", "IPAdapter", config, files, dtype, parameters, size, one.location
    )


def beside(place: PartRequest, folder: str, context: Context) -> PartRequest:
    """The place of a folder beside the file that `place` names, as h94/IP-Adapter has its image encoders.

    Raises:
        Refused: the file is alone on the web, and nothing is beside it.
    """
    source = parse_source(place.source, context.base)
    place = completed(place, source)
    inside = f"{place.subfolder or ''}/{place.file or ''}".rpartition("/")[0]
    subfolder = "/".join(it for it in (*inside.split("/"), folder) if it not in {"", "."})
    if isinstance(source, HubSource):
        return PartRequest(source.repo, place.revision, subfolder=subfolder)
    if isinstance(source, FolderSource | BuiltinSource):
        return PartRequest(place.source, subfolder=subfolder)
    if isinstance(source, FileSource):
        return PartRequest(str(source.file.parent), subfolder=folder)
    message = "beside a single file on the web there is no image encoder"
    raise Refused("SDF306", message, hint=ENCODER_HINT, field="image_encoder")
