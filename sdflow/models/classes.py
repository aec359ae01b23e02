"""Which classes sdflow loads, and what to call those that it does not."""

import re

from sdflow.composition import Json
from sdflow.models.refused import Refused

LOADED = {
    "tokenizer": ("transformers", ("CLIPTokenizer", "CLIPTokenizerFast")),
    "tokenizer_2": ("transformers", ("CLIPTokenizer", "CLIPTokenizerFast")),
    "text_encoder": ("transformers", ("CLIPTextModel",)),
    "text_encoder_2": ("transformers", ("CLIPTextModelWithProjection",)),
    "unet": ("diffusers", ("UNet2DConditionModel",)),
    "vae": ("diffusers", ("AutoencoderKL", "AutoencoderTiny")),
    "controlnet": ("diffusers", ("ControlNetModel", "ControlNetUnionModel", "T2IAdapter")),
    "image_encoder": ("transformers", ("CLIPVisionModelWithProjection",)),
    "depth_estimator": ("transformers", ("DPTForDepthEstimation", "DepthAnythingForDepthEstimation")),
    "image_processor": ("transformers", ("DPTImageProcessor",)),
    "pose_estimator": ("transformers", ("VitPoseForPoseEstimation",)),
    "pose_processor": ("transformers", ("VitPoseImageProcessor",)),
    "person_detector": (
        "transformers",
        ("RTDetrForObjectDetection", "RTDetrV2ForObjectDetection", "YolosForObjectDetection"),
    ),
    "detector_processor": ("transformers", ("RTDetrImageProcessor", "YolosImageProcessor")),
}
"""By role: library and classes that are loaded. A scheduler and an image processor are only configurations."""

SUPPORTED = "sdflow runs Stable Diffusion 1.x, 2.x and XL."

_PIPELINES = (
    ("StableDiffusion3", "a Stable Diffusion 3 model"),
    ("StableDiffusionDepth2Img", "a depth-to-image model"),
    ("StableDiffusionImageVariation", "an image variation model"),
    ("StableDiffusionControlNet", "a ControlNet pipeline"),
    ("StableVideoDiffusion", "a Stable Video Diffusion model"),
    ("StableUnCLIP", "a Stable unCLIP model"),
    ("StableCascade", "a Stable Cascade model"),
    ("Flux", "a FLUX model"),
    ("PixArt", "a PixArt model"),
    ("Kandinsky", "a Kandinsky model"),
    ("Wan", "a Wan video model"),
    ("QwenImage", "a Qwen-Image model"),
    ("DDPM", "an unconditional diffusion model"),
    ("LDMTextToImage", "a latent diffusion model older than Stable Diffusion"),
)
_COMPONENTS = {
    "ControlNetModel": "a ControlNet",
    "ControlNetUnionModel": "a union of ControlNets",
    "T2IAdapter": "a T2I-Adapter",
    "MotionAdapter": "a motion adapter",
    "AutoencoderKL": "an autoencoder (VAE)",
    "AutoencoderTiny": "a tiny autoencoder (TAESD)",
    "UNet2DConditionModel": "a UNet",
    "UNet2DModel": "an unconditional UNet",
    "CLIPTextModel": "a text encoder",
    "CLIPModel": "a CLIP model",
    "CLIPTextModelWithProjection": "a text encoder with projection, as SDXL has",
    "CLIPVisionModel": "an image encoder without projection",
    "CLIPVisionModelWithProjection": "an image encoder",
    "T5EncoderModel": "a T5 text encoder",
    "FluxTransformer2DModel": "a FLUX transformer",
    "SD3Transformer2DModel": "a Stable Diffusion 3 transformer",
}
_SD_PIPELINES = {
    "StableDiffusionPipeline",
    "StableDiffusionImg2ImgPipeline",
    "StableDiffusionInpaintPipeline",  # some have an ordinary UNet; the others are known by their channels
    "StableDiffusionPipelineSafe",
    "LatentConsistencyModelPipeline",
    "LatentConsistencyModelImg2ImgPipeline",
    "AltDiffusionPipeline",  # refused by its text encoder
}


def field_of(role: str) -> str:
    """A role as it is written in recipes: `text-encoder-2`."""
    return role.replace("_", "-")


def a_component(class_name: str) -> str:
    """A class in a reader's words: `a UNet`."""
    return _COMPONENTS.get(class_name, f"a `{class_name}`")


def check_pipeline(label: str, class_name: Json) -> None:
    """Refuse a pipeline that is not Stable Diffusion 1.x, 2.x or XL.

    Raises:
        Refused: it is another kind of model, or one with code of its own.
    """
    if isinstance(class_name, list):
        raise Refused(
            "SDF316", f"{label} is run by Python code of its own ({class_name[0]}.py)", hint=SUPPORTED
        )
    if not isinstance(class_name, str):
        raise Refused("SDF314", f"`model_index.json` of {label} does not say which pipeline it is")
    if class_name in _SD_PIPELINES:
        return
    what = next((words for prefix, words in _PIPELINES if class_name.startswith(prefix)), None)
    if what is None and class_name.startswith("StableDiffusion"):
        return  # another way to run the same components, which are looked at one by one
    what = what or "another kind of model"
    raise Refused("SDF303", f"{label} is {what} (`{class_name}`)", hint=SUPPORTED)


def check_component(label: str, role: str, library: Json, class_name: Json) -> tuple[str, str]:
    """The library and class of a component that sdflow loads.

    Raises:
        Refused: it does not load this class in this role.
    """
    name = role.replace("_", " ")
    if not isinstance(library, str) or not isinstance(class_name, str):
        raise Refused(
            "SDF306", f"{label} says that it has no {name}", hint=f"Give one: `{field_of(role)}: SOURCE`."
        )
    if role.endswith("scheduler"):
        if (
            library == "diffusers"
            and re.fullmatch(r"\w+Scheduler", class_name)
            and "FlowMatch" not in class_name
        ):
            return library, class_name
        raise Refused(
            "SDF303", f"the scheduler of {label} is `{class_name}`, which fits other kinds of models"
        )
    wanted_library, classes = LOADED[role]
    if library == wanted_library and class_name in classes:
        return library, class_name
    if library not in {"diffusers", "transformers"}:
        raise Refused(
            "SDF316", f"the {name} of {label} is loaded by code of its own (`{library}.{class_name}`)"
        )
    raise Refused(
        "SDF303",
        f"the {name} of {label} is {a_component(class_name)}",
        hint=f"sdflow loads {' or '.join(f'`{it}`' for it in classes)} here. {SUPPORTED}",
    )
