"""Large libraries are imported by the command line without the collector of cycles, and are what they are otherwise."""

import subprocess
import sys
from pathlib import Path

import pytest

SEEN = """
import gc, sys
from sdflow import quick_imports
sys.path.insert(0, sys.argv[1])
quick_imports.LARGE = frozenset({"large"})
gc.collect()
quick_imports.quicken_imports()
quick_imports.quicken_imports()
import large.part, other
assert sum(type(it).__name__ == "_Finder" for it in sys.meta_path) == 1
print(large.collecting, large.part.collecting, large.part.inner, other.collecting, gc.isenabled())
import inspect
print(inspect.getsource(large.part).splitlines()[0])
try:
    import large.broken
except ZeroDivisionError:
    print(gc.isenabled())
"""


def test_the_collector_rests_while_a_large_library_is_imported_and_only_then(tmp_path: Path) -> None:
    collecting = "import gc\ncollecting = gc.isenabled()\n"
    (tmp_path / "large").mkdir()
    (tmp_path / "large" / "__init__.py").write_text(collecting)
    (tmp_path / "large" / "part.py").write_text(collecting + "from helper import collecting as inner\n")
    (tmp_path / "large" / "broken.py").write_text("1 / 0\n")
    for name in ("helper", "other"):
        (tmp_path / f"{name}.py").write_text(collecting)
    done = subprocess.run(
        [sys.executable, "-c", SEEN, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["False False False True True", "import gc", "True"]


def test_the_command_line_does_so(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    said = (
        "import sys\nfrom sdflow.cli.main import main\nsys.argv[1:] = ['--version']\n"
        "try:\n    main()\nexcept SystemExit:\n    import torch\n    print(type(torch.__spec__.loader).__name__)\n"
    )
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "_Undisturbed"
