"""Settings that every trained part has."""

from pydantic import BaseModel, ConfigDict, Field


class Part(BaseModel):
    """A section of the settings: nothing unknown in it, and never changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Fit(Part):
    """How long and how a part is trained.

    The learning rate rises over `warmup` steps, stays, and falls to nothing over the last `decay` of the time. Without
    a `muon_rate` AdamW steps everything, which is enough where little is to be learnt anew.
    """

    minutes: float = Field(gt=0)
    learning_rate: float = Field(gt=0)
    muon_rate: float | None = Field(default=None, gt=0)
    warmup: int = Field(default=100, ge=1)
    decay: float = Field(default=0.3, ge=0, le=1)
    average: float = Field(default=0.999, ge=0, lt=1)


class Crops(Part):
    """Pieces of pictures that an autoencoder learns from, until a share of its time has passed."""

    until: float = Field(gt=0, le=1)
    side: int = Field(ge=32, le=128, multiple_of=8)
    batch: int = Field(ge=1)
