"""Animations as files: frames, times, repetitions, and what each kind of file cannot hold."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageSequence

from sdflow.pictures.animation import durations, write_animation
from sdflow.pictures.texts import texts_of
from sdflow.problems import UserError
from sdflow.values import Animation, AnimationSpec, Image
from sdflow.values.animation_files import check_animation


def film(
    count: int = 6, *, fps: float = 12.0, channels: int = 3, hold: float = 0.0, loop: int | None = None
) -> Animation:
    """Smooth colours that move, so that no two frames are alike."""
    y, x = np.mgrid[0:32, 0:48]
    frames = [np.stack([x * 5, y * 7, (x + y + 20 * n) % 256], axis=-1) for n in range(count)]
    pixels = np.stack(frames).astype(np.uint8)
    if channels == 4:
        pixels = np.concatenate([pixels, np.full((*pixels.shape[:3], 1), 255, np.uint8)], axis=-1)
    return Animation(Image(pixels), fps, hold, loop)


def read(path: Path) -> tuple[list["np.ndarray[tuple[int, ...], np.dtype[np.uint8]]"], list[int], object]:
    with Pillow.open(path) as picture:
        frames, times = [], []
        for frame in ImageSequence.Iterator(picture):
            frames.append(np.array(frame.convert("RGB")))
            times.append(int(frame.info["duration"]))
        return frames, times, picture.info.get("loop")


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_every_frame_is_there_in_order_and_for_its_time(tmp_path: Path, suffix: str) -> None:
    made = film(hold=1.0)
    write_animation(made, tmp_path / f"a{suffix}", {})
    frames, times, loop = read(tmp_path / f"a{suffix}")
    assert len(frames) == 6
    for frame, pixels in zip(frames, made.frames.pixels, strict=True):
        assert np.abs(frame.astype(int) - pixels).mean() < 8
    assert sum(times) == 1500
    assert times[-1] > 1000
    assert loop == 0, "for ever"
    write_animation(film(hold=1.0), tmp_path / f"b{suffix}", {})
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


@pytest.mark.parametrize(("loop", "gif", "webp"), [(None, 0, 0), (0, 0, 0), (1, None, 1), (3, 2, 3)])
def test_how_often_it_is_shown(tmp_path: Path, loop: int | None, gif: int | None, webp: int) -> None:
    for suffix, expected in ((".gif", gif), (".webp", webp)):
        write_animation(film(2, loop=loop), tmp_path / f"a{suffix}", {})
        assert read(tmp_path / f"a{suffix}")[2] == expected


def test_times_do_not_drift() -> None:
    assert durations(film(6, fps=24.0), 10) == [40, 40, 40, 50, 40, 40]
    assert sum(durations(film(6, fps=24.0), 1)) == 250


def test_webp_says_how_it_was_made(tmp_path: Path) -> None:
    write_animation(film(2), tmp_path / "a.webp", {"parameters": "a fox", "sdflow": "{}"})
    found = texts_of(tmp_path / "a.webp")
    assert (found["parameters"], found["sdflow"]) == ("a fox", "{}")


@pytest.mark.parametrize("channels", [3, 4])
def test_mp4_has_the_frames_and_holds_the_last(tmp_path: Path, channels: int) -> None:
    ffmpeg = pytest.importorskip("imageio_ffmpeg")
    made = film(6, fps=6.0, channels=channels, hold=0.5)
    write_animation(made, tmp_path / "a.mp4", {})
    command = [
        ffmpeg.get_ffmpeg_exe(),
        "-i",
        str(tmp_path / "a.mp4"),
        "-f",
        "rawvideo",
        "-pix_fmt",
        "rgb24",
        "-",
    ]
    read_back = subprocess.run(command, capture_output=True, check=True)
    frames = np.frombuffer(read_back.stdout, np.uint8).reshape(-1, 32, 48, 3).astype(int)
    assert b"h264" in read_back.stderr
    assert b"6 fps" in read_back.stderr
    assert len(frames) == 9
    for frame, pixels in zip(frames, made.frames.pixels, strict=False):
        assert np.abs(frame - pixels[..., :3]).mean() < 12
    assert np.abs(frames[-1] - frames[5]).mean() < 4


@pytest.mark.parametrize(
    ("name", "spec", "says"),
    [
        ("a.gif", AnimationSpec(3, 8, 8, 60.0), "at most 50"),
        ("a.mp4", AnimationSpec(3, 8, 9, 8.0), "even sides"),
        ("a.mp4", AnimationSpec(3, 8, 8, 8.0, loop=2), "how often"),
    ],
)
def test_what_a_file_cannot_hold_is_refused(name: str, spec: AnimationSpec, says: str) -> None:
    with pytest.raises(UserError, match=says) as refused:
        check_animation(Path(name), spec)
    assert refused.value.problems[0].code == "SDF372"


def test_without_ffmpeg_the_hint_is_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sdflow.values.animation_files.find_spec", lambda _name: None)
    with pytest.raises(UserError) as refused:
        check_animation(Path("a.mp4"), AnimationSpec(3, 8, 8, 8.0))
    assert refused.value.problems[0].code == "SDF445"
    assert "sdflow[video]" in str(refused.value.problems[0].hint)
