"""From folders to models: descriptions that follow bytes, and nothing else."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sdflow.composition import Json
from sdflow.models.builtin import BUILTINS, Written, builtin_folder
from sdflow.models.refused import ModelError, Refused
from sdflow.models.request import ModelRequest, PartRequest
from sdflow.values import LatentSpace
from tests.models.conftest import Resolve
from tests.models.layout import (
    CUDA,
    INDEX,
    ROLES,
    SCHEDULER,
    TEXT,
    UNET,
    VAE,
    WEIGHTED,
    weights,
    write_json,
    write_pipeline,
)
from tests.models.single_file import checkpoint, write

TOYBOX = Path(__file__).parents[3] / "shared" / "models" / "toybox-prototype"


def test_a_pipeline(resolve: Resolve, pipeline: Path) -> None:
    model = resolve("./pipeline")
    assert tuple(model.components) == ROLES
    assert (model.family, model.space, model.native_size) == ("sd1", LatentSpace("sd", 4, 8), (512, 512))
    unet = model.components["unet"]
    assert (unet.parameters, unet.bytes_as_loaded, unet.dtype) == (6, 24, "float32")
    assert unet.location.folder == pipeline / "unet"
    assert model.components["scheduler"].config == SCHEDULER
    tokenizer = model.components["tokenizer"]
    assert [file.name for file in tokenizer.files] == ["merges.txt", "tokenizer_config.json", "vocab.json"]
    assert not tokenizer.dtype


def test_the_same_bytes_elsewhere_are_the_same_model(resolve: Resolve, pipeline: Path) -> None:
    shutil.copytree(pipeline, pipeline.parent / "renamed")
    (pipeline.parent / "renamed" / "README.md").write_text("a note")
    assert resolve("./renamed").describe(ROLES) == resolve("./pipeline").describe(ROLES)


@pytest.mark.parametrize("role", WEIGHTED)
def test_one_byte_changes_one_component(resolve: Resolve, pipeline: Path, role: str) -> None:
    before = resolve("./pipeline")
    (file,) = (pipeline / role).glob("*.safetensors")
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    after = resolve("./pipeline")
    changed = [name for name in ROLES if after.components[name].digest != before.components[name].digest]
    assert changed == [role]


def test_where_a_configuration_was_saved_changes_nothing(resolve: Resolve, pipeline: Path) -> None:
    before = resolve("./pipeline")
    write_json(pipeline / "unet/config.json", {**UNET, "_name_or_path": "x", "_diffusers_version": "0.40.0"})
    write_json(pipeline / "text_encoder/config.json", {**TEXT, "torch_dtype": "float16", "dtype": "float16"})
    assert resolve("./pipeline").describe(ROLES) == before.describe(ROLES)
    write_json(pipeline / "unet/config.json", {**UNET, "norm_eps": 1e-6})
    assert resolve("./pipeline").components["unet"].digest != before.components["unet"].digest


def test_dtypes(resolve: Resolve, pipeline: Path) -> None:
    assert resolve("./pipeline", device=CUDA).components["unet"].dtype == "float16"
    half = resolve(ModelRequest("./pipeline", dtype="bfloat16"))
    assert half.components["unet"].bytes_as_loaded == 12
    full = resolve("./pipeline")
    changed = [role for role in ROLES if half.components[role].digest != full.components[role].digest]
    assert sorted(changed) == sorted(WEIGHTED)


def test_shards_count_as_one(resolve: Resolve, pipeline: Path) -> None:
    (pipeline / "unet/diffusion_pytorch_model.safetensors").unlink()
    stem = "diffusion_pytorch_model"
    for number in (1, 2):
        (pipeline / f"unet/{stem}-0000{number}-of-00002.safetensors").write_bytes(
            weights(number).replace(b"weight", b"w%05d" % number)
        )
    weight_map: dict[str, Json] = {
        "w00001": f"{stem}-00001-of-00002.safetensors",
        "w00002": f"{stem}-00002-of-00002.safetensors",
    }
    write_json(pipeline / f"unet/{stem}.safetensors.index.json", {"weight_map": weight_map})
    unet = resolve("./pipeline").components["unet"]
    assert len(unet.files) == 2
    assert unet.parameters == 12
    (pipeline / f"unet/{stem}-00002-of-00002.safetensors").unlink()
    with pytest.raises(ModelError, match=r"SDF306 .*00002-of-00002.safetensors`, which is not there"):
        resolve("./pipeline")


def test_variants(resolve: Resolve, pipeline: Path) -> None:
    """A model may have a variant of some components only; then the others are taken as they are."""
    plain = resolve("./pipeline")
    (pipeline / "unet/diffusion_pytorch_model.fp16.safetensors").write_bytes(weights(9, "F16"))
    (pipeline / "vae/diffusion_pytorch_model.fp16.safetensors").write_bytes(weights(9, "F16"))
    assert resolve("./pipeline").describe(ROLES) == plain.describe(ROLES)
    half = resolve(ModelRequest("./pipeline", variant="fp16"))
    changed = [role for role in ROLES if half.components[role].files != plain.components[role].files]
    assert changed == ["unet", "vae"]
    with pytest.raises(ModelError) as caught:
        resolve(ModelRequest("./pipeline", variant="fp61"))
    (finding,) = caught.value.findings
    assert (finding.field, finding.problem.code) == (("variant",), "SDF307")
    assert finding.problem.hint == "Did you mean `fp16`?"


def test_a_model_of_a_variant_alone_names_it(resolve: Resolve, pipeline: Path) -> None:
    folder = pipeline / "unet"
    name = "diffusion_pytorch_model"
    (folder / f"{name}.safetensors").rename(folder / f"{name}.fp16.safetensors")
    with pytest.raises(ModelError) as caught:
        resolve("./pipeline")
    assert [it.problem.code for it in caught.value.findings] == ["SDF307"]
    assert caught.value.problems[0].hint == "Write `variant: fp16`."


def test_pickles_only_where_there_is_nothing_else(resolve: Resolve, pipeline: Path) -> None:
    pickled = pipeline / "unet/diffusion_pytorch_model.bin"
    pickled.write_bytes(b"PK\x03\x04" + bytes(396))
    assert [it.name for it in resolve("./pipeline").components["unet"].files] == [
        "diffusion_pytorch_model.safetensors"
    ]
    (pipeline / "unet/diffusion_pytorch_model.safetensors").unlink()
    unet = resolve("./pipeline").components["unet"]
    assert [it.name for it in unet.files] == ["diffusion_pytorch_model.bin"]
    assert unet.parameters == 100


def test_parts_from_their_own_places(resolve: Resolve, pipeline: Path) -> None:
    other = write_pipeline(pipeline.parent / "other")
    (other / "vae/diffusion_pytorch_model.safetensors").write_bytes(weights(50))
    shutil.copytree(other / "vae", pipeline.parent / "vae-alone")
    base = resolve("./pipeline")
    for written in ("./other", "./vae-alone", "./other/vae"):
        model = resolve(ModelRequest("./pipeline", parts={"vae": PartRequest(written)}))
        assert model.components["vae"].digest == resolve("./other").components["vae"].digest
        assert model.components["unet"].digest == base.components["unet"].digest
    deep = resolve(ModelRequest("./pipeline", parts={"vae": PartRequest("./other", subfolder="vae")}))
    assert deep.components["vae"].digest == model.components["vae"].digest


def test_a_model_of_parts_alone(resolve: Resolve, pipeline: Path) -> None:
    parts = {role: PartRequest(f"./pipeline/{role}") for role in ROLES}
    assert resolve(ModelRequest(None, parts=parts)).describe(ROLES) == resolve("./pipeline").describe(ROLES)
    del parts["vae"], parts["scheduler"]
    with pytest.raises(ModelError, match=r"SDF306 .*`vae`, `scheduler` are missing"):
        resolve(ModelRequest(None, parts=parts))


def test_the_text_half_of_a_whole_clip_model(resolve: Resolve, pipeline: Path) -> None:
    """`openai/clip-vit-large-patch14`: tokenizer files and a CLIPModel in one folder, with nested configs."""
    clip = pipeline.parent / "clip"
    shutil.copytree(pipeline / "tokenizer", clip)
    inner: dict[str, Json] = {"hidden_size": 512, "model_type": "clip_text_model"}
    write_json(
        clip / "config.json",
        {
            "architectures": ["CLIPModel"],
            "model_type": "clip",
            "text_config": inner,
            "text_config_dict": {"hidden_size": 768},
        },
    )
    both = weights(5).replace(b'"weight"', b'"text_model.w"', 1)
    (clip / "model.safetensors").write_bytes(_with_length(both))
    source = PartRequest("./clip")
    model = resolve(ModelRequest("./pipeline", parts={"text_encoder": source, "tokenizer": source}))
    text = model.components["text_encoder"]
    assert (text.class_name, text.config["hidden_size"]) == ("CLIPTextModel", 768)
    assert model.components["tokenizer"].digest == resolve("./pipeline").components["tokenizer"].digest


def _with_length(file: bytes) -> bytes:
    """A safetensors file whose header was edited, with its length put right."""
    head = file[8:].partition(b"}}")[0] + b"}}"
    return len(head).to_bytes(8, "little") + file[8:]


def test_all_problems_come_together_each_with_its_field(resolve: Resolve, pipeline: Path) -> None:
    (pipeline / "unet/config.json").write_text("{")
    shutil.rmtree(pipeline / "tokenizer")
    request = ModelRequest(
        "./pipeline",
        parts={"vae": PartRequest("./nowhere"), "scheduler": PartRequest("./pipeline", subfolder="schedule")},
    )
    with pytest.raises(ModelError) as caught:
        resolve(request)
    found = [(it.field, it.problem.code) for it in caught.value.findings]
    assert found == [
        (("source",), "SDF306"),
        (("source",), "SDF314"),
        (("vae", "source"), "SDF302"),
        (("scheduler", "subfolder"), "SDF315"),
    ]
    assert caught.value.findings[3].problem.hint == "Did you mean `scheduler`?"


def test_parts_that_do_not_fit(resolve: Resolve, pipeline: Path) -> None:
    write_json(pipeline / "text_encoder/config.json", {**TEXT, "hidden_size": 1024})
    write_json(pipeline / "vae/config.json", {**VAE, "latent_channels": 16})
    with pytest.raises(ModelError) as caught:
        resolve("./pipeline")
    assert [(it.field, it.problem.code) for it in caught.value.findings] == [
        (("text_encoder",), "SDF308"),
        (("vae",), "SDF308"),
    ]


def test_a_tokenizer_of_another_language(resolve: Resolve, pipeline: Path) -> None:
    write_json(pipeline.parent / "words/vocab.json", {"a": 0, "b": 49408})
    (pipeline.parent / "words/merges.txt").write_text("#version: 0.2\n")
    with pytest.raises(ModelError, match="tokens up to 49408, and the text encoder knows 49408") as caught:
        resolve(ModelRequest("./pipeline", parts={"tokenizer": PartRequest("./words")}))
    assert caught.value.findings[0].field == ("tokenizer",)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"in_channels": 5}, "depth-to-image"),
        ({"addition_embed_type": "text_image"}, "Kandinsky"),
        ({"num_class_embeds": 1000}, "classes or noise levels"),
    ],
)
def test_unets_of_other_models(resolve: Resolve, pipeline: Path, change: dict[str, Json], words: str) -> None:
    write_json(pipeline / "unet/config.json", {**UNET, **change})
    with pytest.raises(ModelError, match=f"SDF303 .*{words}"):
        resolve("./pipeline")


def test_families_and_sizes(resolve: Resolve, pipeline: Path) -> None:
    write_json(pipeline / "unet/config.json", {**UNET, "cross_attention_dim": 1024, "sample_size": [96, 64]})
    write_json(pipeline / "text_encoder/config.json", {**TEXT, "hidden_size": 1024})
    model = resolve("./pipeline")
    assert (model.family, model.native_size) == ("sd2", (512, 768))
    write_json(pipeline / "unet/config.json", {**UNET, "sample_size": 32, "_diffusers_version": "0.2.2"})
    write_json(pipeline / "text_encoder/config.json", TEXT)
    assert resolve("./pipeline").native_size == (512, 512), "as the pipelines read the first files"


def test_other_ways_to_run_the_same_components(resolve: Resolve, pipeline: Path) -> None:
    before = resolve("./pipeline")
    write_json(pipeline / "model_index.json", {**INDEX, "_class_name": "StableDiffusionPAGPipeline"})
    write_json(pipeline / "unet/config.json", {**UNET, "cross_attention_dim": [768, 768, 768, 768]})
    after = resolve("./pipeline")
    assert after.components["vae"] == before.components["vae"]
    assert after.family == "sd1"


def test_a_tiny_autoencoder(resolve: Resolve, pipeline: Path) -> None:
    config: dict[str, Json] = {
        "_class_name": "AutoencoderTiny",
        "encoder_block_out_channels": [64, 64, 64, 64],
    }
    write_json(pipeline.parent / "taesd/config.json", config)
    (pipeline.parent / "taesd/diffusion_pytorch_model.safetensors").write_bytes(weights(4))
    model = resolve(ModelRequest("./pipeline", parts={"vae": PartRequest("./taesd")}))
    assert model.components["vae"].class_name == "AutoencoderTiny"
    assert model.space == LatentSpace("sd", 4, 8)


def test_subfolders(resolve: Resolve, pipeline: Path) -> None:
    inside = resolve(ModelRequest(".", subfolder="pipeline"))
    assert inside.describe(ROLES) == resolve("./pipeline").describe(ROLES)
    for wrong, code in (("pipelin", "SDF315"), ("../x", "SDF315")):
        with pytest.raises(ModelError, match=code):
            resolve(ModelRequest(".", subfolder=wrong))


def test_a_folder_has_no_revision(resolve: Resolve, pipeline: Path) -> None:
    with pytest.raises(ModelError) as caught:
        resolve(ModelRequest("./pipeline", revision="main"))
    assert caught.value.findings[0].field == ("revision",)


def test_a_mistyped_folder_names_its_neighbour(resolve: Resolve, pipeline: Path) -> None:
    with pytest.raises(ModelError) as caught:
        resolve("./pipelne")
    assert "`pipeline`" in (caught.value.problems[0].hint or "")


def test_builtin_models_are_written_once_and_whole(tmp_path: Path) -> None:
    written: list[Path] = []

    def write(folder: Path) -> None:
        written.append(folder)
        write_pipeline(folder)

    builtins = {"tiny": Written(3, "for this test", write)}
    folder = builtin_folder("tiny", tmp_path, builtins)
    assert folder == tmp_path / "builtin" / "tiny-3" == builtin_folder("tiny", tmp_path, builtins)
    assert (folder / "model_index.json").is_file()
    assert len(written) == 1
    assert [it.name for it in folder.parent.iterdir()] == ["tiny-3"]

    def fail(folder: Path) -> None:
        (folder / "half").mkdir()
        raise OSError(28, "No space left on device")

    with pytest.raises(Refused, match="No space left"):
        builtin_folder("tiny", tmp_path, {"tiny": Written(4, "", fail)})
    assert [it.name for it in folder.parent.iterdir()] == ["tiny-3"]


def test_an_unknown_builtin(resolve: Resolve) -> None:
    assert "tiny" in BUILTINS
    with pytest.raises(ModelError) as caught:
        resolve("builtin:tinny")
    assert caught.value.problems[0].hint == "Did you mean `builtin:tiny`?"


@pytest.mark.skipif(not TOYBOX.is_dir(), reason="the trained prototype is not on this machine")
def test_the_trained_prototype(resolve: Resolve) -> None:
    model = resolve(str(TOYBOX))
    assert (model.family, model.native_size, model.space) == ("sd", (128, 128), LatentSpace("sd", 4, 8))


@pytest.mark.parametrize("source", ["./pipeline", "./file.safetensors", "./file.ckpt"])
def test_resolving_imports_nothing_heavy(pipeline: Path, tiny: Path, source: str) -> None:
    if source.startswith("./file"):
        write(checkpoint(tiny), pipeline.parent / source)
        shutil.copytree(tiny, pipeline, dirs_exist_ok=True)
    code = (
        "import json, sys; from pathlib import Path; from sdflow.device import Device;"
        "from sdflow.models.resolve import resolve_model;"
        "from sdflow.models.request import ModelRequest;"
        "p = Path(sys.argv[1]); cpu = Device('cpu', 0, '', 1);"
        "config = None if sys.argv[2] == './pipeline' else './pipeline';"
        "resolve_model(ModelRequest(sys.argv[2], config=config), base=p, device=cpu,"
        "memo=lambda f: 'sha256:0', cache_root=p);"
        "print(json.dumps(sorted({m.split('.')[0] for m in sys.modules})))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(pipeline.parent), source], capture_output=True, text=True, check=True
    )
    heavy = {"torch", "diffusers", "transformers", "numpy", "safetensors", "httpx", "httpx2", "requests"}
    assert not heavy & set(json.loads(run.stdout))
