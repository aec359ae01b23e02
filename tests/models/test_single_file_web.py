"""A checkpoint on the web: planned from its beginning or its ends, with the keys that it has when it is here."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest

from sdflow.models.download import ensure_local
from sdflow.models.hub_place import HubPlace
from sdflow.models.load import load_component
from sdflow.models.request import ModelRequest
from sdflow.models.web.place import WebPlace
from tests.models.conftest import Resolve
from tests.models.single_file import assert_same_weights, checkpoint, write
from tests.models.web import Web


@pytest.mark.parametrize("ending", [".safetensors", ".ckpt"])
def test_a_checkpoint_is_known_before_the_download(
    resolve: Resolve, web: Web, tmp_path: Path, folders: Mapping[str, Path], ending: str
) -> None:
    folder = folders["sdxl"]
    data = write(checkpoint(folder), tmp_path / f"file{ending}").read_bytes()
    data_digest = hashlib.sha256(data).hexdigest()
    url = web.add(f"/models/file{ending}", data)
    hub = HubPlace(tmp_path / "hf", "http://127.0.0.1:9", offline=False, listings=tmp_path / "listings")
    request = ModelRequest(url, sha256=data_digest, config=str(folder))
    there = resolve(request, hub=hub)
    assert web.sent() < len(data) / 2 or ending == ".ckpt", (
        "a small checkpoint of PyTorch is fetched as a whole"
    )
    here = resolve(ModelRequest(f"./file{ending}", config=str(folder)))
    for role, part in here.components.items():
        assert there.components[role].digest == part.digest, role
        assert there.components[role].parameters == part.parameters
    place = WebPlace.of_environment(tmp_path / "cache", offline=False)
    for role in ("unet", "vae", "text_encoder_2"):
        fetched = ensure_local(there.components[role], hub=hub, web=place)
        assert fetched.digest == there.components[role].digest
        module, _ = load_component(fetched, "cpu")
        theirs, _ = load_component(here.components[role], "cpu")
        assert_same_weights(module.state_dict(), theirs.state_dict())
    whole = [asked.sent for asked in web.asked if asked.sent >= len(data)]
    assert len(whole) == 1, "three components of one file are one download"
