"""`load-latent`: a latent from a file."""

from collections.abc import Mapping
from pathlib import Path

from sdflow.graph.facts import Facts
from sdflow.graph.fields import LatentFile
from sdflow.graph.node import Cost, Node, Refusal, RunContext
from sdflow.values import Latent, LatentSpec


class LoadLatent(Node, type="load-latent", version=1):
    """Read a latent that an output ending in `.safetensors` has written: level, random streams and all, to the bit."""

    outputs = {"latent": "Latent"}

    path: LatentFile
    """The file, relative to the recipe."""

    def infer(self, facts: Facts) -> Mapping[str, LatentSpec]:
        """Its shape, from the file.

        Raises:
            Refusal: another node reads the same file as a picture.
        """
        spec = facts.file(self.path).latent
        if spec is None:
            raise Refusal("this file is read as something else, too", field="path")
        return {"latent": spec}

    def cost(self) -> Cost:
        """Reading is proportional to nothing that is known better than one file."""
        return Cost()

    def run(self, ctx: RunContext) -> Latent:
        """Read it."""
        from sdflow.values.latent_file import read_latent

        return read_latent(Path(ctx.file(self.path)))
