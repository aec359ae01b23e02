"""What a LoRA's file tells while planning: its family, its components, and what it is when it is none."""

import pickle
from collections.abc import Mapping
from pathlib import Path

import pytest

from sdflow.models.adapter import describe_adapter
from sdflow.models.context import Context
from sdflow.models.hub_place import HubPlace
from sdflow.models.refused import ModelError
from sdflow.models.request import AdapterRequest
from sdflow.values import AdapterFacts
from tests.models.hub import Hub, Repo, offline
from tests.models.layout import safetensors, sha256

ATTENTION = "down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k"
LAYER = f"lora_unet_{ATTENTION}"
SGM = "input_blocks_4_1_transformer_blocks_0_attn2_to_k"
DOTTED = "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k"
CLIP = "text_model_encoder_layers_0_self_attn_q_proj"
NOWHERE = HubPlace(Path("/nowhere"), "http://127.0.0.1:9", offline=True, listings=Path("/nowhere"))
Shapes = Mapping[str, tuple[int, ...]]


def file_of(shapes: Shapes) -> bytes:
    return safetensors({name: ("F16", shape, bytes(2 * _count(shape))) for name, shape in shapes.items()})


def _count(shape: tuple[int, ...]) -> int:
    count = 1
    for side in shape:
        count *= side
    return count


def facts(folder: Path, source: str = "./lora.safetensors", hub: HubPlace = NOWHERE) -> AdapterFacts:
    return describe_adapter(AdapterRequest("lora", source), Context(folder, sha256, hub, folder / "cache"))


def pair(owner: str, inputs: int, down: str = "lora_down", up: str = "lora_up") -> Shapes:
    return {f"{owner}.{down}.weight": (1, inputs), f"{owner}.{up}.weight": (8, 1)}


