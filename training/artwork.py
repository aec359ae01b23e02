"""The drawings: Microsoft's Fluent Emoji in 3D (MIT), fetched by their package name and never committed."""

import base64
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from training.config import Artwork


def fetch_artwork(wanted: Artwork, folder: Path) -> Path:
    """The folder of drawings, `CODEPOINTS.webp`; fetched with npm's client if it is not there yet.

    Raises:
        FileNotFoundError: npm is not installed.
        ValueError: the package's bytes are not those that are expected.
        subprocess.CalledProcessError: npm could not fetch it.
    """
    if wanted.folder is not None:
        return wanted.folder
    assets = folder / "package" / "assets"
    if assets.is_dir():
        return assets
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        command = ["npm", "pack", f"{wanted.package}@{wanted.version}", "--silent"]
        subprocess.run(command, cwd=name, check=True, stdout=subprocess.DEVNULL)
        (packed,) = Path(name).glob("*.tgz")
        unpack_artwork(packed, wanted, Path(name) / "unpacked")
        shutil.move(Path(name) / "unpacked" / "package", folder / "package")
    return assets


def unpack_artwork(packed: Path, wanted: Artwork, folder: Path) -> None:
    """The package's files under `folder`, after its bytes were checked.

    Raises:
        ValueError: the bytes are others.
    """
    found = f"sha512-{base64.b64encode(hashlib.sha512(packed.read_bytes()).digest()).decode()}"
    if found != wanted.integrity:
        raise ValueError(f"{wanted.package}@{wanted.version} has {found}, expected {wanted.integrity}")
    with tarfile.open(packed) as archive:
        archive.extractall(folder, filter="data")
