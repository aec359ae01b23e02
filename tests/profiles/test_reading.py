"""Which profile is meant, and what is wrong with a file: everything at once, each at its place."""

from pathlib import Path
from typing import Any

import pytest

from sdflow.device import Device
from sdflow.problems import UserError
from sdflow.profiles.possible import idle_here, refuse_impossible
from sdflow.profiles.profile import BUILT_IN, NONE, Chosen, Profile
from sdflow.profiles.reading import find_profile, read_profile

CPU, MPS = Device("cpu", 0, "cpu", 8 << 30), Device("mps", 0, "mps", 8 << 30)
CUDA = Device("cuda", 0, "gpu", 8 << 30)


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text)
    return path


def test_the_option_goes_before_the_variable() -> None:
    environ = {"SDFLOW_PROFILE": "fast"}
    assert find_profile("low-vram", environ) == Chosen(BUILT_IN["low-vram"], "low-vram", "--profile")
    assert find_profile(None, environ) == Chosen(BUILT_IN["fast"], "fast", "SDFLOW_PROFILE")
    assert find_profile(None, {}) == NONE
    assert find_profile(None, {"SDFLOW_PROFILE": ""}) == NONE


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = write(tmp_path, "decode-tiling: auto\nweights-on-device: 0\nchannels-last: true\n")
    assert find_profile(str(path), {}).profile == Profile(
        decode_tiling="auto", weights_on_device=0.0, channels_last=True
    )


def test_an_unknown_name_is_told_the_nearest() -> None:
    with pytest.raises(UserError) as caught:
        find_profile("low-wram", {})
    (problem,) = caught.value.problems
    assert (problem.code, problem.hint) == ("SDF607", "did you mean low-vram?")
    with pytest.raises(UserError) as caught:
        find_profile(None, {"SDFLOW_PROFILE": "quick!"})
    assert "SDFLOW_PROFILE" in caught.value.problems[0].message


def test_every_mistake_of_a_file_is_told_at_once_at_its_place(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "decode-tilling: always\n"
        "decode-slicing: allways\n"
        "weights-on-device: 1.5\n"
        "compile: 1\n"
        "fused_qkv: true\n"
        "description: 3\n",
    )
    with pytest.raises(UserError) as caught:
        read_profile(path)
    found = {
        (it.position.line, it.position.column): (it.message, it.hint)
        for it in caught.value.problems
        if it.position
    }
    assert {it.code for it in caught.value.problems} == {"SDF608"}
    assert found == {
        (1, 1): ("a profile has no setting decode-tilling", "did you mean decode-tiling?"),
        (2, 17): ("decode-slicing takes never, auto or always, not allways", "did you mean always?"),
        (3, 20): ("weights-on-device takes a number from 0 to 1, not 1.5", None),
        (4, 10): ("compile takes true or false, not 1", None),
        (5, 1): ("a profile has no setting fused_qkv", "did you mean fused-qkv?"),
        (6, 14): ("description takes a text, not 3", None),
    }


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("- tiling\n", "SDF608"),
        ("", "SDF102"),
        ("compile: true\ncompile: true\n", "SDF108"),
        ("a: [", "SDF105"),
    ],
)
def test_what_is_no_profile(tmp_path: Path, text: str, code: str) -> None:
    with pytest.raises(UserError) as caught:
        read_profile(write(tmp_path, text))
    assert code in {it.code for it in caught.value.problems}


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    write(tmp_path, "compile: false\n")
    with pytest.raises(UserError) as caught:
        find_profile(str(tmp_path / "mime.yaml"), {})
    (problem,) = caught.value.problems
    assert problem.code == "SDF100"
    assert problem.hint == f"did you mean {tmp_path / 'mine.yaml'}?"


def test_what_a_machine_cannot_do_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = Chosen(Profile(compile=True, float8_storage=True), "./mine.yaml", "--profile")
    monkeypatch.setenv("CXX", "no-such-compiler")
    for device, words in ((CPU, ["compile"]), (MPS, ["compile", "float8-storage"])):
        with pytest.raises(UserError) as caught:
            refuse_impossible(chosen, device)
        assert {it.code for it in caught.value.problems} == {"SDF609"}
        assert [it.message.split()[4].rstrip(",") for it in caught.value.problems] == words
    monkeypatch.setattr("sdflow.profiles.possible.find_spec", lambda _name: None)
    with pytest.raises(UserError, match="triton"):
        refuse_impossible(chosen, CUDA)
    monkeypatch.setattr("sdflow.profiles.possible.find_spec", lambda _name: object())
    refuse_impossible(chosen, CUDA)


def test_int8_weights_are_refused_where_they_do_not_go(monkeypatch: pytest.MonkeyPatch) -> None:
    def reason(device: Device, **settings: Any) -> str:
        with pytest.raises(UserError) as caught:
            refuse_impossible(Chosen(Profile(int8_weights=True, **settings), "mine", "--profile"), device)
        (problem,) = caught.value.problems
        assert (problem.code, problem.hint) == ("SDF609", "set int8-weights to false")
        return problem.message

    monkeypatch.setattr("sdflow.profiles.possible.find_spec", lambda _name: None)
    assert "torchao" in reason(CPU)
    monkeypatch.setattr("sdflow.profiles.possible.find_spec", lambda _name: object())
    refuse_impossible(Chosen(Profile(int8_weights=True), "mine", "--profile"), CPU)
    assert "float8-storage" in reason(CPU, float8_storage=True)
    assert "group-offload" in reason(CUDA, group_offload="leaf")
    assert "Metal" in reason(MPS)


def test_what_means_nothing_here_is_known() -> None:
    low = Chosen(BUILT_IN["low-vram"], "low-vram", "--profile")
    assert idle_here(low, CPU) == ("group-offload",)
    assert idle_here(low, CUDA) == ()


@pytest.mark.parametrize("name", BUILT_IN)
@pytest.mark.parametrize("device", [CPU, CUDA, MPS], ids=str)
def test_built_in_profiles_can_be_carried_out_anywhere(
    monkeypatch: pytest.MonkeyPatch, name: str, device: Device
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    refuse_impossible(Chosen(BUILT_IN[name], name, "--profile"), device)
