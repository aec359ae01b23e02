"""What flows along the wires: frozen values, each with its stored form, and what is known of them before."""

from sdflow.values.adapter import FAMILIES, AdapterFacts
from sdflow.values.animation import Animation
from sdflow.values.beside import Beside, Inpaint, LowResolution, SmallLatent, ToEdit
from sdflow.values.conditioning import Conditioning, Entry
from sdflow.values.control import Control
from sdflow.values.depth_estimator import DepthEstimator
from sdflow.values.encoded import Encoded, RawTensor
from sdflow.values.image import Image, Mask
from sdflow.values.image_prompt import ImagePrompt, IpAdapter
from sdflow.values.kinds import StoredValue, decode
from sdflow.values.latent import Latent
from sdflow.values.model import (
    Adapter,
    Component,
    Loadable,
    Location,
    Model,
    WeightFile,
    canonical_json,
    digest_of_json,
)
from sdflow.values.pose_estimator import PoseEstimator
from sdflow.values.region import Box, Region
from sdflow.values.safety_checker import SafetyChecker
from sdflow.values.spec import (
    ALWAYS,
    CLEAN,
    NOISE,
    AnimationSpec,
    Area,
    ConditioningSpec,
    EntrySpec,
    Features,
    ImagePromptSpec,
    ImageSpec,
    LatentSpace,
    LatentSpec,
    Level,
    MaskSpec,
    RegionSpec,
    Span,
    Spec,
    Tokens,
    TrajectorySpec,
)
from sdflow.values.trajectory import State, Trajectory
from sdflow.values.upscaler import Upscaler

__all__ = [
    "ALWAYS",
    "CLEAN",
    "FAMILIES",
    "NOISE",
    "Adapter",
    "AdapterFacts",
    "Animation",
    "AnimationSpec",
    "Area",
    "Beside",
    "Box",
    "Component",
    "Conditioning",
    "ConditioningSpec",
    "Control",
    "DepthEstimator",
    "Encoded",
    "Entry",
    "EntrySpec",
    "Features",
    "Image",
    "ImagePrompt",
    "ImagePromptSpec",
    "ImageSpec",
    "Inpaint",
    "IpAdapter",
    "Latent",
    "LatentSpace",
    "LatentSpec",
    "Level",
    "Loadable",
    "Location",
    "LowResolution",
    "Mask",
    "MaskSpec",
    "Model",
    "PoseEstimator",
    "RawTensor",
    "Region",
    "RegionSpec",
    "SafetyChecker",
    "SmallLatent",
    "Span",
    "Spec",
    "State",
    "StoredValue",
    "ToEdit",
    "Tokens",
    "Trajectory",
    "TrajectorySpec",
    "Upscaler",
    "WeightFile",
    "canonical_json",
    "decode",
    "digest_of_json",
]
