"""action.yml by itself: one source, documented, checked by the same linters as the workflows."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from support.recording_terminal import RecordingTerminal

from reconciler.commands.init import ACTION, InitOptions, run_init
from reconciler.github.action_inputs import VARIABLES

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "action.yml").read_text("utf-8")
DEFINITION: dict[str, Any] = YAML(typ="safe").load(TEXT)
INPUTS: dict[str, dict[str, Any]] = DEFINITION["inputs"]
DOCUMENT = (ROOT / "docs/action.md").read_text("utf-8")
INSTALL, RUN = DEFINITION["runs"]["steps"]


def test_init_writes_the_same_file(tmp_path: Path, terminal: RecordingTerminal) -> None:
    assert (ROOT / "reconciler/templates/action.yml").read_text("utf-8") == TEXT, "cp action.yml reconciler/templates/"
    run_init(tmp_path, InitOptions("scim", "example.com", None), terminal)
    assert (tmp_path / ACTION).read_text("utf-8") == TEXT


def test_every_input_reaches_the_step() -> None:
    passed = {name.removeprefix("${{ inputs.").removesuffix(" }}"): key for key, name in RUN["env"].items()}
    assert passed.keys() == INPUTS.keys()
    assert {name: passed[name] for name in VARIABLES} == VARIABLES


def test_no_script_contains_an_expression_and_nothing_is_installed_beside_a_token() -> None:
    assert "${{" not in INSTALL["run"] + RUN["run"]
    assert "env" not in INSTALL
    assert "secrets." not in TEXT
    assert "github.token" not in TEXT
    assert "GITHUB_TOKEN" not in TEXT
    assert len(re.findall("pip install", TEXT)) == 2
    assert "uses:" not in re.sub(r"#.*", "", TEXT)


def test_inputs_and_outputs_are_described() -> None:
    assert list(INPUTS) == [*dict.fromkeys(INPUTS)]
    for name, one in (*INPUTS.items(), *DEFINITION["outputs"].items()):
        assert one["description"].endswith("."), name
    assert [name for name, one in INPUTS.items() if one.get("required")] == ["command"]


@pytest.mark.parametrize("kind", ["inputs", "outputs"])
def test_the_document_lists_them(kind: str) -> None:
    section = DOCUMENT.partition(f"\n## {kind.capitalize()}\n")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| (.+?) \|$", section, re.MULTILINE))
    expected = {}
    for name, one in DEFINITION[kind].items():
        default = one.get("default")
        shown = f" Default: `{default}`." if default and "${{" not in default else ""
        expected[name] = one["description"] + shown
    assert {name: " ".join(text.split()) for name, text in rows.items()} == expected


def test_each_command_has_an_example() -> None:
    examples = re.findall(r"^```yaml\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
    steps = [step for text in examples for step in YAML(typ="safe").load(text) if isinstance(step, dict)]
    used = [step for step in steps if "reconciler" in step.get("uses", "") or "OWNER" in step.get("uses", "")]
    assert {step["with"]["command"] for step in used} == {"plan", "apply", "drift", "import", "validate"}
    assert {step["uses"] for step in used} == {"OWNER/REPOSITORY@SHA", "./.github/actions/reconciler"}
    for step in used:
        assert step["with"].keys() <= INPUTS.keys()
        assert ("program" in step["with"]) == step["uses"].startswith("./")


def test_zizmor_finds_nothing(tmp_path: Path) -> None:
    (tmp_path / "action.yml").write_text(TEXT)
    command = [str(Path(sys.executable).parent / "zizmor"), "--offline", "--quiet", str(tmp_path / "action.yml")]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
