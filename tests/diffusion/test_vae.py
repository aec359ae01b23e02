"""Pictures to latents and back, as diffusers' pipelines and image processor do it."""

import copy
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Picture

from sdflow.diffusion.latent_picture import latent_picture
from sdflow.diffusion.streams import draw, generators_of, states_of, streams_from_seeds
from sdflow.diffusion.vae import decode_latent, encode_image
from sdflow.problems import UserError
from sdflow.values import CLEAN, Image, Latent, LatentSpace
from tests.diffusion.conftest import Modules, XlModules
from tests.diffusion.reference import SPACE, noise


def clean(seeds: tuple[int, ...], height: int = 8, width: int = 8, space: LatentSpace = SPACE) -> Latent:
    samples, streams = draw(streams_from_seeds(seeds), (space.channels, height, width))
    return Latent(samples, streams, space, CLEAN)


def pixels(seed: int, height: int = 64, width: int = 64, batch: int = 1) -> Image:
    random = np.random.default_rng(seed)
    return Image(random.integers(0, 256, (batch, height, width, 3), dtype=np.uint8))


def decoded_by_diffusers(modules: Modules, latent: Latent, vae: Any = None) -> np.ndarray[Any, Any]:
    pipeline = modules.pipeline()
    vae = modules.vae if vae is None else vae
    with torch.no_grad():
        pictures = vae.decode(latent.samples.to(vae.dtype) / vae.config.scaling_factor, return_dict=False)[0]
    processed = pipeline.image_processor.postprocess(
        pictures, output_type="pil", do_denormalize=[True] * len(pictures)
    )
    return np.stack([np.asarray(picture) for picture in processed])


@pytest.mark.parametrize("fixture", ["tiny", "trained"])
def test_decoding_equals_the_pipeline(fixture: str, request: pytest.FixtureRequest) -> None:
    modules: Modules = request.getfixturevalue(fixture)
    for latent in (clean((1, 2)), clean((3,), 8, 12)):
        made = decode_latent(modules.vae, latent, slicing=False, tiling=None)
        assert made.pixels.dtype == np.uint8
        assert np.array_equal(made.pixels, decoded_by_diffusers(modules, latent))


def test_slices_are_decoded_alone(tiny: Modules) -> None:
    latent = clean((1, 2, 3))
    made = decode_latent(tiny.vae, latent, slicing=True, tiling=None).pixels
    for place in range(3):
        alone = Latent(latent.samples[place : place + 1], latent.streams[place : place + 1], SPACE, CLEAN)
        assert np.array_equal(
            made[place : place + 1], decode_latent(tiny.vae, alone, slicing=False, tiling=None).pixels
        )
    whole = decode_latent(tiny.vae, latent, slicing=False, tiling=None).pixels
    assert np.abs(made.astype(int) - whole).max() <= 1


@pytest.mark.parametrize("fixture", ["tiny", "trained"])
def test_encoding_equals_the_image_to_image_pipeline(fixture: str, request: pytest.FixtureRequest) -> None:
    modules: Modules = request.getfixturevalue(fixture)
    image = pixels(5, batch=2)
    made = encode_image(modules.vae, image, streams_from_seeds((7, 8)), SPACE)
    pipeline = modules.pipeline("StableDiffusionImg2ImgPipeline")
    given = pipeline.image_processor.preprocess([Picture.fromarray(it) for it in image.pixels])
    expected = []
    for place, seed in enumerate((7, 8)):
        posterior = modules.vae.encode(given[place : place + 1]).latent_dist
        expected.append(posterior.sample(torch.Generator().manual_seed(seed)))
    with torch.no_grad():
        assert torch.equal(made.samples, modules.vae.config.scaling_factor * torch.cat(expected))
    assert made.level == CLEAN
    _, after = draw(streams_from_seeds((7, 8)), (4, 8, 8))
    assert torch.equal(made.streams, after)


def test_one_picture_serves_a_batch_with_a_stream_each(tiny: Modules) -> None:
    made = encode_image(tiny.vae, pixels(5), streams_from_seeds((1, 2, 1)), SPACE)
    assert torch.equal(made.samples[0], made.samples[2])
    assert not torch.equal(made.samples[0], made.samples[1])


def test_sixteen_bits_are_finer_steps_of_the_same_picture(tiny: Modules) -> None:
    fine = Image(pixels(5).pixels.astype(np.uint16) * 257)
    one = encode_image(tiny.vae, pixels(5), streams_from_seeds((1,)), SPACE)
    other = encode_image(tiny.vae, fine, streams_from_seeds((1,)), SPACE)
    assert torch.allclose(one.samples, other.samples, atol=1e-4)


@pytest.mark.parametrize(
    ("image", "streams"),
    [
        (pixels(1, 60, 64), 1),
        (pixels(1, 64, 65), 1),
        (Image(np.zeros((1, 64, 64, 4), np.uint8)), 1),
        (pixels(1, batch=2), 3),
    ],
)
def test_pictures_that_do_not_fit(tiny: Modules, image: Image, streams: int) -> None:
    with pytest.raises(UserError, match="SDF410"):
        encode_image(tiny.vae, image, streams_from_seeds(range(streams)), SPACE)