# Tensors, the family, and the components that are changed.
KNOWN: list[tuple[Shapes, str, set[str]]] = [
    (pair(f"lora_unet_{ATTENTION}", 768), "sd1", {"unet"}),
    (pair(f"lora_unet_{ATTENTION}", 1024), "sd2", {"unet"}),
    (pair(f"lora_unet_{SGM}", 2048), "sdxl", {"unet"}),
    (pair(f"lora_unet_{SGM}", 1280), "sdxl-refiner", {"unet"}),
    (pair(DOTTED, 768, "lora_A", "lora_B"), "sd1", {"unet"}),
    (pair(DOTTED.replace("attn2.to_k", "attn2.processor.to_k_lora"), 2048, "down", "up"), "sdxl", {"unet"}),
    (pair(DOTTED.removeprefix("unet."), 768, "lora_A", "lora_B"), "sd1", {"unet"}),
    (pair(f"lora_te_{CLIP}", 768), "", {"text_encoder"}),
    (pair(f"lora_te_{CLIP}", 1024), "sd2", {"text_encoder"}),
    ({**pair(f"lora_te1_{CLIP}", 768), **pair(f"lora_te2_{CLIP}", 1280)}, "sdxl", {"text_encoder", "text_encoder_2"}),
    (pair("lora_unet_input_blocks_7_1_transformer_blocks_9_attn1_to_q", 1280), "sdxl", {"unet"}),
    ({f"lora_unet_{ATTENTION}.hada_w1_b": (4, 768)}, "sd1", {"unet"}),
    ({f"lora_unet_{ATTENTION}.lokr_w1": (8, 8), f"lora_unet_{ATTENTION}.lokr_w2": (40, 96)}, "sd1", {"unet"}),
    (
        {
            f"lora_unet_{SGM}.lokr_{part}": shape
            for part, shape in {"w1": (8, 8), "w2_a": (9, 2), "w2_b": (2, 256)}.items()
        },
        "sdxl",
        {"unet"},
    ),
    (pair("lora_unet_down_blocks_0_resnets_0_conv1", 320), "", {"unet"}),
    (pair(f"lycoris_{ATTENTION}", 768), "sd1", {"unet"}),
    (pair("diffusion_model.input_blocks.4.1.transformer_blocks.0.attn2.to_k", 2048), "sdxl", {"unet"}),
    (
        {
            **pair("text_encoders.clip_l.transformer.text_model.encoder.layers.0.mlp.fc1", 768),
            **pair("text_encoders.clip_g.transformer.text_model.encoder.layers.0.mlp.fc1", 1280),
        },
        "sdxl",
        {"text_encoder", "text_encoder_2"},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("shapes", "family", "roles"), KNOWN)
def test_family_and_components(tmp_path: Path, shapes: Shapes, family: str, roles: set[str]) -> None:
    (tmp_path / "lora.safetensors").write_bytes(file_of(shapes))
    found = facts(tmp_path)
    assert (found.family, set(found.roles or ())) == (family, roles)
    assert found.file.digest == sha256(tmp_path / "lora.safetensors")


# Tensors, the code, and what is said.
REFUSED: list[tuple[Shapes, str, str]] = [
    (pair("lora_unet_double_blocks_0_img_attn_proj", 3072), "SDF331", "is a LoRA for FLUX or a model like it"),
    (pair("transformer.single_transformer_blocks.0.attn.to_q", 64, "lora_A", "lora_B"), "SDF331", "for FLUX"),
    (pair("transformer.transformer_blocks.0.attn.add_q_proj", 64, "lora_A", "lora_B"), "SDF331", "Diffusion 3"),
    (pair("diffusion_model.blocks.0.self_attn.q", 64, "lora_A", "lora_B"), "SDF331", "a diffusion transformer"),
    (pair("lora_net_mid", 8), "SDF330", "looks like a LoRA, but its layers have names that sdflow does not know"),
    ({f"lora_unet_{ATTENTION}.diff": (8, 8)}, "SDF330", "holds whole weights or norms"),
    ({f"lora_unet_{ATTENTION}.oft_blocks": (4, 2, 2)}, "SDF330", "holds OFT or BOFT"),
    ({f"lora_unet_{ATTENTION}.on_input": (1,)}, "SDF330", "holds IA³"),
    ({f"lora_unet_{ATTENTION}.a1.weight": (1, 8)}, "SDF330", "holds GLoRA"),
    (pair("base_model.model.down_blocks.0.to_q", 8, "lora_A", "lora_B"), "SDF330", "`adapter_config.json` beside it"),
    (
        {
            "model.diffusion_model.input_blocks.0.0.weight": (320, 4, 3, 3),
            "first_stage_model.decoder.conv_in.weight": (512, 4, 3, 3),
        },
        "SDF330",
        "is no LoRA; it looks like a checkpoint of a whole model",
    ),
    ({"decoder.conv_in.weight": (512, 4, 3, 3)}, "SDF330", "is no LoRA; it looks like a vae alone"),
    ({"emb_params": (4, 768)}, "SDF330", "is no LoRA; it looks like a textual inversion"),
    ({f"{LAYER}.lora_down.weight": (), f"{LAYER}.lora_up.weight": ()}, "SDF330", "has the shape []"),
    ({f"{LAYER}.lora_down.weight": (0, 768), f"{LAYER}.lora_up.weight": (8, 0)}, "SDF330", "the shape [0, 768]"),
    ({**pair(LAYER, 768), f"{LAYER}.lora_up.weight": (0, 1)}, "SDF330", "has the shape [0, 1]"),
    ({**pair(LAYER, 768), f"{LAYER}.alpha": (4,)}, "SDF330", "alpha` has the shape [4]"),
]  # fmt: skip


@pytest.mark.parametrize(("shapes", "code", "said"), REFUSED)
def test_what_is_none_is_called_by_its_name(tmp_path: Path, shapes: Shapes, code: str, said: str) -> None:
    (tmp_path / "lora.safetensors").write_bytes(file_of(shapes))
    with pytest.raises(ModelError) as refused:
        facts(tmp_path)
    assert refused.value.problems[0].code == code
    assert said in refused.value.problems[0].message


BYTES = {
    "a text": (b"hello, this is a text and no weights at all", "SDF305", "is a text file"),
    "a web page": (b"<!DOCTYPE html><html>404</html>", "SDF305", "is a web page"),
    "cut off": (file_of(pair(f"lora_unet_{ATTENTION}", 768))[:-9], "SDF305", "is cut off"),
}


@pytest.mark.parametrize("name", BYTES)
def test_files_that_are_no_weights(tmp_path: Path, name: str) -> None:
    data, code, said = BYTES[name]
    (tmp_path / "lora.safetensors").write_bytes(data)
    with pytest.raises(ModelError) as refused:
        facts(tmp_path)
    assert refused.value.problems[0].code == code
    assert said in refused.value.problems[0].message


class _Payload:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.mark,)


def test_a_pickle_with_a_payload_is_refused_and_not_run(tmp_path: Path) -> None:
    import torch

    mark = tmp_path / "executed"
    torch.save({f"lora_unet_{ATTENTION}.lora_down.weight": _Payload(mark)}, tmp_path / "lora.pt")
    with pytest.raises(ModelError) as refused:
        facts(tmp_path, "./lora.pt")
    assert refused.value.problems[0].code == "SDF316"
    (tmp_path / "raw.pt").write_bytes(pickle.dumps({"a": _Payload(mark)}))
    with pytest.raises(ModelError):
        facts(tmp_path, "./raw.pt")
    assert not mark.exists()


def test_a_pickle_is_described_without_running_it(tmp_path: Path) -> None:
    import torch

    tensors = {name: torch.zeros(shape) for name, shape in pair(f"lora_unet_{ATTENTION}", 768).items()}
    torch.save(tensors, tmp_path / "lora.pt")
    assert facts(tmp_path, "./lora.pt").family == "sd1"


def test_offline_a_file_that_is_not_here_is_looked_at_later(hub: Hub, tmp_path: Path) -> None:
    flux = file_of(pair("lora_unet_double_blocks_0_img_attn_proj", 3072))
    hub.repos["someone/flux"] = Repo({"pytorch_lora_weights.safetensors": flux})
    with pytest.raises(ModelError, match="is a LoRA for FLUX"):
        facts(tmp_path, "someone/flux", hub.place)
    found = facts(tmp_path / "elsewhere", "someone/flux", offline(hub.place))
    assert (found.family, found.roles, found.location.folder) == ("", None, None)
