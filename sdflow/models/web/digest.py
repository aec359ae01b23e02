"""A sha256 as people write it."""

import re

from sdflow.models.refused import Refused


def digest_written(text: str | None) -> str | None:
    """`sha256:…` in small letters, from 64 digits with or without the algorithm's name.

    Raises:
        Refused: it is something else.
    """
    if text is None:
        return None
    found = re.fullmatch(r"(?:sha256:)?([0-9a-f]{64})", text.strip().lower())
    if found is None:
        raise Refused(
            "SDF318",
            f"`{text}` is no sha256, which has 64 digits from 0-9 and a-f",
            hint="`sdflow model fetch SOURCE` tells it. The short hashes that some programs show are not enough.",
            field="sha256",
        )
    return f"sha256:{found[1]}"
