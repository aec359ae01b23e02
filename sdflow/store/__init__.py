"""Results by content: records and blobs, verification, size limits; and what planning remembers."""

from sdflow.store.blobs import digest_of
from sdflow.store.collect import Collected
from sdflow.store.digests import DigestMemo
from sdflow.store.errors import LostValueError, StoreError
from sdflow.store.layout import Layout
from sdflow.store.location import cache_root, default_limit
from sdflow.store.memory import MemoryTier
from sdflow.store.record import Earlier, Record, StoredOutput
from sdflow.store.runs import RunIndex
from sdflow.store.store import Store
from sdflow.store.usage import Share, Usage
from sdflow.store.verify import Verified

__all__ = [
    "Collected",
    "DigestMemo",
    "Earlier",
    "Layout",
    "LostValueError",
    "MemoryTier",
    "Record",
    "RunIndex",
    "Share",
    "Store",
    "StoreError",
    "StoredOutput",
    "Usage",
    "Verified",
    "cache_root",
    "default_limit",
    "digest_of",
]
