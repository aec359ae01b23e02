"""Which file an adapter is read from, and how it comes here."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from sdflow.models.adapter_file import find_file
from sdflow.models.context import Context
from sdflow.models.download import ensure_local
from sdflow.models.hub_place import HubPlace
from sdflow.models.one_file import OneFile
from sdflow.models.refused import Refused
from sdflow.models.request import AdapterRequest
from sdflow.values import Adapter, Component, Location
from tests.models.hub import COMMIT, Hub, Repo, offline
from tests.models.layout import sha256, weights

NOWHERE = HubPlace(Path("/nowhere"), "http://127.0.0.1:9", offline=True, listings=Path("/nowhere"))
LORA = weights(1)


def found(
    base: Path,
    source: str,
    hub: HubPlace = NOWHERE,
    kind: Literal["lora", "embedding"] = "lora",
    **fields: str,
) -> OneFile:
    request = AdapterRequest(kind, source, **fields)
    return find_file(request, Context(base, sha256, hub, base / "cache"))


def folder_with(base: Path, *names: str) -> str:
    for name in names:
        path = base / "styles" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return "./styles"


def test_a_file_beside_the_recipe(tmp_path: Path) -> None:
    folder_with(tmp_path, "ink.safetensors")
    one = found(tmp_path, "./styles/ink.safetensors")
    assert one.path == tmp_path / "styles" / "ink.safetensors"
    assert one.weight_file.digest == sha256(one.path)
    with pytest.raises(Refused, match=r"there is no file `./styles/ing.safetensors`"):
        found(tmp_path, "./styles/ing.safetensors")


# Files in a folder, the kind that is looked for, and the one that is taken.
FOLDERS: list[tuple[tuple[str, ...], Literal["lora", "embedding"], int]] = [
    (("pytorch_lora_weights.safetensors", "optimizer.bin", "other.safetensors"), "lora", 0),
    (("pytorch_lora_weights.bin", "other.safetensors"), "lora", 0),
    (("ink.safetensors", "ink.png", "optimizer.bin"), "lora", 0),
    (("ink.pt", "README.md"), "lora", 0),
    (("other.safetensors", "learned_embeds.bin"), "embedding", 1),
    (("learned_embeds.bin", "learned_embeds.safetensors"), "embedding", 1),
]


@pytest.mark.parametrize(("names", "kind", "taken"), FOLDERS)
def test_in_a_folder_the_usual_name_or_the_only_weight_file(
    tmp_path: Path, names: tuple[str, ...], kind: Literal["lora", "embedding"], taken: int
) -> None:
    assert found(tmp_path, folder_with(tmp_path, *names), kind=kind).name == names[taken]


def test_in_a_folder_a_file_can_be_named(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "one.safetensors", "two.safetensors", "inside/three.safetensors")
    assert found(tmp_path, folder, file="two.safetensors").name == "two.safetensors"
    assert found(tmp_path, folder, subfolder="inside").inside == "inside/three.safetensors"
    with pytest.raises(Refused, match=r"has 2 weight files") as refused:
        found(tmp_path, folder)
    assert refused.value.field == "file"
    assert refused.value.problem.hint == "Name one as `file`: `one.safetensors`, `two.safetensors`."
    with pytest.raises(Refused, match=r"has no file `tow.safetensors`"):
        found(tmp_path, folder, file="tow.safetensors")


def test_a_folder_without_weights_holds_no_lora(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no LoRA can be read from it"):
        found(tmp_path, folder_with(tmp_path, "README.md"))


def test_another_sha256_is_another_file(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "ink.safetensors")
    digest = sha256(tmp_path / "styles" / "ink.safetensors").removeprefix("sha256:")
    assert found(tmp_path, folder, sha256=digest).name == "ink.safetensors"
    with pytest.raises(Refused, match="another file"):
        found(tmp_path, folder, sha256="0" * 64)


def test_on_the_hub_nothing_is_downloaded_to_find_it(hub: Hub, tmp_path: Path) -> None:
    hub.repos["someone/styles"] = Repo({"pytorch_lora_weights.safetensors": LORA, "b.safetensors": b"b"})
    one = found(tmp_path, "someone/styles", hub.place)
    assert (one.name, one.path, one.size) == ("pytorch_lora_weights.safetensors", None, len(LORA))
    assert (one.location.repo, one.location.revision) == ("someone/styles", COMMIT)
    assert found(tmp_path, "someone/styles", offline(hub.place)).digest == one.digest
    assert found(tmp_path, "someone/styles", hub.place, file="b.safetensors").name == "b.safetensors"
    assert hub.downloads() == []


def test_an_adapter_is_downloaded_with_its_component(hub: Hub, tmp_path: Path) -> None:
    hub.repos["someone/styles"] = Repo({"pytorch_lora_weights.safetensors": LORA})
    one = found(tmp_path, "someone/styles", hub.place)
    here = Location("here", tmp_path)
    unet = Component("unet", "diffusers", "Unet", {}, (), "float32", 1, 4, here)
    unet = replace(unet, adapters=(Adapter("lora", one.weight_file, one.location, 0.5),))
    local = ensure_local(unet, hub=hub.place)
    (adapter,) = local.adapters
    assert adapter.location.folder is not None
    assert (adapter.location.folder / adapter.file.name).read_bytes() == LORA
    assert local.digest == unet.digest
    assert ensure_local(local, hub=hub.place) is local
