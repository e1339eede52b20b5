"""A client of the YAML language server: opens files, and asks what an editor would ask, over stdin and stdout."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

EDITORS = Path(__file__).parents[1] / "editors"
SERVER = EDITORS / "node_modules/yaml-language-server/bin/yaml-language-server"
YAML = {
    "validate": True,
    "hover": True,
    "completion": True,
    "schemaStore": {"enable": False, "url": ""},
    "kubernetesCRDStore": {"enable": False},
}
"""The settings of an editor that asks nobody for schemas."""
SETTINGS: dict[str, Any] = {"yaml": YAML}


class LanguageServer:
    """One process of the server, without network; positions are lines and columns from 0."""

    def __init__(self) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self._process = subprocess.Popen(
            ["node", "--require", str(EDITORS / "no_network.cjs"), str(SERVER), "--stdio"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        self._last_id = 0
        self._diagnostics: dict[str, list[dict[str, Any]]] = {}
        capabilities = {
            "workspace": {"configuration": True},
            "textDocument": {"hover": {"contentFormat": ["plaintext"]}, "publishDiagnostics": {}},
        }
        self._ask("initialize", {"processId": None, "rootUri": None, "capabilities": capabilities})
        self._tell("initialized", {})
        self._tell("workspace/didChangeConfiguration", {"settings": SETTINGS})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    @property
    def requests(self) -> list[str]:
        """What the server asked the network for, which was refused."""
        self._errors.seek(0)
        return [line for line in self._errors.read().decode().splitlines() if line.startswith("no network: ")]

    def open(self, path: Path, text: str | None = None) -> list[dict[str, Any]]:
        """Open a file, which need not exist if a text is given, once, and return its diagnostics."""
        return self.open_all({path: path.read_text("utf-8") if text is None else text})[path]

    def open_all(self, files: Mapping[Path, str]) -> dict[Path, list[dict[str, Any]]]:
        """Open files with these texts, each once, and return their diagnostics: the server waits before each."""
        for path, text in files.items():
            document = {"uri": path.as_uri(), "languageId": "yaml", "version": 1, "text": text}
            self._diagnostics.pop(path.as_uri(), None)
            self._tell("textDocument/didOpen", {"textDocument": document})
        while any(path.as_uri() not in self._diagnostics for path in files):
            self._handle(self._read())
        return {path: self._diagnostics[path.as_uri()] for path in files}

    def complete(self, path: Path, line: int, column: int) -> dict[str, dict[str, Any]]:
        """Return what the server offers at a position, by label."""
        answer = self._ask("textDocument/completion", self._position(path, line, column))
        items = answer["items"] if isinstance(answer, dict) else answer or []
        return {item["label"]: item for item in items}

    def hover(self, path: Path, line: int, column: int) -> str:
        """Return the text that the server shows at a position."""
        answer = self._ask("textDocument/hover", self._position(path, line, column))
        return str(answer["contents"]["value"]) if answer else ""

    def _position(self, path: Path, line: int, column: int) -> dict[str, Any]:
        return {"textDocument": {"uri": path.as_uri()}, "position": {"line": line, "character": column}}

    def _ask(self, method: str, params: dict[str, Any]) -> Any:
        self._last_id += 1
        self._send({"id": self._last_id, "method": method, "params": params})
        while (message := self._read()).get("id") != self._last_id or "method" in message:
            self._handle(message)
        assert "error" not in message, message
        return message["result"]

    def _tell(self, method: str, params: dict[str, Any]) -> None:
        self._send({"method": method, "params": params})

    def _handle(self, message: dict[str, Any]) -> None:
        """Keep diagnostics and answer the questions of the server."""
        params = message.get("params") or {}
        if message.get("method") == "textDocument/publishDiagnostics":
            self._diagnostics[params["uri"]] = params["diagnostics"]
        elif message.get("method") == "workspace/configuration":
            self._send({"id": message["id"], "result": [SETTINGS.get(item["section"]) for item in params["items"]]})
        elif "id" in message and "method" in message:
            self._send({"id": message["id"], "result": None})

    def _send(self, message: dict[str, Any]) -> None:
        content = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(content), content))
        self._process.stdin.flush()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        length = 0
        while line := self._process.stdout.readline().strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        assert length, "The YAML language server ended."
        found: dict[str, Any] = json.loads(self._process.stdout.read(length))
        return found
