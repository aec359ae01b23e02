"""What flows along the wires: frozen values, each with its stored form, and what is known of them before."""

from sdflow.values.conditioning import Conditioning, Entry
from sdflow.values.encoded import Encoded, RawTensor
from sdflow.values.image import Image, Mask
from sdflow.values.kinds import StoredValue, decode
from sdflow.values.latent import Latent
from sdflow.values.model import Component, Location, Model, WeightFile, canonical_json, digest_of_json
from sdflow.values.spec import (
    CLEAN,
    NOISE,
    ConditioningSpec,
    ImageSpec,
    LatentSpace,
    LatentSpec,
    Level,
    MaskSpec,
    Spec,
    TokenCount,
    TrajectorySpec,
)
from sdflow.values.trajectory import State, Trajectory

__all__ = [
    "CLEAN",
    "NOISE",
    "Component",
    "Conditioning",
    "ConditioningSpec",
    "Encoded",
    "Entry",
    "Image",
    "ImageSpec",
    "Latent",
    "LatentSpace",
    "LatentSpec",
    "Level",
    "Location",
    "Mask",
    "MaskSpec",
    "Model",
    "RawTensor",
    "Spec",
    "State",
    "StoredValue",
    "TokenCount",
    "Trajectory",
    "TrajectorySpec",
    "WeightFile",
    "canonical_json",
    "decode",
    "digest_of_json",
]
