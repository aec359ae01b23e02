"""The workflow and the hooks that are there to be copied: they are YAML of the right form, and their commands exist."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.docs.test_docs import ROOT, assert_parses, blocks

PAGE = ROOT / "docs" / "git.md"
BLOCKS: list[Mapping[Any, Any]] = [yaml.safe_load(block) for _, block in blocks(PAGE, "yaml")]


def hooks() -> list[Mapping[Any, Any]]:
    """Those of the page, and those that the repository offers."""
    (config,) = [block for block in BLOCKS if "repos" in block]
    offered: list[Mapping[Any, Any]] = yaml.safe_load(
        (ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")
    )
    return [*(hook for repo in config["repos"] for hook in repo["hooks"]), *offered]


def test_the_commands_of_the_workflow_exist() -> None:
    (workflow,) = [block for block in BLOCKS if "jobs" in block]
    steps = workflow["jobs"]["golden"]["steps"]
    commands = [step["run"] for step in steps if "run" in step and step["run"].startswith("sdflow ")]
    assert any(command.startswith("sdflow golden verify") for command in commands)
    assert any(command.startswith("sdflow cache gc") for command in commands)
    for command in commands:
        assert_parses(command, PAGE.name)
    assert all(step.keys() & {"run", "uses"} for step in steps)
    # YAML 1.1 reads the key `on` as true; GitHub does not.
    assert workflow.get("on", workflow.get(True))
    # What the last steps hand on is what `verify` writes.
    written = re.findall(r"--(?:junit|html) (\S+)", " ".join(commands))
    assert written == steps[-1]["with"]["path"].split()


def test_the_commands_of_the_hooks_exist() -> None:
    found = hooks()
    assert {"sdflow-validate", "sdflow-lock", "sdflow-golden"} <= {hook["id"] for hook in found}
    for hook in found:
        assert {"id", "name", "entry", "language", "files"} <= hook.keys()
        files = [] if hook.get("pass_filenames") is False else ["recipes/portrait.yaml"]
        assert_parses(" ".join([hook["entry"], *files]), hook["id"])
        assert re.search(hook["files"], "recipes/portrait.yaml")
        assert not re.search(hook["files"], str(Path("docs") / "portrait.yaml"))
