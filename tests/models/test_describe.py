"""What `sdflow model show` prints."""

from pathlib import Path

from sdflow.models.describe import component_rows, component_table, human_size
from tests.models.conftest import Resolve
from tests.models.hub import COMMIT, Hub, Repo
from tests.models.layout import CUDA, ROLES


def test_rows_and_table(resolve: Resolve, pipeline: Path) -> None:
    model = resolve("./pipeline", device=CUDA)
    rows = component_rows(model)
    assert tuple(row.role for row in rows) == ROLES
    unet = rows[2]
    assert (unet.class_name, unet.parameters, unet.dtype, unet.stored_dtype) == (
        "UNet2DConditionModel",
        6,
        "float16",
        "float32",
    )
    assert unet.digest == model.components["unet"].digest
    head, *lines = component_table(rows).splitlines()
    assert head.split() == ["part", "class", "parameters", "size", "dtype", "digest", "where"]
    assert "float32 → float16" in lines[2]
    assert str(pipeline / "unet") in lines[2]
    assert unet.digest[:12] in lines[2]


def test_a_model_that_is_not_here(hub: Hub, resolve: Resolve, pipeline: Path) -> None:
    hub.repos["someone/model"] = Repo.of_folder(pipeline)
    rows = component_rows(resolve("someone/model", hub=hub.place))
    assert rows[2].where == "`someone/model`, not downloaded"
    assert rows[2].download == rows[2].size > 0
    assert {row.revision for row in rows} == {COMMIT}


def test_sizes_are_said_as_readers_say_them() -> None:
    sizes = {0: "0 B", 999: "999 B", 1000: "1.0 kB", 334_643_276: "335 MB", 3_438_167_540: "3.4 GB"}
    assert {size: human_size(size) for size in sizes} == sizes
