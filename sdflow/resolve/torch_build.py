"""Which torch is installed, read from its files: importing it takes seconds."""

import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class TorchBuild:
    """Version as torch prints it, and the CUDA version that it was built with; None for a build without."""

    version: str
    cuda: str | None

    @property
    def has_cuda(self) -> bool:
        """Whether this build can use NVIDIA GPUs."""
        return self.cuda is not None


def find_torch_build() -> TorchBuild | None:
    """The torch of this environment, or None when there is none."""
    try:
        spec = importlib.util.find_spec("torch")
    except (ImportError, ValueError):
        return None
    if spec is None or spec.origin is None:
        return None
    return read_torch_build(Path(spec.origin).parent)


def read_torch_build(package: Path) -> TorchBuild | None:
    """What `torch/version.py` in the package's folder says."""
    try:
        text = (package / "version.py").read_text(encoding="utf-8")
    except OSError:
        return None
    version = re.search(r"^__version__\s*(?::[^=]*)?=\s*['\"]([^'\"]+)", text, re.MULTILINE)
    cuda = re.search(r"^cuda\s*(?::[^=]*)?=\s*['\"]([^'\"]+)", text, re.MULTILINE)
    return TorchBuild(version[1], cuda[1] if cuda else None) if version else None
