"""sdflow: Stable Diffusion workflows as YAML recipes, planned exactly, kept in git, computed once.

In Python: `sdflow.load("txt2img.yaml").run(seed=7).images["image"]` is a picture that a notebook shows.
"""

from typing import TYPE_CHECKING

from sdflow.version import __version__

if TYPE_CHECKING:
    from sdflow.api import Loaded, Run, load

__all__ = ["Loaded", "Run", "__version__", "load"]


def __getattr__(name: str) -> object:
    """The API, imported when it is first used: `import sdflow` costs nothing."""
    if name in __all__:
        from sdflow import api

        return getattr(api, name)
    raise AttributeError(f"module sdflow has no attribute {name}")
