"""What is kept, and making room; and models."""

import json
from pathlib import Path

from tests.cli.conftest import Sdflow
from tests.models.layout import write_pipeline


def test_the_folder(sdflow: Sdflow, tmp_path: Path) -> None:
    assert sdflow("cache", "path").out == f"{tmp_path / 'cache'}\n"
    assert sdflow("cache", "path", "--cache", "x").out == f"{tmp_path / 'x'}\n"


def test_an_empty_cache_is_no_error_and_stays_unmade(sdflow: Sdflow, tmp_path: Path) -> None:
    assert sdflow("cache", "ls").code == 0
    assert sdflow("cache", "du").out.startswith("0 results in 0 files, 0 B of ")
    assert sdflow("cache", "verify").out == "read 0 records and 0 files, 0 B\nall is as it should be\n"
    assert sdflow("cache", "gc").code == 0
    assert not (tmp_path / "cache").exists()


def test_ls_and_du(sdflow: Sdflow) -> None:
    sdflow("run", "sum.yaml")
    lines = sdflow("cache", "ls").out.splitlines()
    assert lines[0].split() == ["key", "type", "results", "size", "took", "made"]
    assert sorted(line.split()[1] for line in lines[1:]) == ["add", "add", "make", "make"]
    assert [row["type"] for row in json.loads(sdflow("cache", "ls", "--json").out)].count("make") == 2
    usage = json.loads(sdflow("cache", "du", "--json").out)
    assert usage["records"] == 4
    assert usage["by_type"]["make"]["records"] == 2
    assert "4 results in " in sdflow("cache", "du").out


def test_gc_says_first_what_it_would_do(sdflow: Sdflow) -> None:
    sdflow("run", "sum.yaml")
    answer = sdflow("cache", "gc", "--limit", "0", "--dry-run")
    assert answer.out.startswith("would remove 0 results")
    assert "would leave 4 results" in answer.out
    assert "pinned, in use or was just used" in answer.out
    done = json.loads(sdflow("cache", "gc", "--older-than", "30d", "--json").out)
    assert (done["records"], done["left_records"], done["dry_run"]) == (0, 4, False)


def test_gc_refuses_what_is_no_size_or_time(sdflow: Sdflow) -> None:
    assert (
        sdflow("cache", "gc", "--limit", "5 apples").err
        == "SDF725 5 apples is not a size, such as 5GB or 500MB\n"
    )
    answer = sdflow("cache", "gc", "--older-than", "soon")
    assert (answer.code, answer.err.split()[0]) == (2, "SDF725")


def test_verify_finds_a_flipped_bit_and_the_next_run_mends_it(sdflow: Sdflow, tmp_path: Path) -> None:
    sdflow("run", "sum.yaml")
    (blob, *_) = sorted((tmp_path / "cache").glob("*/blobs/*/*"))
    content = bytearray(blob.read_bytes())
    content[-1] ^= 1
    blob.chmod(0o644)
    blob.write_bytes(content)
    answer = sdflow("cache", "verify")
    assert answer.code == 1
    assert f"damaged {blob.name[:12]}, removed; it was a result of " in answer.out
    assert sdflow("cache", "verify").code == 0
    assert sdflow("run", "sum.yaml", "--refresh").code == 0


def test_models_that_come_with_sdflow(sdflow: Sdflow) -> None:
    assert "builtin:tiny" in sdflow("model", "list").out


def test_a_model_is_shown_by_its_components(sdflow: Sdflow, tmp_path: Path) -> None:
    folder = write_pipeline(tmp_path / "model")
    said = sdflow("model", "show", folder).out.splitlines()
    assert "latents of 4 channels at 1/8" in said[0]
    rows = {line.split()[0]: line.split()[1] for line in said[3:8]}
    assert list(rows) == ["tokenizer", "text_encoder", "unet", "vae", "scheduler"]
    assert rows["unet"] == "UNet2DConditionModel"
    components = json.loads(sdflow("model", "show", folder, "--json").out)["components"]
    assert [it["role"] for it in components] == list(rows)
    assert all(it["parameters"] > 0 for it in components if it["role"] in ("unet", "vae", "text_encoder"))


def test_a_model_that_is_not_there(sdflow: Sdflow) -> None:
    answer = sdflow("model", "show", "builtin:tinny")
    assert answer.code == 2
    assert "SDF312" in answer.err
