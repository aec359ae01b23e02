"""A git repository, asked through git itself."""

import os
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sdflow.problems import problem


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository with a working tree at `root`."""

    root: Path

    @classmethod
    def around(cls, folder: Path) -> "Repository | None":
        """The repository that a folder is in; None where it is in none, or git is not installed."""
        try:
            answer = _git(folder, "rev-parse", "--show-toplevel")
        except FileNotFoundError:
            return None
        return cls(Path(os.fsdecode(answer.stdout).rstrip("\n"))) if answer.returncode == 0 else None

    def commit(self, revision: str) -> str | None:
        """The commit that a revision names, or None."""
        if revision.startswith("-"):
            return None
        answer = _git(self.root, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
        return answer.stdout.decode().strip() if answer.returncode == 0 else None

    def tracked(self, commit: str | None) -> tuple[str, ...]:
        """Names of the files of a commit; of the index, and files that git does not know yet, for None."""
        if commit is not None:
            return self._names("ls-tree", "-r", "-z", "--name-only", commit)
        return self._names("ls-files", "-z", "--cached", "--others", "--exclude-standard")

    def untracked(self) -> tuple[str, ...]:
        """What lies in the working tree and is in no commit, ignored files too; whole folders as one name."""
        return self._names("ls-files", "-z", "--others", "--directory", "--no-empty-directory")

    def content(self, commit: str, name: str) -> bytes:
        """The bytes of a file of a commit."""
        return self._ask("cat-file", "blob", f"{commit}:{name}")

    def extract(self, commit: str, folder: Path) -> None:
        """Write all files of a commit into an empty folder, as a checkout would have them."""
        with tempfile.TemporaryFile() as archive:
            answer = subprocess.run(
                ["git", "-C", str(self.root), "archive", "--format=tar", commit],
                stdout=archive,
                stderr=subprocess.PIPE,
                check=False,
            )
            if answer.returncode:
                raise _failed("archive", answer.stderr)
            archive.seek(0)
            with tarfile.open(fileobj=archive) as tar:
                tar.extractall(folder, filter=_inside)  # noqa: S202 - the filter keeps it inside

    def renamed(self, before: str, after: str | None) -> Mapping[str, str]:
        """New name → old name of the files that were renamed between two commits, or since one."""
        versions = [before] if after is None else [before, after]
        parts = self._names("diff", "--name-status", "-z", "--find-renames", "--diff-filter=R", *versions)
        return {parts[at + 2]: parts[at + 1] for at in range(0, len(parts) - 2, 3)}

    def setting(self, name: str) -> str | None:
        """A value of the repository's configuration."""
        answer = _git(self.root, "config", "--get", name)
        return answer.stdout.decode().rstrip("\n") if answer.returncode == 0 else None

    def set(self, name: str, value: str) -> None:
        """Write a value into the repository's own configuration."""
        self._ask("config", "--local", name, value)

    def _names(self, *arguments: str) -> tuple[str, ...]:
        return tuple(os.fsdecode(name) for name in self._ask(*arguments).split(b"\0") if name)

    def _ask(self, *arguments: str) -> bytes:
        answer = _git(self.root, *arguments)
        if answer.returncode:
            raise _failed(arguments[0], answer.stderr)
        return answer.stdout


def _git(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, check=False)


def _failed(command: str, said: bytes) -> Exception:
    return problem("SDF742", f"git {command}: {said.decode(errors='replace').strip()}")


def _inside(member: tarfile.TarInfo, path: str) -> tarfile.TarInfo | None:
    """What may be written: links that lead out of the folder are left out."""
    try:
        return tarfile.data_filter(member, path)
    except tarfile.FilterError:
        return None
