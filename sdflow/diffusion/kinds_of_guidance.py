"""Which kind of guidance a run has."""

from collections.abc import Mapping
from typing import Any

from sdflow.diffusion.edit_guidance import EditGuidance
from sdflow.diffusion.guidance import StepGuidance
from sdflow.diffusion.pag import Pag
from sdflow.diffusion.perturbed_guidance import PerturbedGuidance


def kind_of(pag: Pag | None, image_guidance: float | None) -> tuple[type[StepGuidance], Mapping[str, Any]]:
    """How the predictions of each step are put together, and what that needs to know besides.

    A UNet that edits pictures has no perturbed-attention guidance.
    """
    if image_guidance is not None:
        return EditGuidance, {"image_scale": image_guidance}
    if pag is not None:
        return PerturbedGuidance, {"pag": pag}
    return StepGuidance, {}
