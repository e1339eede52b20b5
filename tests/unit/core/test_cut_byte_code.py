from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from reconciler.core.cut_byte_code import explain_cut_byte_code


def test_the_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    source = tmp_path / "some_module.py"
    source.write_text("VALUE = 1\n")
    spec = importlib.util.spec_from_file_location("some_module", source)
    assert spec is not None
    assert spec.loader is not None
    assert spec.cached is not None
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    cached = Path(spec.cached)
    cached.write_bytes(cached.read_bytes()[:-9])
    with pytest.raises(EOFError) as caught:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    explained = explain_cut_byte_code(caught.value)
    assert explained is not None
    assert explained[0] == f'the byte code in "{cached}" is cut off'
    assert "delete this file" in explained[1]


def test_any_other_end_is_something_else() -> None:
    with pytest.raises(EOFError) as caught:
        raise EOFError
    assert explain_cut_byte_code(caught.value) is None
    assert explain_cut_byte_code(EOFError()) is None
