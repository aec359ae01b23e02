"""Models for the numerics: the tiny random one in three layouts, and a small trained one where it is at hand."""

import json
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import torch

from sdflow.composition import Json
from sdflow.models.tiny import write_tiny
from sdflow.models.tiny_xl import write_tiny_xl

SHARED = Path(__file__).resolve().parents[3] / "shared" / "models" / "toybox-prototype"


@dataclass(frozen=True, eq=False)
class Modules:
    """A model's parts, loaded by diffusers and transformers alone."""

    folder: Path
    tokenizer: Any
    text_encoder: Any
    unet: Any
    vae: Any

    @cached_property
    def scheduler_config(self) -> dict[str, Json]:
        config: dict[str, Json] = json.loads(
            (self.folder / "scheduler" / "scheduler_config.json").read_text()
        )
        return config

    def pipeline(self, kind: str = "StableDiffusionPipeline") -> Any:
        """diffusers' pipeline around these very modules."""
        import diffusers

        config = self.scheduler_config
        scheduler = getattr(diffusers, str(config["_class_name"])).from_config(config)
        options: dict[str, Any] = {"requires_safety_checker": False}
        if kind == "StableDiffusionUpscalePipeline":
            small = self.folder / "low_res_scheduler" / "scheduler_config.json"
            options = {
                "low_res_scheduler": diffusers.DDPMScheduler.from_config(json.loads(small.read_text()))
            }
        pipeline = getattr(diffusers, kind)(
            vae=self.vae,
            text_encoder=self.text_encoder,
            tokenizer=self.tokenizer,
            unet=self.unet,
            scheduler=scheduler,
            safety_checker=None,
            feature_extractor=None,
            **options,
        )
        pipeline.set_progress_bar_config(disable=True)
        return pipeline


@dataclass(frozen=True, eq=False)
class XlModules:
    """The parts of an SDXL model, loaded by diffusers and transformers alone; the refiner lacks the first pair."""

    folder: Path
    tokenizer: Any
    text_encoder: Any
    tokenizer_2: Any
    text_encoder_2: Any
    unet: Any
    vae: Any
    refiner: bool

    @cached_property
    def scheduler_config(self) -> dict[str, Json]:
        config: dict[str, Json] = json.loads(
            (self.folder / "scheduler" / "scheduler_config.json").read_text()
        )
        return config

    def pipeline(self, kind: str = "StableDiffusionXLPipeline", **settings: Any) -> Any:
        """diffusers' pipeline around these very modules; the refiner's is the one from a picture."""
        import diffusers

        config = self.scheduler_config
        if self.refiner:
            kind = "StableDiffusionXLImg2ImgPipeline"
            settings = {"requires_aesthetics_score": True, "force_zeros_for_empty_prompt": False, **settings}
        pipeline = getattr(diffusers, kind)(
            vae=self.vae,
            text_encoder=self.text_encoder,
            text_encoder_2=self.text_encoder_2,
            tokenizer=self.tokenizer,
            tokenizer_2=self.tokenizer_2,
            unet=self.unet,
            scheduler=getattr(diffusers, str(config["_class_name"])).from_config(config),
            add_watermarker=False,
            **settings,
        )
        pipeline.set_progress_bar_config(disable=True)
        return pipeline


def load_xl(folder: Path) -> XlModules:
    """Load all modules of a folder as float32."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

    first = (folder / "text_encoder").is_dir()
    return XlModules(
        folder,
        CLIPTokenizer.from_pretrained(folder / "tokenizer") if first else None,
        CLIPTextModel.from_pretrained(folder / "text_encoder").eval() if first else None,
        CLIPTokenizer.from_pretrained(folder / "tokenizer_2"),
        CLIPTextModelWithProjection.from_pretrained(folder / "text_encoder_2").eval(),
        UNet2DConditionModel.from_pretrained(folder / "unet").eval(),
        AutoencoderKL.from_pretrained(folder / "vae").eval(),
        refiner=not first,
    )


def load(folder: Path) -> Modules:
    """Load all modules of a folder as float32."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

    return Modules(
        folder,
        CLIPTokenizer.from_pretrained(folder / "tokenizer"),
        CLIPTextModel.from_pretrained(folder / "text_encoder", dtype=torch.float32).eval(),
        UNet2DConditionModel.from_pretrained(folder / "unet").eval(),
        AutoencoderKL.from_pretrained(folder / "vae").eval(),
    )


