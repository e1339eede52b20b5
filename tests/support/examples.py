"""Write what is generated in examples/ again: `make examples`."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from support.workspace import run

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
INIT = {"small-company": ()}
"""Options of `init` that write the workflows of each example."""
GITHUB = Path(".github")
LEFT_OUT = "CODEOWNERS"
"""It has names to replace, and GitHub shows an error for each until then."""


def read_files(folder: Path) -> dict[str, str]:
    """Return the texts of all files below a folder, by their relative paths."""
    return {
        path.relative_to(folder).as_posix(): path.read_text("utf-8")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def render_workflows(name: str) -> dict[str, str]:
    """Return the files below .github that `init` writes for an example, by their relative paths."""
    with TemporaryDirectory() as made:
        assert run(["reconciler", "init", made, "--quiet", *INIT[name]]).code == 0
        found = read_files(Path(made, GITHUB))
    del found[LEFT_OUT]
    return found


def replace_files(folder: Path, texts: dict[str, str]) -> None:
    """Make these texts the only files below a folder."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def main() -> None:
    """Write the workflows of all examples."""
    for name in INIT:
        replace_files(EXAMPLES / name / GITHUB, render_workflows(name))


if __name__ == "__main__":
    main()
