"""Write what is generated in examples/ again: `make examples`."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from support.example_directory import WRITTEN_BY_HAND, import_people
from support.workspace import run

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
INIT: dict[str, tuple[str, ...]] = {
    "small-company": (),
    "entra-import": ("--import",),
    "school-fleet": ("--fleet",),
}
"""Options of `init` that write the workflows of each example."""
IMPORTED = EXAMPLES / "entra-import" / "desired-state"
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
    """Write the workflows of all examples, and the people that one of them imports."""
    for name in INIT:
        replace_files(EXAMPLES / name / GITHUB, render_workflows(name))
    by_hand = {name: (IMPORTED / name).read_text("utf-8") for name in WRITTEN_BY_HAND}
    replace_files(IMPORTED, by_hand | import_people(IMPORTED))


if __name__ == "__main__":
    main()
