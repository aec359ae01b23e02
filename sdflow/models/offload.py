"""A module whose weights wait in host memory and come to the device group by group, in each call. Imports torch."""

from typing import Any, Literal

import torch


def offload_by_group(module: Any, level: Literal["block", "leaf"], device: str) -> None:
    """Keep the weights of a module where they are, and bring each block, or each leaf, to `device` while it computes.

    The bits are those of the module on the device. What is laid on it later has to be on the device by itself.
    """
    settings: dict[str, Any] = {"offload_type": "leaf_level"}
    if level == "block":
        settings = {"offload_type": "block_level", "num_blocks_per_group": 1}
    module.enable_group_offload(torch.device(device), torch.device("cpu"), **settings)
