"""Batches and sizes of several pictures and masks that go into one node."""

from sdflow.graph.node import Refusal
from sdflow.values import ImageSpec, MaskSpec, RegionSpec

_OTHER_PROPORTIONS = 0.03
"""Up to here, a mask is taken for one of the picture before it was resized to whole latent elements."""


def batch_together(**inputs: ImageSpec | MaskSpec | RegionSpec | None) -> int:
    """How many items come out: as many as the largest batch has; a batch of one serves all of them.

    Raises:
        Refusal: two batches of different numbers, at the later field.
    """
    batch = 1
    for field, spec in inputs.items():
        if spec is None or spec.batch in (1, batch):
            continue
        if batch > 1:
            message = f"{field} has {spec.batch} items and another input {batch}"
            raise Refusal(message, field=field, code="SDF365", hint="give as many, or one for all")
        batch = spec.batch
    return batch


def refuse_other_size(background: ImageSpec, region: RegionSpec) -> None:
    """Refuse a picture of another size than that which a region was cut from.

    Raises:
        Refusal: it is.
    """
    if (background.width, background.height) != (region.width, region.height):
        raise Refusal(
            f"the background is {background.width}×{background.height} and the picture that the region was cut from "
            f"{region.width}×{region.height}",
            field="background",
            code="SDF365",
            hint="give the picture that went into crop-to-mask",
        )


def refuse_other_proportions(mask: MaskSpec, picture: ImageSpec, *, code: str = "SDF365") -> None:
    """Refuse a mask that cannot be one of a picture: those of another size are resized to it.

    Raises:
        Refusal: its proportions are others.
    """
    if abs(mask.width * picture.height / (mask.height * picture.width) - 1) > _OTHER_PROPORTIONS:
        raise Refusal(
            f"the mask is {mask.width}×{mask.height} and the picture {picture.width}×{picture.height}",
            field="mask",
            code=code,
            hint="give a mask of the picture's proportions",
        )
