from __future__ import annotations

import errno

import pytest

from reconciler.core.system_limits import advise, describe_os_error, explain_exhaustion, is_exhaustion


@pytest.mark.parametrize("code", ["EMFILE", "ENFILE", "ENOSPC", "EDQUOT", "ENOMEM", "ENOBUFS", "EFBIG"])
def test_what_a_machine_runs_out_of_is_named_with_its_code_and_a_next_step(code: str) -> None:
    error = OSError(getattr(errno, code), "what strerror says")
    assert is_exhaustion(error)
    assert describe_os_error(error) == f"what strerror says ({code})"
    assert advise(error, "Choose another path.") != "Choose another path."


@pytest.mark.parametrize("error", [PermissionError(errno.EACCES, "Permission denied"), OSError("no number"), OSError()])
def test_any_other_error_keeps_its_own_words(error: OSError) -> None:
    assert not is_exhaustion(error)
    assert describe_os_error(error) == (error.strerror or str(error))
    assert advise(error, "Choose another path.") == "Choose another path."


def test_other_exceptions_are_none() -> None:
    assert not is_exhaustion(ValueError(errno.EMFILE))


def test_what_python_could_not_get_is_explained() -> None:
    for error in (MemoryError(), RuntimeError("can't start new thread")):
        summary, next_step = explain_exhaustion(error) or ("", "")
        assert summary.startswith("this machine, or this process, ")
        assert "ulimit -v" in next_step
    assert explain_exhaustion(RuntimeError("a bug")) is explain_exhaustion(ValueError()) is None
