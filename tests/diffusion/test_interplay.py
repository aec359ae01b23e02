"""What may take part in a run does so together: ControlNets, perturbed attention, FreeU, several prompts."""

from dataclasses import replace
from typing import Any

import diffusers
import pytest
import torch

from sdflow.diffusion.control import Use, control_aids
from sdflow.diffusion.denoise import DenoiseRequest, denoise
from sdflow.diffusion.freeu import FreeU
from sdflow.diffusion.pag import Pag
from sdflow.diffusion.samplers import SAMPLERS
from sdflow.values import Conditioning, Latent, State
from tests.diffusion import reference
from tests.diffusion.conftest import Modules
from tests.diffusion.reference import conditioning, request
from tests.diffusion.test_control import SEEDS, Made, hint, nets, ours, picture

__all__ = ["nets"]

FREEU = FreeU(0.9, 0.2, 1.2, 1.4)
PAG = Pag(2.0, 0.001, ("down_blocks.0", "mid"))


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_a_controlnet_with_pag_and_freeu_is_the_pipeline(tiny: Modules, nets: Made, guidance: float) -> None:
    wanted = request(tiny, SAMPLERS["ddim"], steps=2, pag=PAG, freeu=FREEU, guidance=guidance)
    net = nets(tiny)
    parts = reference.pipeline_with(tiny, "ddim").components
    pipeline: Any = diffusers.StableDiffusionControlNetPAGPipeline(
        **parts, controlnet=net, requires_safety_checker=False, pag_applied_layers=list(PAG.layers)
    )
    pipeline.set_progress_bar_config(disable=True)
    pipeline.enable_freeu(s1=0.9, s2=0.2, b1=1.2, b2=1.4)
    given = {
        "image": picture(1),
        "controlnet_conditioning_scale": 0.7,
        "height": 64,
        "width": 64,
        "pag_scale": PAG.scale,
        "pag_adaptive_scale": PAG.adaptive_scale,
    }
    try:
        theirs = reference.run_pipeline(pipeline, wanted, SEEDS, given)
    finally:
        pipeline.disable_freeu()
    made = ours(wanted, tiny.unet, [Use(net, hint(1), 0.7)])
    assert torch.equal(made, theirs)
    without = replace(wanted, pag=None), replace(wanted, freeu=None)
    for other in without:
        assert not torch.allclose(made, ours(other, tiny.unet, [Use(net, hint(1), 0.7)]), atol=1e-4)


def test_guess_mode_counts_on_every_side_of_the_prompt(tiny: Modules, nets: Made) -> None:
    """Perturbed attention evaluates the prompt twice; a network that guesses follows both."""
    uses = [Use(nets(tiny), hint(1), 1.0, guess=True)]
    wanted = request(tiny, SAMPLERS["ddim"], steps=2, pag=PAG)
    made = ours(wanted, tiny.unet, uses)
    assert not torch.allclose(made, ours(wanted, tiny.unet, []), atol=1e-4)


@pytest.mark.parametrize("name", ["ddim", "euler-ancestral"])
def test_all_at_once_split_and_resumed_is_the_whole_run(tiny: Modules, nets: Made, name: str) -> None:
    (positive,), (negative,) = conditioning(tiny).positive, conditioning(tiny).negative
    other = conditioning(tiny, "an owl").positive[0]
    fields: dict[str, Any] = {
        "conditioning": Conditioning((positive, other), (negative,)),
        "pag": PAG,
        "freeu": FREEU,
        "steps": 4,
    }
    uses = [Use(nets(tiny), hint(1), 0.7), Use(nets(tiny, "adapter"), hint(2), 0.5)]
    states: list[State] = []
    wanted = request(tiny, SAMPLERS[name], **fields)
    whole = ours(wanted, tiny.unet, uses, capture=lambda step: step == 2, on_state=states.append)
    assert torch.equal(whole, ours(wanted, tiny.unet, uses, resume=states[0]))
    partly = _latent(replace(wanted, end_step=2), tiny, uses)
    rest = request(tiny, SAMPLERS[name], **fields, latent=Latent.decode(partly.encode()))
    assert torch.equal(whole, ours(rest, tiny.unet, uses))


def _latent(wanted: DenoiseRequest, modules: Modules, uses: list[Use]) -> Latent:
    batch, _, height, width = wanted.latent.samples.shape
    aids = control_aids(uses, batch=batch, width=width * 8, height=height * 8)
    return denoise(wanted, unet=modules.unet, aids=aids)
