"""How the models on top of toybox are trained: one section each."""

from pydantic import Field

from training.settings import Crops, Fit, Part


class Prompted(Part):
    """What all share that learn to predict noise by toybox's captions.

    Attributes:
        batch: samples in each step.
        unprompted: the share of samples whose caption is left empty, for classifier-free guidance.
        snr: the limit of the min-SNR weighting (https://arxiv.org/abs/2303.09556).
    """

    batch: int = Field(ge=1)
    unprompted: float = Field(ge=0, le=1)
    snr: float = Field(gt=0)
    fit: Fit


class Inpaint(Prompted):
    """toybox's UNet with nine channels: it paints into pictures.

    Attributes:
        scenes: how many have something painted out.
        known: the limit of the weight of what is outside of the mask, which is 1 / signal-to-noise.
    """

    scenes: int = Field(ge=8)
    known: float = Field(gt=0)


class Canny(Prompted):
    """A ControlNet of edges beside toybox's UNet.

    Attributes:
        hint: channels of the layers that bring the hint to the size of latents.
        unhinted: the share of samples whose hint is left black.
    """

    hint: tuple[int, ...]
    unhinted: float = Field(ge=0, le=1)


class Sketch(Prompted):
    """A LoRA of pencil drawings.

    Attributes:
        scenes: how many are drawn in pencil.
        rank: of the pairs of matrices.
    """

    scenes: int = Field(ge=8)
    rank: int = Field(ge=1)


class Negative(Prompted):
    """A textual inversion of spoiled pictures.

    Attributes:
        scenes: how many are spoiled.
        vectors: how many tokens it stands for.
    """

    scenes: int = Field(ge=8)
    vectors: int = Field(ge=1)


class FineAutoencoder(Part):
    """AutoencoderKL: three levels, a factor of 4, four channels."""

    channels: tuple[int, int, int]
    layers: int = Field(ge=1)
    kl: float = Field(ge=0)
    crops: tuple[Crops, ...]
    fit: Fit


class Piece(Part):
    """The side of pieces of latents, up to a part of the time."""

    until: float = Field(gt=0, le=1)
    side: int = Field(ge=8, le=64, multiple_of=8)


class Upscaler(Prompted):
    """A UNet of seven channels that paints a picture at four times its size.

    Attributes:
        scenes: how many are rendered at 256×256, for the autoencoder.
        encoded: how many of them the UNet learns from.
        channels: of its levels.
        layers: in each of them.
        attends: at which levels it attends to the prompt.
        head: channels of a head of attention.
        noise: the highest level of noise on the small picture, of 1,000.
        batch: pieces of the first size in each step; of larger ones as many as have the same area.
        pieces: of latents that it learns from, the last ones whole: in a piece, norms see another picture.
        autoencoder: to its latents.
    """

    scenes: int = Field(ge=8)
    encoded: int = Field(ge=8)
    channels: tuple[int, ...]
    layers: int = Field(ge=1)
    attends: tuple[bool, ...]
    head: int
    noise: int = Field(ge=1, le=1_000)
    pieces: tuple[Piece, ...] = Field(min_length=1)
    autoencoder: FineAutoencoder


class Family(Part):
    """All of them."""

    inpaint: Inpaint
    canny: Canny
    sketch: Sketch
    negative: Negative
    x4: Upscaler
