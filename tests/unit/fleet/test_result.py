import json
from dataclasses import replace
from typing import Any

import pytest

from reconciler.errors import PlanFileError
from reconciler.fleet.result import MAX_BYTES, TenantResult, from_json, to_json

RESULT = TenantResult(
    tenant="acme",
    verb="apply",
    commit="a" * 40,
    run="1234567890-1",
    exit_code=5,
    plan_id=f"sha256:{'0' * 64}",
    receipt=f"sha256:{'1' * 64}",
    counts={"create": 3, "failed": 1},
    seconds=1.5,
    error="1 user could not be created",
    token_check="0123456789ab",
)


def test_a_result_survives_the_file() -> None:
    text = to_json(RESULT)
    assert text.count("\n") == 1
    assert text.isascii()
    assert from_json(text.encode()) == RESULT


@pytest.mark.parametrize(
    ("verb", "code", "valid"),
    [("plan", 0, True), ("plan", 2, True), ("apply", 0, True), ("plan", 3, False), ("drift", 0, False)],
)
def test_only_a_plan_or_an_apply_that_went_well_is_held(verb: str, code: int, valid: bool) -> None:
    content = to_json(replace(RESULT, verb=verb, exit_code=code, held=True)).encode()
    if valid:
        assert from_json(content).held
    else:
        with pytest.raises(PlanFileError):
            from_json(content)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tenant", "../acme"),
        ("tenant", None),
        ("verb", "destroy"),
        ("commit", "main"),
        ("run", "1; rm"),
        ("run", "x" * 101),
        ("exit_code", -1),
        ("exit_code", True),
        ("exit_code", 256),
        ("plan_id", "sha256:1"),
        ("receipt", 7),
        ("counts", {"create": -1}),
        ("counts", {"create": 1e9}),
        ("counts", {"other": 1}),
        ("counts", []),
        ("token_check", "0123456789AB"),
        ("token_check", "0123456789abc"),
        ("token_check", 7),
        ("seconds", float("inf")),
        ("seconds", -1),
        ("seconds", "1"),
        ("error", "x" * 301),
        ("sandbox", 1),
        ("began", -1),
        ("began", True),
        ("began", 1.5),
        ("began", 10**12),
        ("held", 1),
        ("held", True),
        ("format_version", 2),
        ("other", 1),
    ],
)
def test_other_values_are_refused(field: str, value: Any) -> None:
    document = json.loads(to_json(RESULT)) | {field: value}
    with pytest.raises(PlanFileError):
        from_json(json.dumps(document).encode())


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"null", b"{", b"\xff", b"[" * 4000, b"{}" + b" " * MAX_BYTES, b"9" * 4000]
)
def test_content_that_is_no_result_is_refused(content: bytes) -> None:
    with pytest.raises(PlanFileError):
        from_json(content)


@pytest.mark.parametrize("field", ["commit", "sandbox", "counts"])
def test_a_missing_field_is_refused(field: str) -> None:
    document = json.loads(to_json(RESULT))
    del document[field]
    with pytest.raises(PlanFileError):
        from_json(json.dumps(document).encode())
