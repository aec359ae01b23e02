"""The vectors of a textual inversion, from its file. Imports torch."""

import hashlib

import torch

from sdflow.models.embedding_file import vectors_for
from sdflow.models.state_dict import read_weights
from sdflow.problems import NodeFailedError
from sdflow.values import Adapter


class ChangedEmbeddingError(Exception):
    """The file is another one than that which the plan was made with."""


def read_vectors(adapter: Adapter, role: str) -> torch.Tensor:
    """The vectors for a text encoder, float[vectors, width].

    Raises:
        NodeFailedError: the file is gone or broken.
        ChangedEmbeddingError: it is another one now.
    """
    folder = adapter.location.folder
    if folder is None:
        raise NodeFailedError(f"the embedding {adapter.location.source} is not on this machine")
    file = folder / adapter.file.name
    try:
        tensors = read_weights([file])
        digest = f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"
    except OSError as error:
        raise NodeFailedError(f"the embedding {file} cannot be read: {error.strerror}") from error
    if adapter.file.digest.startswith("sha256:") and adapter.file.digest != digest:
        raise ChangedEmbeddingError(str(file))
    name = vectors_for(file, f"`{file.name}`", role).name
    vectors = tensors[name]
    return vectors.reshape(-1, vectors.shape[-1]).clone()
