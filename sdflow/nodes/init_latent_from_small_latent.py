"""`init-latent-from-small-latent`: where the latent upscaler starts."""

from collections.abc import Mapping

from sdflow.composition import Json
from sdflow.graph.facts import Facts
from sdflow.graph.fields import Seed, seeds_of
from sdflow.graph.node import Cost, Node, Refusal, RunContext
from sdflow.graph.wire import Input
from sdflow.models.family import SMALL_LATENT, X2_UPSCALER
from sdflow.nodes.decode import refuse_other_space
from sdflow.values import NOISE, Latent, LatentSpec, Model


class InitLatentFromSmallLatent(Node, type="init-latent-from-small-latent", version=1):
    """Noise beside a latent of half its sides, for the latent upscaler."""

    outputs = {"latent": "Latent"}

    model: Input[Model]
    """A latent upscaler, such as stabilityai/sd-x2-latent-upscaler."""
    latent: Input[Latent]
    """The small latent, from denoise or, for a picture, from init-latent-from-image; the result has twice its sides."""
    seed: Seed | None = None
    """Seed of the first item, a list with one for each item, or random; left out, the small latent's streams go on."""

    def described(self, model: Model) -> Json:
        """The latent space."""
        space = model.space
        return {"space": [space.family, space.channels, space.factor]}

    def infer(self, facts: Facts, model: Model, latent: LatentSpec) -> Mapping[str, LatentSpec]:
        """The latent's shape: twice the sides.

        Raises:
            Refusal: a model that is no latent upscaler, a latent of another model, with noise or of sides that the UNet
                cannot halve, or seeds that do not fit.
        """
        if model.family != X2_UPSCALER:
            raise Refusal(
                "the model is not shown a small latent: it is no latent upscaler",
                field="model",
                code="SDF437",
                hint="load stabilityai/sd-x2-latent-upscaler, or use upscale-latent",
            )
        refuse_other_space(model, latent)
        if latent.level.kind != "clean":
            raise Refusal("the small latent has noise in it", field="latent", hint="denoise it to its end")
        _refuse_sides(model, latent)
        if self.seed is not None:
            try:
                seeds_of(self.seed, latent.batch)
            except ValueError as error:
                raise Refusal(str(error), field="seed") from error
        height, width = 2 * latent.height, 2 * latent.width
        return {"latent": LatentSpec(latent.batch, height, width, model.space, NOISE, SMALL_LATENT)}

    def cost(self, model: Model, latent: LatentSpec) -> Cost:
        """Next to nothing."""
        return Cost(latent.batch * latent.height * latent.width)

    def run(self, ctx: RunContext, model: Model, latent: Latent) -> Latent:
        """Draw the noise, from one stream for each item."""
        from sdflow.diffusion.small_latent import latent_of_small_latent

        seeds = None if self.seed is None else seeds_of(self.seed, len(latent.samples))
        return latent_of_small_latent(latent, seeds)


def _refuse_sides(model: Model, latent: LatentSpec) -> None:
    """Refuse sides that are odd at one of the UNet's levels, or one at the deepest, which its blocks cannot do."""
    levels = model.components["unet"].config.get("down_block_types")
    least = 2 ** (len(levels) - 2) if isinstance(levels, list) else 4
    sides = latent.height, latent.width
    if any(side % least or side < 2 * least for side in sides):
        factor = model.space.factor
        raise Refusal(
            f"the small picture is {latent.width * factor}×{latent.height * factor}, and the latent upscaler takes "
            f"multiples of {least * factor} from {2 * least * factor} on",
            field="latent",
        )
