"""All node types that a recipe can name."""

from functools import cache

from sdflow.graph.registry import Registry, third_party_types
from sdflow.nodes.add_noise import AddNoise
from sdflow.nodes.adjust_image import AdjustImage
from sdflow.nodes.adjust_mask import AdjustMask
from sdflow.nodes.animate import Animate
from sdflow.nodes.apply_lora import ApplyLora
from sdflow.nodes.average_conditioning import AverageConditioning
from sdflow.nodes.batch_images import BatchImages
from sdflow.nodes.batch_latents import BatchLatents
from sdflow.nodes.blend_latents import BlendLatents
from sdflow.nodes.blur_image import BlurImage
from sdflow.nodes.canny import Canny
from sdflow.nodes.combine_conditioning import CombineConditioning
from sdflow.nodes.combine_masks import CombineMasks
from sdflow.nodes.composite import Composite
from sdflow.nodes.composite_latent import CompositeLatent
from sdflow.nodes.concat_conditioning import ConcatConditioning
from sdflow.nodes.crop_image import CropImage
from sdflow.nodes.crop_latent import CropLatent
from sdflow.nodes.crop_to_mask import CropToMask
from sdflow.nodes.decode import Decode
from sdflow.nodes.denoise import Denoise
from sdflow.nodes.draw_mask import DrawMask
from sdflow.nodes.encode_image_prompt import EncodeImagePrompt
from sdflow.nodes.encode_prompt import EncodePrompt
from sdflow.nodes.estimate_depth import EstimateDepth
from sdflow.nodes.fill_masked import FillMasked
from sdflow.nodes.flip_image import FlipImage
from sdflow.nodes.flip_latent import FlipLatent
from sdflow.nodes.grid import Grid
from sdflow.nodes.image_from_mask import ImageFromMask
from sdflow.nodes.init_latent import InitLatent
from sdflow.nodes.init_latent_from_image import InitLatentFromImage
from sdflow.nodes.init_latent_from_small_image import InitLatentFromSmallImage
from sdflow.nodes.init_latent_from_small_latent import InitLatentFromSmallLatent
from sdflow.nodes.init_latent_to_edit import InitLatentToEdit
from sdflow.nodes.limit_conditioning import LimitConditioning
from sdflow.nodes.load_controlnet import LoadControlnet
from sdflow.nodes.load_depth_estimator import LoadDepthEstimator
from sdflow.nodes.load_embedding import LoadEmbedding
from sdflow.nodes.load_image import LoadImage
from sdflow.nodes.load_ip_adapter import LoadIpAdapter
from sdflow.nodes.load_latent import LoadLatent
from sdflow.nodes.load_mask import LoadMask
from sdflow.nodes.load_model import LoadModel
from sdflow.nodes.load_safety_checker import LoadSafetyChecker
from sdflow.nodes.load_upscaler import LoadUpscaler
from sdflow.nodes.mask_from_image import MaskFromImage
from sdflow.nodes.match_colour import MatchColour
from sdflow.nodes.pad_image import PadImage
from sdflow.nodes.paste_region import PasteRegion
from sdflow.nodes.preview import Preview
from sdflow.nodes.quantize_image import QuantizeImage
from sdflow.nodes.recipe import Recipe
from sdflow.nodes.regional_conditioning import RegionalConditioning
from sdflow.nodes.resize_image import ResizeImage
from sdflow.nodes.rotate_image import RotateImage
from sdflow.nodes.rotate_latent import RotateLatent
from sdflow.nodes.safety_check import SafetyCheck
from sdflow.nodes.select_images import SelectImages
from sdflow.nodes.select_latents import SelectLatents
from sdflow.nodes.set_alpha import SetAlpha
from sdflow.nodes.sharpen_image import SharpenImage
from sdflow.nodes.upscale import Upscale
from sdflow.nodes.upscale_latent import UpscaleLatent
from sdflow.nodes.upscale_with_model import UpscaleWithModel
from sdflow.nodes.vary_noise import VaryNoise
from sdflow.nodes.watermark import Watermark
from sdflow.nodes.zero_conditioning import ZeroConditioning

BUILT_IN = (
    LoadModel,
    ApplyLora,
    LoadEmbedding,
    LoadControlnet,
    LoadIpAdapter,
    EncodePrompt,
    CombineConditioning,
    RegionalConditioning,
    LimitConditioning,
    AverageConditioning,
    ConcatConditioning,
    ZeroConditioning,
    EncodeImagePrompt,
    LoadImage,
    LoadMask,
    MaskFromImage,
    DrawMask,
    AdjustMask,
    CombineMasks,
    ImageFromMask,
    ResizeImage,
    Canny,
    LoadDepthEstimator,
    EstimateDepth,
    InitLatent,
    InitLatentFromImage,
    InitLatentFromSmallImage,
    InitLatentFromSmallLatent,
    InitLatentToEdit,
    Denoise,
    Decode,
    Preview,
    Upscale,
    LoadUpscaler,
    UpscaleWithModel,
    UpscaleLatent,
    LoadLatent,
    CropLatent,
    FlipLatent,
    RotateLatent,
    CompositeLatent,
    BlendLatents,
    BatchLatents,
    SelectLatents,
    AddNoise,
    VaryNoise,
    BatchImages,
    SelectImages,
    Animate,
    CropImage,
    PadImage,
    FlipImage,
    RotateImage,
    Composite,
    SetAlpha,
    FillMasked,
    CropToMask,
    PasteRegion,
    MatchColour,
    AdjustImage,
    BlurImage,
    SharpenImage,
    QuantizeImage,
    LoadSafetyChecker,
    SafetyCheck,
    Watermark,
    Grid,
    Recipe,
)


@cache
def default_registry() -> Registry:
    """The node types of sdflow and of installed packages."""
    return Registry((*BUILT_IN, *third_party_types()))