@pytest.fixture(autouse=True, scope="session")
def quiet() -> Iterator[None]:
    """Silence the libraries' own warnings and bars; our own warnings stay errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import diffusers
        import transformers
    diffusers.utils.logging.set_verbosity_error()
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    logging.getLogger("transformers").setLevel(logging.ERROR)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def tiny(quiet: None, tmp_path_factory: pytest.TempPathFactory) -> Modules:
    return load(write_tiny(tmp_path_factory.mktemp("tiny")))


@pytest.fixture(scope="session")
def tiny_v(quiet: None, tmp_path_factory: pytest.TempPathFactory) -> Modules:
    """Stable Diffusion 2.x: v-prediction, another text encoder, DDIM as its own scheduler."""
    folder = tmp_path_factory.mktemp("tiny-v")
    return load(write_tiny(folder, layout="sd2", prediction_type="v_prediction"))


@pytest.fixture(scope="session")
def tiny_distilled(quiet: None, tmp_path_factory: pytest.TempPathFactory) -> Modules:
    """A UNet that takes the guidance scale as an input."""
    return load(write_tiny(tmp_path_factory.mktemp("tiny-distilled"), time_cond_proj_dim=9))


@pytest.fixture(scope="session")
def xl(quiet: None, tiny_xl: Path) -> XlModules:
    """Stable Diffusion XL."""
    return load_xl(tiny_xl)


@pytest.fixture(scope="session")
def refiner(quiet: None, tiny_refiner: Path) -> XlModules:
    """The refiner of Stable Diffusion XL."""
    return load_xl(tiny_refiner)


@pytest.fixture(scope="session")
def tiny_inpaint(quiet: None, tmp_path_factory: pytest.TempPathFactory) -> Modules:
    """A UNet that is shown the mask and the masked picture."""
    return load(write_tiny(tmp_path_factory.mktemp("tiny-inpaint"), in_channels=9))


@pytest.fixture(scope="session")
def tiny_edit(quiet: None, tmp_path_factory: pytest.TempPathFactory) -> Modules:
    """A UNet that is shown a picture to edit."""
    return load(write_tiny(tmp_path_factory.mktemp("tiny-edit"), in_channels=8))


@pytest.fixture(scope="session")
def xl_edit(quiet: None, tmp_path_factory: pytest.TempPathFactory) -> XlModules:
    """The same with SDXL."""
    return load_xl(write_tiny_xl(tmp_path_factory.mktemp("tiny-xl-edit"), in_channels=8))


@pytest.fixture(scope="session")
def xl_inpaint(quiet: None, tmp_path_factory: pytest.TempPathFactory) -> XlModules:
    """A UNet of SDXL that is shown the mask and the masked picture."""
    return load_xl(write_tiny_xl(tmp_path_factory.mktemp("tiny-xl-inpaint"), in_channels=9))


@pytest.fixture(scope="session")
def tiny_upscaler(quiet: None, tmp_path_factory: pytest.TempPathFactory) -> Modules:
    """A UNet that is shown a small picture and its noise level."""
    return load(write_tiny(tmp_path_factory.mktemp("tiny-upscaler"), in_channels=7))


@pytest.fixture(scope="session")
def trained(quiet: None) -> Modules:
    if not SHARED.is_dir():
        pytest.skip("the small trained model is not part of the repository and is not here")
    return load(SHARED)
