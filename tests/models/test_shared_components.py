"""Built-in models that share components, and built-ins that are no models."""

from pathlib import Path

import pytest

from sdflow.models.builtin import BUILTINS, Builtin, Shipped, builtin_tree, check_kind
from sdflow.models.refused import Refused


def write(folder: Path, **files: str) -> Path:
    for name, content in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return folder


@pytest.fixture
def builtins(tmp_path: Path) -> dict[str, Builtin]:
    base = write(tmp_path / "base", model_index="{}", vae__config="of the base", unet__config="of the base")
    top = write(tmp_path / "top", model_index="{}", unet__config="its own")
    return {
        "base": Shipped(base, ""),
        "top": Shipped(top, "", {"vae": "base"}),
        "lora": Shipped(top, "", kind="LoRA"),
    }


def digest(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def test_a_shared_component_is_the_other_models_at_its_place(
    builtins: dict[str, Builtin], tmp_path: Path
) -> None:
    base, top = (builtin_tree(name, tmp_path, digest, builtins) for name in ("base", "top"))
    assert top.label == "`builtin:top`"
    assert top.complete
    assert top.folders() == {"vae", "unet"}
    assert top.names() == {"model_index"}
    assert top.names("vae") == {"config"}
    assert (top.read("vae/config"), top.read("unet/config")) == (b"of the base", b"its own")
    assert top.digest("vae/config") == base.digest("vae/config")
    assert (
        top.path("vae/config")
        == base.path("vae/config")
        == top.fetch("vae/config")
        == top.outline("vae/config")
    )
    assert top.size("vae/config") == len("of the base")
    assert top.location("vae", frozenset()).folder == base.location("vae", frozenset()).folder
    assert top.location("unet", frozenset()).folder == tmp_path / "top" / "unet"


def test_one_of_another_kind_is_refused(builtins: dict[str, Builtin]) -> None:
    check_kind("base", "model", "VAE", builtins=builtins)
    check_kind("unknown", "LoRA", builtins=builtins)  # refused where it is opened
    with pytest.raises(Refused, match="`builtin:base` is a model, and no LoRA") as caught:
        check_kind("base", "LoRA", builtins=builtins)
    assert caught.value.problem.hint == "It belongs to `load-model`. Of that kind there is `builtin:lora`."


def test_what_is_shared_is_there() -> None:
    for name, builtin in BUILTINS.items():
        if isinstance(builtin, Shipped):
            assert builtin.folder.is_dir(), name
            for folder, other in builtin.shares.items():
                shared = BUILTINS[other]
                assert isinstance(shared, Shipped)
                assert (shared.folder / folder).is_dir(), (name, folder)
                assert not (builtin.folder / folder).exists(), "it lies in the package twice"
