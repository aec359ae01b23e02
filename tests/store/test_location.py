"""Where the store is: what was asked for, else the environment, else the platform's cache folder."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import platformdirs
import pytest

from sdflow.store import cache_root, default_limit
from sdflow.store.location import GIGABYTE


def test_the_option_wins_over_the_environment(tmp_path: Path) -> None:
    assert cache_root(tmp_path / "a", {"SDFLOW_CACHE": str(tmp_path / "b")}) == tmp_path / "a"
    assert cache_root(None, {"SDFLOW_CACHE": str(tmp_path / "b")}) == tmp_path / "b"


@pytest.mark.parametrize("environ", [{}, {"SDFLOW_CACHE": ""}])
def test_the_default_is_the_platforms(environ: dict[str, str]) -> None:
    assert cache_root(None, environ) == platformdirs.user_cache_path("sdflow", appauthor=False)


def test_a_home_folder_is_expanded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert cache_root(Path("~/cache"), {}) == tmp_path / "cache"
    assert cache_root(None, {"SDFLOW_CACHE": "~/cache"}) == tmp_path / "cache"


def test_a_relative_folder_does_not_move_with_the_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cache_root(Path("cache"), {}) == tmp_path / "cache"


@pytest.mark.parametrize(
    ("disk", "limit"),
    [(1_000 * GIGABYTE, 20 * GIGABYTE), (200 * GIGABYTE, 20 * GIGABYTE), (50 * GIGABYTE, 5 * GIGABYTE)],
)
def test_the_default_limit_is_a_share_of_the_disk(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, disk: int, limit: int
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(total=disk))
    assert default_limit(tmp_path / "not" / "yet") == limit
