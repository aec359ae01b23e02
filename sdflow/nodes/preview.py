"""`preview`: watch a denoise."""

from collections.abc import Mapping, Sequence

from pydantic import Field

from sdflow.composition import Json
from sdflow.graph.facts import Facts
from sdflow.graph.node import Cost, Node, Refusal, RunContext
from sdflow.graph.wire import Input
from sdflow.values import Image, ImageSpec, Model, Trajectory, TrajectorySpec


class Preview(Node, type="preview", version=1):
    """States of a denoise as pictures: the latent itself, and decoded. Asking for it never changes the denoise."""

    outputs = {"latent": "Image", "decoded": "Image"}
    lane = "device"
    numeric = True

    model: Input[Model]
    """The model whose VAE decodes."""
    of: Input[Trajectory]
    """The trajectory of a denoise node: $sample.trajectory."""
    every: int = Field(5, ge=1, le=1000)
    """Show the states after steps 0, n, 2n, …; the last state is always shown."""
    at: tuple[int, ...] = ()
    """Show the states after just these steps, in place of `every`."""
    item: int = Field(0, ge=0)
    """Which item of the batch to show."""

    def components(self, model: Model) -> frozenset[str]:
        """The VAE."""
        return frozenset({"vae"})

    def described(self, model: Model) -> Json:
        """The VAE's description."""
        return model.describe(("vae",))

    def states_needed(self, trajectory: TrajectorySpec) -> Sequence[int]:
        """The steps that are shown."""
        if self.at:
            return tuple(sorted(set(self.at)))
        first = -(-trajectory.start // self.every) * self.every
        return tuple(
            sorted({trajectory.start, *range(first, trajectory.end + 1, self.every), trajectory.end})
        )

    def infer(self, facts: Facts, model: Model, of: TrajectorySpec) -> Mapping[str, ImageSpec]:
        """One picture per state.

        Raises:
            Refusal: a step that the denoise does not have, or an item that the batch does not have.
        """
        outside = [step for step in self.at if not of.start <= step <= of.end]
        if outside:
            raise Refusal(
                f"there is no state after step {outside[0]}: they go from {of.start} to {of.end}", field="at"
            )
        if self.item >= of.latent.batch:
            raise Refusal(f"there is no item {self.item} in a batch of {of.latent.batch}", field="item")
        factor, count = model.space.factor, len(self.states_needed(of))
        spec = ImageSpec(count, of.latent.height * factor, of.latent.width * factor)
        return {"latent": spec, "decoded": spec}

    def cost(self, model: Model, of: TrajectorySpec) -> Cost:
        """One pass of the decoder per state."""
        pixels = of.latent.height * of.latent.width * model.space.factor**2
        return Cost(len(self.states_needed(of)) * pixels, pixels * 2500)

    def run(self, ctx: RunContext, model: Model, of: Trajectory) -> Mapping[str, Image]:
        """Draw every state twice."""
        from sdflow.diffusion.preview import draw_states

        steps = sorted(of.states)
        with ctx.module(model, "vae") as vae:
            latent, decoded = draw_states(
                vae,
                [of.states[step] for step in steps],
                self.item,
                device=str(ctx.device),
                on_state=ctx.progress,
            )
        return {"latent": latent, "decoded": decoded}
