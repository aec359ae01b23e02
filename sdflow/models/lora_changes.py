"""What a LoRA or one of its kin does to one layer, as PEFT's layers take it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch

Kind: TypeAlias = Literal["lora", "loha", "lokr"]


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """The tensors of one layer by part (`lora_names`), and by how much they count.

    alpha: what adds is multiplied by alpha / rank (Kohya's scripts); None is the rank, so that it counts as it is.
    rank_stabilized: the multiplier is alpha / √rank (arXiv:2312.03732).
    """

    tensors: Mapping[str, torch.Tensor]
    alpha: float | None = None
    rank_stabilized: bool = False

    @property
    def kind(self) -> Kind:
        """Low rank (arXiv:2106.09685), a Hadamard product of two (arXiv:2108.06098), or a Kronecker product.

        The last is LyCORIS' LoKr (arXiv:2309.14859).
        """
        if any(part.startswith("hada_") for part in self.tensors):
            return "loha"
        return "lokr" if any(part.startswith("lokr_") for part in self.tensors) else "lora"

    @property
    def rank(self) -> int:
        """Its inner size; 1 for a Kronecker product of two full matrices, which alpha does not scale."""
        inner = {"lora": ("down",), "loha": ("hada_w1_b",), "lokr": ("lokr_w1_b", "lokr_w2_b")}[self.kind]
        return next((self.tensors[part].shape[0] for part in inner if part in self.tensors), 1)

    @property
    def missing(self) -> str | None:
        """A part that it cannot do without and does not have."""
        needed: tuple[tuple[str, ...], ...]
        if self.kind == "lora":
            needed = (("down",), ("up",))
        elif self.kind == "loha":
            needed = tuple((f"hada_w{side}_{half}",) for side in "12" for half in "ab")
        else:
            needed = tuple((f"lokr_w{side}", f"lokr_w{side}_{half}") for side in "12" for half in "ab")
        return next((way[-1] for way in needed if not any(part in self.tensors for part in way)), None)

    @property
    def options(self) -> dict[str, float | bool]:
        """What PEFT's configuration of this kind is told."""
        full = self.kind == "lokr" and not {"lokr_w1_b", "lokr_w2_b"} & self.tensors.keys()
        alpha = float(self.rank) if self.alpha is None or full else self.alpha
        if self.kind == "lora":
            return {
                "r": self.rank,
                "lora_alpha": alpha,
                "use_rslora": self.rank_stabilized,
                "use_dora": bool({"dora_scale", "magnitude"} & self.tensors.keys()),
                "lora_bias": "bias" in self.tensors,
                "init_lora_weights": False,
            }
        plain: dict[str, float | bool] = {"r": self.rank, "alpha": alpha, "init_weights": False}
        return {**plain, "use_effective_conv2d": True} if "hada_t1" in self.tensors else plain

    @property
    def settings(self) -> tuple[object, ...]:
        """Changes with equal settings can be built together."""
        return (self.kind, *self.options.items())

    def fits(self, weight: torch.Tensor) -> bool:
        """Whether it can be added to a weight, float[out, in, …]."""
        tensors, rows = self.tensors, weight.shape[0]
        columns = weight.numel() // rows
        per_row = [tensors[part].numel() for part in ("bias", "magnitude", "dora_scale") if part in tensors]
        if any(count != rows for count in per_row):
            return False
        if self.kind == "lora":
            down, up = self._down(), tensors["up"]
            sides = (up.shape[0], up[0].numel(), down.shape[0], down[0].numel())
            return sides == (rows, self.rank, self.rank, columns)
        if self.kind == "loha":
            kernel = tensors["hada_t1"][0, 0].numel() if "hada_t1" in tensors else 1
            out = tensors["hada_w1_a"].shape[1 if "hada_t1" in tensors else 0]
            pairs = [(tensors[f"hada_w1_{half}"].shape, tensors[f"hada_w2_{half}"].shape) for half in "ab"]
            alike = all(one == other for one, other in pairs)
            return alike and (out, tensors["hada_w1_b"].shape[1] * kernel) == (rows, columns)
        out, inputs = 1, 1
        for side in "12":
            height, width = self._kronecker(side)
            out, inputs = out * height, inputs * width
        return (out, inputs) == (rows, columns)

    def parameters(self) -> dict[str, torch.Tensor]:
        """The tensors by the names that they have in PEFT's layers."""
        if self.kind != "lora":
            return {part: tensor for part, tensor in self.tensors.items() if part != "alpha"}
        tensors = {"lora_A.weight": self._down(), "lora_B.weight": self.tensors["up"]}
        for part, name in (
            ("bias", "lora_B.bias"),
            ("dora_scale", "lora_magnitude_vector.weight"),
            ("magnitude", "lora_magnitude_vector.weight"),
        ):
            if part in self.tensors:
                tensors[name] = self.tensors[part]
        return tensors

    def _down(self) -> torch.Tensor:
        """The first factor; with LoCon's kernel between two 1×1 convolutions, the two of them as one."""
        down, mid = self.tensors["down"], self.tensors.get("mid")
        return down if mid is None else torch.einsum("srhw,ri->sihw", mid, down.flatten(1))

    def _kronecker(self, side: str) -> tuple[int, int]:
        """Rows and columns of one factor of a Kronecker product; a kernel counts among the columns."""
        tensors = self.tensors
        whole = tensors.get(f"lokr_w{side}")
        if whole is not None:
            return whole.shape[0], whole[0].numel()
        first, second = tensors[f"lokr_w{side}_a"], tensors[f"lokr_w{side}_b"]
        if side == "2" and "lokr_t2" in tensors:
            return first.shape[1], second.shape[1] * tensors["lokr_t2"][0, 0].numel()
        return first.shape[0], second.shape[1]
