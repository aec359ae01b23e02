"""Runs a module as on a machine that has torch, diffusers and pydantic, and not the rest that sdflow asks for.

python bare.py MODULE ARGUMENTS…
"""

import runpy
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import FrameType

MISSING = {"transformers", "tokenizers", "accelerate", "peft", "compel", "scipy", "torchsde", "platformdirs"}
"""Not there at all."""
NOT_FOR_US = {"yaml", "click", "rich", "httpx2"}
"""There only because libraries of others need them; nothing of sdflow may import them."""


class Without:
    """A finder that does not find some packages; for its other duties it is the one it stands for."""

    def __init__(self, finder: Any) -> None:
        self.finder = finder

    def __getattr__(self, name: str) -> Any:
        return getattr(self.finder, name)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        top = name.partition(".")[0]
        if top in MISSING or (top in NOT_FOR_US and importer() in ("sdflow", "benchmarks")):
            return None
        return self.finder.find_spec(name, path, target)


def importer() -> str:
    """The top package of the module whose import statement is being carried out."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        spec = frame.f_globals.get("__spec__")
        if spec is not None and not frame.f_code.co_filename.startswith("<frozen importlib"):
            return str(spec.name).partition(".")[0]
        frame = frame.f_back
    return ""


if __name__ == "__main__":
    sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    print("not imported:", *sorted((MISSING | NOT_FOR_US) - {name.partition(".")[0] for name in sys.modules}))
