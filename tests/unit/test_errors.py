import importlib
import inspect
import pkgutil

import pytest

import reconciler
from reconciler.errors import (
    BlockedError,
    ExitCode,
    LockedError,
    PlanFileError,
    ReconcilerError,
    ScimError,
    StalePlanError,
    TargetError,
    UnknownOutcomeError,
    UsageError,
)

INTERNAL = {
    # caught in reconciler.desired.loader and reported as diagnostics with an origin
    "reconciler.core.base_url.BaseUrlError",
    "reconciler.core.values.InvalidValueError",
    "reconciler.desired.scim_filter_parser.FilterError",
    "reconciler.core.planning.mapping.MappingError",
    "reconciler.core.paths.PathError",
    "reconciler.core.scope.filters.FilterEvaluationError",
    "reconciler.core.scope.operators.UnreadableValueError",
    "reconciler.expressions.value_types.MappingTemplateError",
    "reconciler.expressions.value_types.EvaluationError",
    "reconciler.expressions.value_types.ExpressionError",
    "reconciler.expressions.value_types.IgnoreFlowError",
    # caught in reconciler.core.planning.joined_users: the list is joined again
    "reconciler.core.planning.arriving_rows.RowsReplacedError",
    # caught in reconciler.sources.graph.delta: everything is read
    "reconciler.sources.graph.delta_cache.NoCacheError",
    # caught in reconciler.scim.client: an answer that takes too long, is too large or cannot be understood
    "reconciler.scim.json_body.InvalidJsonError",
    "reconciler.scim.json_body.TooManyValuesError",
    "reconciler.scim.response_limits.AnswerTooLargeError",
    "reconciler.scim.response_limits.ContentCodingError",
    "reconciler.scim.response_limits.UnreadableAnswerError",
    "reconciler.scim.deadline.DeadlineExceededError",
    # caught in reconciler.sources.graph.people: the user is in doubt
    "reconciler.sources.attributes.UnusableValueError",
    # caught in reconciler.desired.recipients: an error of settings.yaml
    "reconciler.desired.recipients.RecipientError",
    # caught in reconciler.scim.paging
    "reconciler.scim.listed_users.ContradictionError",
    "reconciler.scim.listed_users.ListChangedError",
    "reconciler.scim.listed_users.NotAdvancingError",
    "reconciler.scim.listed_users.TotalChangedError",
    # caught in reconciler.scim.connection_messages: a request that was not sent
    "reconciler.scim.proxy_transport.TunnelError",
    # caught in reconciler.scim.retry_transport
    "reconciler.scim.rate_limiter.NoSlotInTimeError",
    "reconciler.history.yaml_nodes.EditError",
    "reconciler.git.process.GitCommandError",
    "reconciler.git.refs.BrokenRefError",
}
"""Public, but never shown as an exception: the data of a user is wrong, not the run."""


def exceptions() -> list[type[BaseException]]:
    """All exception classes the package defines. The sandbox is a program of its own with its own tree."""
    names = [found.name for found in pkgutil.walk_packages(reconciler.__path__, "reconciler.")]
    ours = [name for name in names if not name.startswith("reconciler.sandbox") and not name.endswith("__main__")]
    modules = [reconciler, *map(importlib.import_module, ours)]
    classes = {
        value
        for module in modules
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, BaseException) and value.__module__ == module.__name__
    }
    return sorted(classes, key=lambda one: f"{one.__module__}.{one.__qualname__}")


def test_every_exception_that_can_reach_a_user_has_our_root() -> None:
    found = exceptions()
    assert ReconcilerError in found
    strangers = [
        f"{one.__module__}.{one.__qualname__}"
        for one in found
        if not issubclass(one, ReconcilerError) and not one.__qualname__.startswith("_")
    ]
    assert set(strangers) == INTERNAL


def test_every_exception_is_called_an_error() -> None:
    assert [one.__qualname__ for one in exceptions() if not one.__qualname__.endswith("Error")] == []


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (ReconcilerError, 1),
        (TargetError, 1),
        (PlanFileError, 1),
        (BlockedError, 3),
        (LockedError, 1),
        (StalePlanError, 4),
        (UsageError, 64),
    ],
)
def test_each_exception_has_its_exit_code_summary_and_way_out(kind: type[ReconcilerError], code: int) -> None:
    fault = kind("summary", "detail")
    assert (int(fault.exit_code), str(fault), fault.summary, fault.detail) == (code, "summary", "summary", "detail")
    assert kind("summary").detail == ""


def test_a_refusal_of_one_user_differs_from_a_refusal_of_all() -> None:
    refusal = UnknownOutcomeError(503, "", "lost")
    assert isinstance(refusal, ScimError)
    assert not isinstance(refusal, TargetError)
    assert not issubclass(TargetError, ScimError)
    assert (refusal.status, refusal.scim_type, refusal.summary) == (503, "", "lost")


def test_the_exit_codes_are_the_published_ones() -> None:
    assert {code.name: int(code) for code in ExitCode} == {
        "OK": 0,
        "ERROR": 1,
        "CHANGES": 2,
        "BLOCKED": 3,
        "STALE": 4,
        "PARTIAL": 5,
        "USAGE": 64,
        "INTERRUPTED": 130,
    }
