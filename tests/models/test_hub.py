"""Models on the hub: what is asked, when, and what a plan knows before anything is downloaded."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sdflow.models import download
from sdflow.models.download import ensure_local
from sdflow.models.hub_place import HubPlace
from sdflow.models.refused import ModelError
from sdflow.models.request import ModelRequest, PartRequest
from sdflow.problems import UserError
from tests.models.conftest import Resolve
from tests.models.hub import COMMIT, Hub, Repo, offline
from tests.models.layout import ROLES, sha256, weights, write_pipeline


def test_a_plan_knows_everything_before_the_download(hub: Hub, resolve: Resolve, pipeline: Path) -> None:
    hub.repos["someone/model"] = Repo.of_folder(pipeline)
    here = resolve(str(pipeline))
    there = resolve("someone/model", hub=hub.place)
    assert there.describe(ROLES) == here.describe(ROLES)
    assert (there.family, there.space, there.native_size) == (here.family, here.space, here.native_size)
    assert not [name for name in hub.downloads() if name.endswith(".safetensors")]
    unet = there.components["unet"].location
    assert (unet.folder, unet.repo, unet.revision, unet.subfolder) == (None, "someone/model", COMMIT, "unet")
    assert unet.download_bytes == (pipeline / "unet/diffusion_pytorch_model.safetensors").stat().st_size
    assert there.components["tokenizer"].location.folder is not None


def test_the_download_changes_no_key_and_comes_once(hub: Hub, resolve: Resolve, pipeline: Path) -> None:
    hub.repos["someone/model"] = Repo.of_folder(pipeline)
    before = resolve("someone/model", hub=hub.place)
    seen: list[tuple[int, int]] = []
    unet = ensure_local(
        before.components["unet"], lambda done, total: seen.append((done, total)), hub=hub.place
    )
    assert unet.digest == before.components["unet"].digest
    assert unet.location.folder is not None
    file = unet.location.folder / "diffusion_pytorch_model.safetensors"
    assert file.read_bytes() == (pipeline / "unet" / file.name).read_bytes()
    assert seen[-1] == (file.stat().st_size, file.stat().st_size)
    assert ensure_local(unet, hub=hub.place) is unet
    asked = len(hub.requests)
    after = resolve("someone/model", hub=hub.place)
    assert len(hub.requests) == asked, "what was listed once needs no network"
    assert after.describe(ROLES) == before.describe(ROLES)
    assert after.components["unet"].location.folder == unet.location.folder
    assert after.components["vae"].location.folder is None
    assert after.components["unet"].parameters == 6


def test_a_listed_model_plans_offline_and_says_so_when_it_has_to_run(
    hub: Hub, resolve: Resolve, pipeline: Path
) -> None:
    hub.repos["someone/model"] = Repo.of_folder(pipeline)
    online = resolve("someone/model", hub=hub.place)
    model = resolve("someone/model", hub=offline(hub.place))
    assert model == online
    with pytest.raises(UserError, match=r"SDF309 .*offline"):
        ensure_local(model.components["vae"], hub=offline(hub.place))


def _cached_snapshot(place: HubPlace, repo: str, folder: Path, *, ref: str = "main") -> Path:
    """A hub cache as other programs leave it: blobs by name, links to them, a ref. No listing."""
    home = place.repo_folder(repo)
    snapshot = home / "snapshots" / COMMIT
    (home / "refs").mkdir(parents=True)
    (home / "refs" / ref).write_text(COMMIT)
    (home / "blobs").mkdir()
    for path in (path for path in folder.rglob("*") if path.is_file()):
        digest = sha256(path).removeprefix("sha256:")
        blob = home / "blobs" / (digest if path.suffix == ".safetensors" else digest[:40])
        blob.write_bytes(path.read_bytes())
        link = snapshot / path.relative_to(folder)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(blob, link.parent))
    return snapshot


def test_a_cached_snapshot_needs_no_network_and_its_weights_are_not_read(
    hub: Hub, resolve: Resolve, pipeline: Path
) -> None:
    snapshot = _cached_snapshot(hub.place, "someone/model", pipeline)
    blob = (snapshot / "unet/diffusion_pytorch_model.safetensors").resolve()
    named = f"sha256:{blob.name}"
    blob.write_bytes(weights(99))  # had it been read, the digest would be another
    model = resolve("someone/model", hub=hub.place)
    assert hub.requests == []
    assert model.components["unet"].files[0].digest == named
    location = model.components["unet"].location
    assert (location.folder, location.repo, location.revision) == (snapshot / "unet", "someone/model", COMMIT)


@pytest.mark.parametrize("is_offline", [True, False])
def test_a_snapshot_with_holes_is_completed_from_the_hub(
    hub: Hub, resolve: Resolve, pipeline: Path, *, is_offline: bool
) -> None:
    hub.repos["someone/model"] = Repo.of_folder(pipeline)
    whole = resolve(str(pipeline))
    snapshot = _cached_snapshot(hub.place, "someone/model", pipeline)
    (snapshot / "vae/diffusion_pytorch_model.safetensors").unlink()
    if is_offline:
        with pytest.raises(ModelError, match="SDF309"):
            resolve("someone/model", hub=offline(hub.place))
        return
    model = resolve("someone/model", hub=hub.place)
    assert model.describe(ROLES) == whole.describe(ROLES)
    assert model.components["vae"].location.folder is None
    assert model.components["unet"].location.folder == snapshot / "unet"


def test_a_cache_with_pickles_alone_is_checked_against_the_hub(
    hub: Hub, resolve: Resolve, pipeline: Path
) -> None:
    hub.repos["someone/model"] = Repo.of_folder(pipeline)
    snapshot = _cached_snapshot(hub.place, "someone/model", pipeline)
    (snapshot / "vae/diffusion_pytorch_model.safetensors").unlink()
    (snapshot / "vae/diffusion_pytorch_model.bin").write_bytes(b"PK\x03\x04" + bytes(100))
    online = resolve("someone/model", hub=hub.place)
    assert [file.name for file in online.components["vae"].files] == ["diffusion_pytorch_model.safetensors"]


def test_without_a_hub_what_is_cached_is_used(hub: Hub, resolve: Resolve, pipeline: Path) -> None:
    snapshot = _cached_snapshot(hub.place, "someone/model", pipeline)
    (snapshot / "vae/diffusion_pytorch_model.safetensors").unlink()
    (snapshot / "vae/diffusion_pytorch_model.bin").write_bytes(b"PK\x03\x04" + bytes(100))
    model = resolve("someone/model", hub=offline(hub.place))
    assert [file.name for file in model.components["vae"].files] == ["diffusion_pytorch_model.bin"]
    assert model.components["vae"].parameters == 104 // 4


def test_a_renamed_repository_is_followed_and_named(hub: Hub, resolve: Resolve, pipeline: Path) -> None:
    hub.repos["new-owner/model"] = Repo.of_folder(pipeline)
    hub.renamed["old-owner/model"] = "new-owner/model"
    model = resolve("old-owner/model", hub=hub.place)
    location = model.components["unet"].location
    assert location.repo == "new-owner/model"
    assert "now `new-owner/model`" in location.source
    asked = len(hub.requests)
    assert resolve("old-owner/model", hub=hub.place) == model
    assert len(hub.requests) == asked
    assert ensure_local(model.components["unet"], hub=hub.place).location.folder is not None


def test_access_and_names(hub: Hub, resolve: Resolve, pipeline: Path) -> None:
    repo = Repo.of_folder(pipeline)
    hub.repos |= {
        "someone/gated": replace(repo, gated=True),
        "someone/listed": replace(repo, gated_files=True),
        "someone/private": replace(repo, token="hf_theirs"),
        "someone/mine": replace(repo, token="hf_ours"),
        "someone/forbidden": replace(repo, forbidden=True),
    }
    _cached_snapshot(hub.place, "someone/mode1", pipeline)
    cases = {
        "someone/gated": ("SDF310", f"{hub.place.endpoint}/someone/gated"),
        "someone/listed": ("SDF310", "Accept it"),
        "someone/private": ("SDF302", ""),
        "someone/forbidden": ("SDF310", "Log in"),
        "someone/model": ("SDF302", "`someone/mode1`"),
        "nobody/nothing": ("SDF302", "Log in"),
    }
    for name, (code, hint) in cases.items():
        with pytest.raises(ModelError) as caught:
            resolve(name, hub=hub.place)
        (finding,) = caught.value.findings
        assert (finding.field, finding.problem.code) == (("source",), code), name
        assert hint in (finding.problem.hint or ""), name
    assert resolve("someone/mine", hub=hub.place).family == "sd1"


def test_revisions(hub: Hub, resolve: Resolve, pipeline: Path) -> None:
    hub.repos["someone/model"] = replace(Repo.of_folder(pipeline), branches=("main", "v2"))
    branch = resolve(ModelRequest("someone/model", revision="v2"), hub=hub.place)
    commit = resolve(ModelRequest("someone/model", revision=COMMIT), hub=hub.place)
    assert branch.describe(ROLES) == commit.describe(ROLES)
    for revision, hint in (("v9", "branch"), ("fp16", "`variant: fp16`")):
        with pytest.raises(ModelError) as caught:
            resolve(ModelRequest("someone/model", revision=revision), hub=hub.place)
        (finding,) = caught.value.findings
        assert (finding.field, finding.problem.code) == (("revision",), "SDF311")
        assert hint in (finding.problem.hint or "")


def test_a_hub_that_does_not_answer(hub: Hub, resolve: Resolve) -> None:
    deaf = replace(hub.place, endpoint="http://127.0.0.1:9")
    with pytest.raises(ModelError, match=r"SDF309 `someone/model` .*127\.0\.0\.1:9 could not be asked"):
        resolve("someone/model", hub=deaf)


def test_a_connection_that_ends_before_the_weights(
    hub: Hub, resolve: Resolve, pipeline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)  # the hub's library tries five times
    hub.repos["someone/model"] = Repo.of_folder(pipeline)
    vae = resolve("someone/model", hub=hub.place).components["vae"]
    deaf = replace(hub.place, endpoint="http://127.0.0.1:9")
    with pytest.raises(UserError, match="SDF309") as caught:
        ensure_local(vae, hub=deaf)
    assert "\n" not in caught.value.problems[0].message


def test_a_part_from_the_hub_beside_a_folder(hub: Hub, resolve: Resolve, pipeline: Path) -> None:
    """`stabilityai/sd-vae-ft-mse` is laid out so: one component at the root of its repository."""
    vae = Repo.of_folder(pipeline / "vae")
    name = "diffusion_pytorch_model.safetensors"
    vae.files[name] = weights(77)
    hub.repos["someone/vae"] = vae
    request = ModelRequest(str(pipeline), parts={"vae": PartRequest("someone/vae")})
    model = resolve(request, hub=hub.place)
    whole = resolve(str(pipeline))
    changed = [role for role in ROLES if model.components[role].digest != whole.components[role].digest]
    assert changed == ["vae"]
    fetched = ensure_local(model.components["vae"], hub=hub.place)
    assert fetched.location.folder is not None
    assert (fetched.location.folder / name).read_bytes() == weights(77)


def test_bytes_that_are_not_what_the_hub_told_are_refused(hub: Hub, resolve: Resolve, pipeline: Path) -> None:
    hub.repos["someone/model"] = Repo.of_folder(pipeline)
    hub.corrupt.add("vae/diffusion_pytorch_model.safetensors")
    vae = resolve("someone/model", hub=hub.place).components["vae"]
    with pytest.raises(UserError, match="SDF317"):
        ensure_local(vae, hub=hub.place)
    hub.corrupt.clear()
    assert ensure_local(vae, hub=hub.place).location.folder is not None


def test_no_space_is_said_before_the_download(
    hub: Hub, resolve: Resolve, pipeline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.repos["someone/model"] = Repo.of_folder(pipeline)
    vae = resolve("someone/model", hub=hub.place).components["vae"]
    monkeypatch.setattr(download, "_SPARE", 1 << 62)
    asked = len(hub.requests)
    with pytest.raises(UserError, match="SDF313"):
        ensure_local(vae, hub=hub.place)
    assert len(hub.requests) == asked


def test_the_environment_of_the_hub_is_honoured(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from sdflow.models.hub_place import HubPlace;"
        "it = HubPlace.of_environment(Path('c')); print(it.cache, it.endpoint, it.offline);"
        "print(HubPlace.of_environment(Path('c'), offline=False).offline);"
        "print('huggingface_hub.hf_api' in sys.modules)"
    )
    environment = {
        **os.environ,
        "HF_HOME": str(tmp_path),
        "HF_ENDPOINT": "https://mirror.example",
        "HF_HUB_OFFLINE": "1",
    }
    environment.pop("HF_HUB_CACHE", None)
    environment.pop("HUGGINGFACE_HUB_CACHE", None)
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    first, *rest = run.stdout.splitlines()
    assert first == f"{tmp_path / 'hub'} https://mirror.example True"
    assert rest == ["False", "False"]


def test_a_listing_with_a_name_that_leads_out_is_not_followed(
    hub: Hub, resolve: Resolve, pipeline: Path
) -> None:
    repo = Repo.of_folder(pipeline)
    del repo.files["unet/diffusion_pytorch_model.safetensors"]
    index = b'{"weight_map": {"a": "../../../../secret.safetensors"}}'
    repo.files["unet/diffusion_pytorch_model.safetensors.index.json"] = index
    hub.repos["someone/model"] = repo
    with pytest.raises(ModelError, match="SDF306"):
        resolve("someone/model", hub=hub.place)


def test_a_folder_of_the_hub_cache_is_the_same_model(hub: Hub, resolve: Resolve, tmp_path: Path) -> None:
    other = write_pipeline(tmp_path / "other")
    snapshot = _cached_snapshot(hub.place, "someone/model", other)
    assert resolve(str(snapshot)).describe(ROLES) == resolve(str(other)).describe(ROLES)
