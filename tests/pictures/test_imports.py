"""Planning looks at pictures and sizes without paying for numpy, Pillow or torch before it has to."""

import subprocess
import sys

LIGHT = (
    "sdflow.pictures.read",
    "sdflow.pictures.size",
    "sdflow.pictures.resize",
    "sdflow.pictures.layout",
    "sdflow.pictures.grid",
    "sdflow.pictures.write",
    "sdflow.pictures.texts",
    "sdflow.provenance.origin",
    "sdflow.provenance.parameters",
)


def test_importing_is_light() -> None:
    program = (
        f"import sys, importlib; [importlib.import_module(name) for name in {LIGHT}]; "
        "print(*sorted({'numpy', 'PIL', 'torch'} & sys.modules.keys()))"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""
