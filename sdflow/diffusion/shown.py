"""What a UNet is shown beside the latent, and what an inpainting puts back after each step."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from sdflow.diffusion.guidance import StepGuidance
from sdflow.diffusion.samplers.run import SamplerRun
from sdflow.diffusion.streams import draw_from, generators_of
from sdflow.values import Beside, Inpaint, Latent, LowResolution, SmallLatent, ToEdit

_WITH_MASK = 9
"""Input channels of a UNet that is shown the mask and the masked picture: four, one and four."""
_DUST = 1e-6
"""What strengths and parts of a schedule may differ by and still be meant as one."""


@dataclass(frozen=True, slots=True)
class Shown:
    """Nothing beside the latent: text to image, and image to image."""

    def with_latent(self, scaled: torch.Tensor, guidance: StepGuidance) -> torch.Tensor:  # noqa: ARG002  # others need it
        """What the UNet takes, for float[copies · batch, channels, h, w] at its scale."""
        return scaled

    def timestep(self, timestep: torch.Tensor, run: SamplerRun) -> torch.Tensor:  # noqa: ARG002  # as above
        """What the UNet is told of the noise."""
        return timestep

    def predicted(
        self,
        output: torch.Tensor,
        given: torch.Tensor,  # noqa: ARG002  # as above
        timestep: torch.Tensor,  # noqa: ARG002
        run: SamplerRun,  # noqa: ARG002
    ) -> torch.Tensor:
        """The prediction as the sampler takes it, float[copies · batch, channels, h, w], for latents `given`."""
        return output

    def options(self, rows: int) -> dict[str, torch.Tensor]:  # noqa: ARG002  # others need it
        """More arguments for the UNet, for so many rows."""
        return {}

    def put_back(self, sample: torch.Tensor, number: int, run: SamplerRun) -> torch.Tensor:  # noqa: ARG002  # as above
        """The latent after evaluation `number`, with what has to stay."""
        return sample

    def drawn_noise(self) -> torch.Tensor | None:
        """The noise that the run begins with, where it had to be drawn already."""
        return None

    def begins_with_noise(self) -> bool:
        """Whether an encoded picture is forgotten, and the run begins with noise alone."""
        return False

    def beside(self) -> Beside | None:
        """What the next part of a split run needs."""
        return None


@dataclass(frozen=True, slots=True)
class ShownSmallPicture(Shown):
    """A small picture in three more channels, and its noise level as a class (arXiv:2112.10752, section 4.5)."""

    given: LowResolution
    device: torch.device
    dtype: torch.dtype

    def with_latent(self, scaled: torch.Tensor, guidance: StepGuidance) -> torch.Tensor:  # noqa: ARG002  # as above
        """The latent with the small picture in channels of its own."""
        picture = self.given.picture.to(device=self.device, dtype=self.dtype)
        return torch.cat([scaled, _repeated(picture, len(scaled))], dim=1)

    def options(self, rows: int) -> dict[str, torch.Tensor]:
        """The noise level of each row."""
        return {"class_labels": self.given.noise_level.to(self.device).repeat(rows)}

    def beside(self) -> LowResolution:
        """The same."""
        return self.given


@dataclass(frozen=True, slots=True)
class ShownSmallLatent(Shown):
    """A latent of half the sides, in as many channels as the latent has, for the latent upscaler.

    Its UNet is told a sigma, and its output is preconditioned as in table 1 of arXiv:2206.00364.
    """

    given: SmallLatent
    device: torch.device
    dtype: torch.dtype

    def with_latent(self, scaled: torch.Tensor, guidance: StepGuidance) -> torch.Tensor:
        """The latent with the small one, each element of it in four places."""
        small = torch.cat([self.given.small.to(device=self.device, dtype=self.dtype)] * guidance.copies)
        return torch.cat(
            [scaled, torch.nn.functional.interpolate(small, scale_factor=2, mode="nearest")], dim=1
        )

    def timestep(self, timestep: torch.Tensor, run: SamplerRun) -> torch.Tensor:  # noqa: ARG002  # as declared
        """A quarter of the logarithm of sigma."""
        return torch.log(run.sigma()) * 0.25

    def predicted(
        self, output: torch.Tensor, given: torch.Tensor, timestep: torch.Tensor, run: SamplerRun
    ) -> torch.Tensor:
        """The clean latent, from an output whose last channel nobody needs."""
        sigma = run.sigma()
        kept = 1 / (sigma**2 + 1)
        predicted: torch.Tensor = (
            kept * given + run.scheduler.scale_model_input(sigma, timestep) * output[:, :-1]
        )
        return predicted

    def beside(self) -> SmallLatent:
        """The same."""
        return self.given


@dataclass(frozen=True, slots=True)
class ShownPicture(Shown):
    """A picture to edit, in as many channels as the latent has; some copies see zeros in its place."""

    given: ToEdit
    device: torch.device
    dtype: torch.dtype

    def with_latent(self, scaled: torch.Tensor, guidance: StepGuidance) -> torch.Tensor:
        """The latent with the picture, but for the last copies."""
        picture = self.given.picture.to(device=self.device, dtype=self.dtype)
        unshown = [torch.zeros_like(picture)] * guidance.unshown
        pictures = torch.cat([picture] * (guidance.copies - guidance.unshown) + unshown)
        return torch.cat([scaled, pictures], dim=1)

    def beside(self) -> ToEdit:
        """The same."""
        return self.given


@dataclass(frozen=True, slots=True)
class ShownMask(Shown):
    """A picture to paint into.

    A UNet of nine input channels is shown the mask and the picture without what it covers; to any other one, the
    picture itself is put back outside the mask after each evaluation, with the noise of the next one.

    With a soft mask ("Differential Diffusion", arXiv:2306.00950) each place is put back, whatever the UNet, until as
    much of the schedule is left as its strength says: a place of 0.4 changes as a picture of strength 0.4 does.

    picture, noise, masked: float[batch, channels, h, w]; mask: float[1 or batch, 1, h, w], 1 is painted anew.
    strengths: float[1 or batch, 1, h, w] of a soft mask, 0 to 1.
    trained: the UNet has nine channels. full: the run begins with pure noise, as the pipelines do at strength 1.
    """

    given: Inpaint
    picture: torch.Tensor
    noise: torch.Tensor
    masked: torch.Tensor
    mask: torch.Tensor
    trained: bool
    full: bool
    strengths: torch.Tensor | None = None

    def with_latent(self, scaled: torch.Tensor, guidance: StepGuidance) -> torch.Tensor:  # noqa: ARG002  # as above
        """The latent; for a UNet of nine channels with mask and masked picture."""
        if not self.trained:
            return scaled
        rows = len(scaled)
        return torch.cat([scaled, _repeated(self.mask, rows), _repeated(self.masked, rows)], dim=1)

    def put_back(self, sample: torch.Tensor, number: int, run: SamplerRun) -> torch.Tensor:
        """The picture, as noisy as the latent is now, outside the mask."""
        if self.trained and self.strengths is None:
            return sample
        proper = self.picture
        if number < len(run.timesteps) - 1:
            proper = run.scheduler.add_noise(proper, self.noise, torch.tensor([run.timesteps[number + 1]]))
        mask = self._painted_in(run.done_before(number))
        return (1 - mask) * proper + mask * sample

    def _painted_in(self, done: float) -> torch.Tensor:
        """The mask in a step before which so much of the schedule is done."""
        if self.strengths is None:
            return self.mask
        return (self.strengths >= 1 - done - _DUST).to(self.mask.dtype)

    def drawn_noise(self) -> torch.Tensor:
        """What is put back gets the same noise."""
        return self.noise

    def begins_with_noise(self) -> bool:
        """At full strength, as the pipelines for inpainting do; a soft mask needs the picture everywhere."""
        return self.full and self.strengths is None

    def beside(self) -> Inpaint:
        """What was drawn, so that the next part paints into the same picture with the same noise."""
        given = self.given
        masked = self.masked.to("cpu", torch.float32)
        return Inpaint(
            given.mask,
            masked,
            masked,
            given.streams_alone,
            self.picture.to("cpu", torch.float32),
            self.noise.to("cpu", torch.float32),
            given.strengths,
        )


def shown_beside(
    latent: Latent, *, channels: int, full: bool, device: torch.device, dtype: torch.dtype
) -> tuple[Shown, list[torch.Generator]]:
    """What a UNet with so many input channels is shown, and the random streams of the run that begins.

    `full` says that the run begins at the first step of the schedule.
    """
    beside = latent.beside
    if isinstance(beside, LowResolution):
        return ShownSmallPicture(beside, device, dtype), generators_of(latent.streams)
    if isinstance(beside, SmallLatent):
        return ShownSmallLatent(beside, device, dtype), generators_of(latent.streams)
    if isinstance(beside, ToEdit):
        return ShownPicture(beside, device, dtype), generators_of(latent.streams)
    if not isinstance(beside, Inpaint):
        return Shown(), generators_of(latent.streams)
    trained = channels == _WITH_MASK
    if beside.noise is not None and beside.picture is not None:  # a part of a run was done already
        generators = generators_of(latent.streams)
        tensors = (beside.picture, beside.noise, beside.masked)
    else:
        alone = trained and full and beside.strengths is None
        generators = generators_of(beside.streams_alone if alone else latent.streams)
        noise = _drawn(latent, beside, generators)
        tensors = (latent.samples, noise, beside.masked_alone if alone else beside.masked)
    # As the pipelines have them: other strides would reach the UNet, and move bits.
    picture, noise, masked = (tensor.to(dtype).to(device).contiguous() for tensor in tensors)
    mask = beside.mask.to(device=device, dtype=dtype)
    # In float32, whatever the UNet computes in: they are compared, and not computed with.
    strengths = None if beside.strengths is None else beside.strengths.to(device)
    return ShownMask(beside, picture, noise, masked, mask, trained, full, strengths), generators


def _drawn(latent: Latent, beside: Inpaint, generators: Sequence[torch.Generator]) -> torch.Tensor:
    """The noise; the masked picture's latent was drawn after it, when the picture was encoded."""
    shape = tuple(latent.samples.shape[1:])
    noise = draw_from(generators, shape)
    if not torch.equal(beside.streams_alone, latent.streams):  # an autoencoder with a posterior to draw from
        draw_from(generators, shape)
    return noise


def _repeated(tensor: torch.Tensor, rows: int) -> torch.Tensor:
    return torch.cat([tensor] * (rows // len(tensor)))
