"""What nodes that cut, turn and join latents refuse alike."""

from collections.abc import Sequence

from sdflow.graph.node import Refusal
from sdflow.values import ImageSpec, LatentSpec

_BESIDE = {
    "inpaint": "a mask and a picture",
    "edit": "a picture to edit",
    "small-latent": "a small latent",
}


def refuse_company(latent: LatentSpec, field: str = "latent") -> None:
    """Refuse a latent with a mask or a picture beside it, which would not fit any more.

    Raises:
        Refusal: there is something beside it.
    """
    if latent.beside:
        what = _BESIDE.get(latent.beside, "a small picture")
        hint = "do this before the mask is set, or after the denoise"
        raise Refusal(
            f"the latent has {what} beside it, which would not fit any more", field=field, hint=hint
        )


def refuse_unlike(latents: Sequence[LatentSpec], field: str) -> None:
    """Refuse latents that are not of one space and one level.

    Raises:
        Refusal: spaces or levels differ, or there is something beside one.
    """
    first = latents[0]
    for latent in latents:
        refuse_company(latent, field)
        if latent.space != first.space:
            families = f"{first.space.family} and {latent.space.family}"
            raise Refusal(f"the latents are of different kinds of models: {families}", field=field)
        if latent.level != first.level:
            levels = f"{first.level.kind} and {latent.level.kind}"
            if first.level.kind == latent.level.kind:
                levels = "left at other steps or by another schedule"
            raise Refusal(f"the latents are not equally noisy: {levels}", field=field)


def in_elements(fields: dict[str, int], factor: int) -> dict[str, int]:
    """Lengths in pixels as latent elements.

    Raises:
        Refusal: one is no multiple of the factor.
    """
    for name, pixels in fields.items():
        if pixels % factor:
            below = pixels // factor * factor
            near = f"{below} and {below + factor}" if below else f"{factor}"
            raise Refusal(
                f"{name} {pixels} is no multiple of {factor}",
                field=name,
                code="SDF204",
                hint=f"the nearest are {near}",
            )
    return {name: pixels // factor for name, pixels in fields.items()}


def refuse_missing(items: Sequence[int], batch: int) -> None:
    """Refuse items that a batch does not have.

    Raises:
        Refusal: the batch is smaller.
    """
    beyond = [item for item in items if item >= batch]
    if beyond:
        hint = f"they are numbered from 0 to {batch - 1}" if batch > 1 else "there is only item 0"
        raise Refusal(f"there is no item {beyond[0]} in a batch of {batch}", field="items", hint=hint)


def refuse_other_sizes(batches: Sequence[LatentSpec] | Sequence[ImageSpec], field: str, factor: int) -> None:
    """Refuse a stack of different sizes.

    Raises:
        Refusal: sizes differ.
    """
    sizes = dict.fromkeys((it.width * factor, it.height * factor) for it in batches)
    if len(sizes) > 1:
        (width, height), (other_width, other_height) = list(sizes)[:2]
        message = f"a batch has one size, and these are {width}×{height} and {other_width}×{other_height}"
        raise Refusal(message, field=field)
