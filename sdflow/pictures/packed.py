"""Compressed texts inside pictures, unpacked with a limit: a stranger's may be a decompression bomb."""

import zlib

MAX_TEXT_BYTES = 64 * 2**20
"""Bytes of the longest text that is unpacked."""


def packed(data: bytes) -> bytes:
    """`data` as a zlib stream."""
    return zlib.compress(data, 9)


def unpacked(data: bytes) -> bytes:
    """What `packed` was given.

    Raises:
        ValueError: `data` is no zlib stream, is cut short, or unpacks to more than MAX_TEXT_BYTES.
    """
    stream = zlib.decompressobj()
    try:
        text = stream.decompress(data, MAX_TEXT_BYTES)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if not stream.eof:
        raise ValueError("the compressed text is cut short or too long")
    return text
