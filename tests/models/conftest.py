from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from sdflow.device import Device
from sdflow.models.hub_place import HubPlace
from sdflow.models.request import ModelRequest
from sdflow.models.resolve import resolve_model
from sdflow.models.tiny import write_tiny
from sdflow.models.tiny_xl import write_tiny_xl
from sdflow.models.tree import Memo
from sdflow.values import Model
from tests.models.hub import Hub, running_hub
from tests.models.layout import CPU, sha256, write_pipeline
from tests.models.web import Web, running_web

Resolve = Callable[..., Model]


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    return write_pipeline(tmp_path / "pipeline")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)  # this hub is on localhost
    with running_hub(tmp_path) as hub:
        yield hub


@pytest.fixture
def web() -> Iterator[Web]:
    with running_web() as web:
        yield web


@pytest.fixture
def resolve(tmp_path: Path) -> Resolve:
    """`resolve_model` with its surroundings filled in; without a hub, the cache is empty and offline."""
    nowhere = HubPlace(
        tmp_path / "no-hub", "http://127.0.0.1:9", offline=True, listings=tmp_path / "no-listings"
    )

    def call(
        request: ModelRequest | str,
        *,
        hub: HubPlace = nowhere,
        device: Device = CPU,
        base: Path = tmp_path,
        memo: Memo = sha256,
    ) -> Model:
        if isinstance(request, str):
            request = ModelRequest(request)
        return resolve_model(
            request, base=base, device=device, memo=memo, cache_root=tmp_path / "cache", hub=hub
        )

    return call


LAYOUTS: dict[str, Callable[[Path], Path]] = {
    "sd1": write_tiny,
    "sd2": lambda folder: write_tiny(folder, layout="sd2", prediction_type="v_prediction"),
    "sdxl": write_tiny_xl,
    "sdxl-refiner": lambda folder: write_tiny_xl(folder, refiner=True),
}


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """A tiny model of each family in diffusers' layout."""
    root = tmp_path_factory.mktemp("families")
    return {name: write_it(root / name) for name, write_it in LAYOUTS.items()}