def test_half_precision_is_widened_only_where_the_file_says_so(tiny: Modules) -> None:
    """diffusers' default is true, and its pipeline for these models does not act on it."""
    from diffusers import AutoencoderKL

    latent = clean((1,))
    half = copy.deepcopy(tiny.vae).to(torch.float16)
    exact = decode_latent(tiny.vae, latent, slicing=False, tiling=None).pixels
    assert half.config.force_upcast is False
    plain = decode_latent(half, latent, slicing=False, tiling=None).pixels
    assert np.array_equal(plain, decoded_by_diffusers(tiny, latent, half))
    half.register_to_config(force_upcast=True)
    widened = decode_latent(half, latent, slicing=False, tiling=None).pixels
    assert half.dtype == torch.float16
    assert np.abs(widened.astype(int) - exact).mean() < np.abs(plain.astype(int) - exact).mean()

    written = {key: value for key, value in tiny.vae.config.items() if key != "force_upcast"}
    unwritten = AutoencoderKL.from_config(written).to(torch.float16).eval()
    unwritten.load_state_dict(half.state_dict())
    assert unwritten.config.force_upcast is True
    assert np.array_equal(decode_latent(unwritten, latent, slicing=False, tiling=None).pixels, plain)


def test_a_latent_as_a_picture() -> None:
    made = latent_picture(noise((1, 2), 8, 12)).pixels
    assert made.shape == (2, 64, 96, 3)
    assert made.dtype == np.uint8
    assert np.array_equal(made[:, ::8, ::8].repeat(8, axis=1).repeat(8, axis=2), made)
    assert not np.array_equal(made[0], made[1])
    loud = noise((1, 2), 8, 12)
    louder = Latent(loud.samples * 14.6, loud.streams, loud.space, loud.level)
    assert np.abs(latent_picture(louder).pixels.astype(int) - made).max() <= 3


def test_the_colours_of_a_trained_models_latents_are_nearly_those_of_its_pictures() -> None:
    """Four constant latents whose colours follow from the fit: light, dark, warm against cold."""
    grey = torch.zeros(3, 4, 2, 2)
    grey[0, :2], grey[1, :2] = 1.0, -1.0
    made = latent_picture(Latent(grey, streams_from_seeds((1, 2, 3)), SPACE, CLEAN)).pixels
    assert made[0].mean() > 150
    assert made[1].mean() < 105
    assert abs(int(made[2].mean()) - 127) <= 1


def test_the_colours_of_sdxls_latents() -> None:
    """As diffusers' documentation has it: latents of zeros are a light grey, the first channel is brightness."""
    flat = torch.zeros(3, 4, 2, 2)
    flat[1, 0], flat[2, 3] = 1.0, 1.0
    space = LatentSpace("sdxl", 4, 8)
    made = latent_picture(Latent(flat, streams_from_seeds((1, 2, 3)), space, CLEAN)).pixels[:, 0, 0]
    assert made.tolist() == [[150, 140, 130], [210, 200, 190], [80, 90, 95]]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_sdxls_pipeline_upcasts_what_no_file_asks_for(
    xl: XlModules, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It decodes in float32 from float16, and encodes so from any precision; the VAE is left as it was."""
    from diffusers import AutoencoderKL

    written = {key: value for key, value in xl.vae.config.items() if key != "force_upcast"}
    vae = AutoencoderKL.from_config(written).to(dtype).eval()
    vae.load_state_dict(xl.vae.state_dict())
    seen: list[tuple[str, torch.dtype]] = []
    for name in ("encode", "decode"):
        whole = getattr(vae, name)

        def noting(
            given: torch.Tensor, *more: Any, name: str = name, whole: Any = whole, **fields: Any
        ) -> Any:
            seen.append((name, given.dtype))
            return whole(given, *more, **fields)

        monkeypatch.setattr(vae, name, noting)
    space = LatentSpace("sdxl", 4, 8)
    grey = Image(np.full((1, 32, 32, 3), 90, dtype=np.uint8))
    latent = encode_image(vae, grey, streams_from_seeds((1,)), space)
    decode_latent(vae, latent, slicing=False, tiling=None)
    decoded_in = torch.float32 if dtype == torch.float16 else dtype
    assert seen == [("encode", torch.float32), ("decode", decoded_in)]
    assert vae.dtype == dtype
    assert torch.equal(latent.samples, latent.samples.to(dtype).float()), "scaled in the model's precision"


def test_other_spaces_show_their_main_components() -> None:
    space = LatentSpace("other", 16, 4)
    latent = clean((1,), 6, 6, space)
    made = latent_picture(latent).pixels
    assert made.shape == (1, 24, 24, 3)
    assert np.array_equal(made, latent_picture(latent).pixels)
    assert made.std() > 20
    two = clean((1,), 6, 6, LatentSpace("other", 2, 4))
    assert latent_picture(two).pixels.shape == (1, 24, 24, 3)


def test_streams_are_those_of_a_seeded_generator() -> None:
    streams = streams_from_seeds((5, 2**63, 0))
    first, after = draw(streams, (4, 3, 2))
    second, _ = draw(after, (4, 3, 2))
    for place, seed in enumerate((5, 2**63, 0)):
        generator = torch.Generator().manual_seed(seed)
        assert torch.equal(first[place], torch.randn((1, 4, 3, 2), generator=generator)[0])
        assert torch.equal(second[place], torch.randn((1, 4, 3, 2), generator=generator)[0])
    assert torch.equal(states_of(generators_of(streams)), streams)


def test_noise_in_half_precision_is_the_cast_of_noise_in_single() -> None:
    single, _ = draw(streams_from_seeds((3,)), (4, 8, 8))
    for dtype in (torch.float16, torch.bfloat16):
        generator = torch.Generator().manual_seed(3)
        assert torch.equal(single.to(dtype), torch.randn((1, 4, 8, 8), generator=generator, dtype=dtype))
