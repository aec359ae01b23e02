"""The tiny model is a Stable Diffusion model to the libraries, small, always the same, and it hears the prompt."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch

from sdflow.diffusion.denoise import denoise
from sdflow.models.tiny import write_tiny
from tests.diffusion.conftest import Modules
from tests.diffusion.reference import conditioning, request


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_equal_arguments_give_equal_bytes_and_leave_the_global_generator(quiet: None, tmp_path: Path) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one = digests(write_tiny(tmp_path / "one"))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(6)
    other = digests(write_tiny(tmp_path / "two"))
    assert one == other
    third = digests(write_tiny(tmp_path / "three", seed=1))
    changed = {name for name in one if one[name] != third[name]}
    assert changed == {name for name in one if name.endswith(".safetensors")}


def test_it_is_small(tiny: Modules, tiny_v: Modules) -> None:
    for modules in (tiny, tiny_v):
        assert sum(path.stat().st_size for path in modules.folder.rglob("*") if path.is_file()) < 6_000_000


@pytest.mark.parametrize("fixture", ["tiny", "tiny_v", "tiny_distilled"])
def test_diffusers_loads_it_and_draws_what_the_modules_draw(
    fixture: str, request: pytest.FixtureRequest
) -> None:
    """The second parity test: `from_pretrained`, in which weights lie elsewhere in memory."""
    modules: Modules = request.getfixturevalue(fixture)
    loaded = from_pretrained(modules.folder)
    wanted = wanted_of(modules)
    reference = loaded(
        "a horse on the moon",
        negative_prompt="blurry",
        num_images_per_prompt=2,
        num_inference_steps=5,
        guidance_scale=3.0,
        height=64,
        width=64,
        generator=[torch.Generator().manual_seed(seed) for seed in (3, 4)],
        output_type="latent",
    ).images
    made = denoise(wanted, unet=modules.unet).samples
    assert torch.allclose(made, reference, rtol=1e-5, atol=1e-5 * float(reference.abs().max()))


def test_from_pretrained_of_the_trained_model(trained: Modules) -> None:
    loaded = from_pretrained(trained.folder)
    reference = loaded(
        "a horse on the moon",
        negative_prompt="blurry",
        num_images_per_prompt=2,
        num_inference_steps=5,
        guidance_scale=3.0,
        height=64,
        width=64,
        generator=[torch.Generator().manual_seed(seed) for seed in (3, 4)],
        output_type="latent",
    ).images
    made = denoise(wanted_of(trained), unet=trained.unet).samples
    assert torch.allclose(made, reference, atol=1e-5 * max(1.0, float(reference.abs().max())))


def from_pretrained(folder: Path) -> Any:
    from diffusers import StableDiffusionPipeline

    loaded = StableDiffusionPipeline.from_pretrained(folder, torch_dtype=torch.float32)
    loaded.set_progress_bar_config(disable=True)
    return loaded


def wanted_of(modules: Modules) -> Any:
    return request(modules, None)


def test_the_prompt_matters(tiny: Modules, tiny_v: Modules) -> None:
    for modules in (tiny, tiny_v):
        one = denoise(request(modules, None), unet=modules.unet).samples
        other = denoise(
            request(modules, None, conditioning=conditioning(modules, "a red boat")), unet=modules.unet
        )
        assert float((one - other.samples).std()) > 0.05 * float(one.std())


def test_the_second_layout_is_that_of_stable_diffusion_2(tiny_v: Modules) -> None:
    assert tiny_v.unet.config.use_linear_projection is True
    assert isinstance(tiny_v.unet.config.attention_head_dim, list | tuple)
    assert tiny_v.scheduler_config["prediction_type"] == "v_prediction"
    assert tiny_v.tokenizer.pad_token == "!"
