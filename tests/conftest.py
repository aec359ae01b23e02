"""What holds for all tests: one thread for each process, no network, a cache of their own."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

# Set before anything imports torch or huggingface_hub, which read them once.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ.pop("SDFLOW_CACHE", None)
os.environ["NO_COLOR"] = "1"

import pytest


@pytest.fixture(autouse=True, scope="session")
def _own_cache() -> Iterator[None]:
    """Nothing is read from or written to the cache of whoever runs the tests."""
    with tempfile.TemporaryDirectory(prefix="sdflow-tests-") as folder:
        os.environ["SDFLOW_CACHE"] = str(Path(folder) / "cache")
        os.environ["HF_HOME"] = str(Path(folder) / "hf")
        yield


@pytest.fixture(scope="session")
def prototype() -> Path:
    """A small trained model in diffusers' layout that may lie beside a checkout; without it, the test is skipped."""
    folder = Path(__file__).parents[2] / "shared" / "models" / "toybox-prototype"
    if not folder.is_dir():
        pytest.skip("the trained prototype is not beside this checkout")
    return folder


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model with Stable Diffusion's topology, as a folder in diffusers' layout."""
    from sdflow.models.tiny import write_tiny

    return write_tiny(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def toybox() -> Path:
    """The trained model that comes with sdflow, as a folder in diffusers' layout."""
    from sdflow.models.builtin import builtin_folder

    return builtin_folder("toybox", Path())


@pytest.fixture(scope="session")
def tiny_xl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model with Stable Diffusion XL's topology, as a folder in diffusers' layout."""
    from sdflow.models.tiny_xl import write_tiny_xl

    return write_tiny_xl(tmp_path_factory.mktemp("models") / "tiny-xl")


@pytest.fixture(scope="session")
def tiny_refiner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model with the topology of Stable Diffusion XL's refiner."""
    from sdflow.models.tiny_xl import write_tiny_xl

    return write_tiny_xl(tmp_path_factory.mktemp("models") / "tiny-refiner", refiner=True)
