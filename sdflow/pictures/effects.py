"""Blur, sharpness, tone and fewer colours: Pillow's own operations on batches, in 8 bits."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

from sdflow.pictures.colour import Rgba
from sdflow.pictures.each import each, each_colours
from sdflow.values.image import Image

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

Blur: TypeAlias = Literal["gaussian", "box", "median"]
Quantizer: TypeAlias = Literal["median-cut", "max-coverage", "octree"]


def blur(image: Image, radius: float, kind: Blur = "gaussian") -> Image:
    """Pillow's GaussianBlur or BoxBlur of this radius, or the median of a square of 2 · radius + 1 pixels."""
    from PIL import ImageFilter

    if kind == "median":
        return each_colours(
            image, lambda picture: picture.filter(ImageFilter.MedianFilter(2 * round(radius) + 1))
        )
    blurring = ImageFilter.GaussianBlur(radius) if kind == "gaussian" else ImageFilter.BoxBlur(radius)
    return each(image, lambda picture: picture.filter(blurring))


def sharpen(image: Image, *, radius: float = 2.0, amount: float = 1.5, threshold: int = 3) -> Image:
    """Pillow's UnsharpMask: `amount` times what a blur of this radius takes away, where that is over the threshold."""
    from PIL import ImageFilter

    mask = ImageFilter.UnsharpMask(radius, round(amount * 100), threshold)
    return each_colours(image, lambda picture: picture.filter(mask))


def adjust(
    image: Image,
    *,
    brightness: float = 1.0,
    contrast: float = 1.0,
    saturation: float = 1.0,
    gamma: float = 1.0,
    invert: bool = False,
) -> Image:
    """Pillow's Brightness, Contrast and Color, then a power of 1 / gamma, then the negative."""

    def change(picture: "PilImage") -> "PilImage":
        from PIL import ImageEnhance, ImageOps

        enhancers = (
            (ImageEnhance.Brightness, brightness),
            (ImageEnhance.Contrast, contrast),
            (ImageEnhance.Color, saturation),
        )
        for enhancer, factor in enhancers:
            if factor != 1:
                picture = enhancer(picture).enhance(factor)
        if gamma != 1:
            picture = picture.point([round(255 * (value / 255) ** (1 / gamma)) for value in range(256)] * 3)
        return ImageOps.invert(picture) if invert else picture

    return each_colours(image, change)


def quantize(
    image: Image,
    *,
    colours: int = 16,
    palette: Sequence[Rgba] = (),
    method: Quantizer = "median-cut",
    dither: bool = True,
) -> Image:
    """So many colours, chosen for each picture, or those of a palette; with Floyd-Steinberg dithering."""
    import PIL.Image
    from PIL.Image import Dither, Quantize

    methods = {
        "median-cut": Quantize.MEDIANCUT,
        "max-coverage": Quantize.MAXCOVERAGE,
        "octree": Quantize.FASTOCTREE,
    }
    given = PIL.Image.new("P", (1, 1))
    if palette:
        given.putpalette([part for colour in palette for part in colour[:3]])

    def change(picture: "PilImage") -> "PilImage":
        chosen = given if palette else picture.quantize(colours, methods[method])
        how = Dither.FLOYDSTEINBERG if dither else Dither.NONE
        return picture.quantize(palette=chosen, dither=how).convert("RGB")

    return each_colours(image, change)
