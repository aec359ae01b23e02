"""All node types that a recipe can name.

Each has a module of its name, which is loaded when the type is asked for: most recipes need a few of them.
"""

from collections.abc import Callable, Mapping
from functools import cache, partial
from importlib import import_module

from sdflow.graph.node import Node
from sdflow.graph.registry import Registry, third_party_types

NAMES = (
    "load-model",
    "apply-lora",
    "load-embedding",
    "load-controlnet",
    "load-ip-adapter",
    "encode-prompt",
    "combine-conditioning",
    "regional-conditioning",
    "limit-conditioning",
    "average-conditioning",
    "concat-conditioning",
    "zero-conditioning",
    "encode-image-prompt",
    "load-image",
    "load-mask",
    "mask-from-image",
    "draw-mask",
    "adjust-mask",
    "combine-masks",
    "image-from-mask",
    "resize-image",
    "canny",
    "load-depth-estimator",
    "estimate-depth",
    "load-pose-estimator",
    "detect-pose",
    "init-latent",
    "init-latent-from-image",
    "init-latent-from-small-image",
    "init-latent-from-small-latent",
    "init-latent-to-edit",
    "denoise",
    "decode",
    "preview",
    "upscale",
    "load-upscaler",
    "upscale-with-model",
    "upscale-latent",
    "load-latent",
    "crop-latent",
    "flip-latent",
    "rotate-latent",
    "composite-latent",
    "blend-latents",
    "batch-latents",
    "select-latents",
    "add-noise",
    "vary-noise",
    "batch-images",
    "select-images",
    "animate",
    "crop-image",
    "pad-image",
    "flip-image",
    "rotate-image",
    "composite",
    "set-alpha",
    "fill-masked",
    "crop-to-mask",
    "paste-region",
    "match-colour",
    "adjust-image",
    "blur-image",
    "sharpen-image",
    "quantize-image",
    "load-safety-checker",
    "safety-check",
    "watermark",
    "grid",
    "recipe",
)
"""In the order in which a reader wants them."""


def _load(name: str) -> type[Node]:
    module = import_module(f"sdflow.nodes.{name.replace('-', '_')}")
    found: object = getattr(module, name.title().replace("-", ""))
    if not (isinstance(found, type) and issubclass(found, Node) and found.name == name):
        raise TypeError(f"{module.__name__} has no node type {name}")
    return found


BUILT_IN: Mapping[str, Callable[[], type[Node]]] = {name: partial(_load, name) for name in NAMES}
"""What loads each."""


@cache
def default_registry() -> Registry:
    """The node types of sdflow and of installed packages."""
    return Registry(third_party_types(), named=BUILT_IN)
