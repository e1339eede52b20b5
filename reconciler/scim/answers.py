"""Understand the answers to requests, and explain those that fail or never come."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx

from reconciler.errors import ReconcilerError, ScimError, TargetError, UnknownOutcomeError
from reconciler.scim.errors import ErrorMessages, read_scim_error
from reconciler.scim.failed_reads import advise_next_run, describe_failed_read
from reconciler.scim.json_body import InvalidJsonError, TooManyValuesError, decode_answer
from reconciler.scim.retry_transport import TRIES

_SERVER_ERROR = 500
_NO_SCIM_ANSWER = "Check target.base_url: this is not how a SCIM service answers."
_OTHER_ANSWERS_CAME = (
    "The service answered the pages before it, so target.base_url is right, and this answer is none of a SCIM service. "
    "Run the same command again; if it stays so, report it to the service."
)
MAY_HAVE_TAKEN_EFFECT = "The request may have taken effect."


class Answers:
    """The answers of one service, and their errors in words. `now`: by this machine, in UTC."""

    def __init__(self, messages: ErrorMessages, now: Callable[[], datetime]) -> None:
        self._messages = messages
        self._now = now

    def explain_no_connection(self, request: httpx.Request, exc: httpx.HTTPError) -> TargetError:
        """Explain a request that was not sent."""
        error, may_pass = self._messages.explain_no_connection(exc)
        error.summary += self._describe_failure(request) if may_pass else ""
        return error

    def explain_loss(self, request: httpx.Request, exc: Exception) -> ReconcilerError:
        """Explain a request that was sent and got no complete answer."""
        out_of_bounds = not isinstance(exc, httpx.HTTPError)
        if request.method != "GET":
            reason = str(exc) if out_of_bounds else self._messages.describe_no_answer(exc)
            return UnknownOutcomeError(0, "", f"no usable answer came: {reason}", MAY_HAVE_TAKEN_EFFECT)
        failed = self._describe_failure(request)
        if out_of_bounds:
            began = request.url.params.get("startIndex", "1") == "1"
            return TargetError(f"{exc}{failed}", _NO_SCIM_ANSWER if began else _OTHER_ANSWERS_CAME)
        error = self._messages.explain_no_answer(exc)
        return TargetError(f"{error.summary}{failed}", f"{error.detail} {self._advise(request)}")

    def _describe_failure(self, request: httpx.Request) -> str:
        return describe_failed_read(request, request.extensions.get(TRIES), self._now())

    def _advise(self, request: httpx.Request) -> str:
        return advise_next_run(request.extensions.get(TRIES), self._now())

    def explain_refusal(self, response: httpx.Response) -> ScimError:
        """Explain a refused request."""
        status = response.status_code
        scim_type = str(read_scim_error(response).get("scimType") or "")
        rejection = self._messages.explain_rejection(response)
        if rejection is not None:
            return ScimError(status, scim_type, rejection.summary, rejection.detail)
        failed = self._describe_failure(response.request)
        detail = "The service is out of order." if status >= _SERVER_ERROR else ""
        if failed and (status >= _SERVER_ERROR or status == httpx.codes.TOO_MANY_REQUESTS):
            detail = f"{detail} {self._advise(response.request)}".strip()
        return ScimError(status, scim_type, self._messages.describe_refusal(response) + failed, detail)

    def parse_object(self, response: httpx.Response) -> dict[str, Any]:
        """Return the JSON object in an answer. Raises `TargetError` if there is none."""
        try:
            found = decode_answer(response)
        except TooManyValuesError as exc:
            raise TargetError(str(exc), _NO_SCIM_ANSWER) from exc
        except InvalidJsonError as exc:
            error = self._messages.explain_invalid_json(response)
            raise TargetError(error.summary + self._describe_failure(response.request), error.detail) from exc
        if not isinstance(found, dict):
            raise TargetError("the service answers with JSON that is not an object", "Check target.base_url.")
        return found
