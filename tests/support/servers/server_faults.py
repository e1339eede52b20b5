"""The ways in which the fake SCIM server can misbehave.

A *list request* is a `GET /Users` without a filter, a *write* is a POST, PUT, PATCH or DELETE; both are counted from 1.
A field whose value is None, False or 0 is off. With all of them off the server follows RFC 7644.
"""

from dataclasses import dataclass
from datetime import timedelta

from support.servers.cursors import CursorFaults

TWICE_GZIP = 2 << 30
"""Bytes of an answer that is compressed twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFaults:
    # Paging

    page_cap: int | None = None
    """`count` is silently clamped to this many users."""

    reject_count_above: int | None = None
    """A `count` above this is refused with `reject_status`."""

    reject_status: int = 400
    """The status `reject_count_above` answers with, 400 or 500."""

    cursors: CursorFaults | None = None
    """Lists are paged by cursor."""

    cap_total: int | None = None
    """`totalResults` is never more than this; users beyond can still be read by `startIndex`."""

    cap_depth: int | None = None
    """Nothing past this position can be read, the pages there are empty; `totalResults` is not touched."""

    ignore_start_index: bool = False
    """Every page is the first page, with its `startIndex`."""

    first_page_past_end: bool = False
    """A `startIndex` beyond the last user brings the first page again."""

    echo_start_index: bool = False
    """The answer's `startIndex` repeats the request's, whatever was really sent."""

    omit_items_per_page: bool = False
    """No `itemsPerPage` in lists."""

    duplicate_on_page: int | None = None
    """The first user of this page (2 or more) is the last one of the page before it, in place of its own."""

    short_page: int | None = None
    """This page comes one user short: its last one is on no page."""

    empty_lie: bool = False
    """Unfiltered lists say `totalResults: 0` although there are users."""

    total_as_string: bool = False
    """`totalResults` is a JSON string."""

    claim_total: int | None = None
    """`totalResults` is this, whatever there is."""

    total_missing: bool = False
    """No `totalResults` in lists."""

    resources_missing_when_empty: bool = False
    """No `Resources` in an empty list."""

    resources_lowercase: bool = False
    """The key is `resources`."""

    # Order, and what moves while a client reads

    newest_first: bool = False
    """Lists begin with the user created last."""

    ids_as_text: bool = False
    """Lists are ordered by id as text ("10" before "9"), so a new user lands in the middle."""

    unstable_order: bool = False
    """Each list request shuffles the users."""

    seed: int = 1
    """The seed of `unstable_order`."""

    create_during_read: int | None = None
    """After this list request has been answered a user is created, once."""

    delete_during_read: int | None = None
    """After this list request has been answered the first listed user is deleted, once."""

    # How a user is shown

    drop_enterprise_in_lists: bool = False
    """Lists leave the enterprise extension out; a read by id has it."""

    active_as_string: bool = False
    """`active` and `primary` are shown as "True" or "False"; such strings are accepted in writes too."""

    omit_active_when_true: bool = False
    """`active` is shown only when it is false."""

    lowercase_user_name: bool = False
    """`userName` is stored in lower case."""

    omit_meta: bool = False
    """Users are shown without `meta`; the ETag header stays."""

    id_as_integer: bool = False
    """An id of digits is shown as a JSON number."""

    user_without_id: str | None = None
    """The user of this name is shown without an id."""

    rotate_user_names: bool = False
    """Lists show each user with the `userName` of the next one; a read by id has the right one."""

    rotate_external_ids: bool = False
    """Lists show each user with the `externalId` of the next one; a read by id has the right one."""

    inactive_in_lists: bool = False
    """Lists show every user as inactive; a read by id has the right value."""

    hide_in_lists: str | None = None
    """The user of this name is in no list; a filter and a read by id show it."""

    repeat_in_lists: bool = False
    """Lists have the first user once more, in place of the last one."""

    # ETags

    no_etag: bool = False
    """Neither ETag nor `meta.version`; If-Match is ignored."""

    body_hash_etag_ignores_if_match: bool = False
    """The ETag is a hash of the attributes shown, so it differs between views, and If-Match is ignored."""

    # Filters

    ignore_filter: bool = False
    """Every filter is true for every user."""

    filter_case_exact: bool = False
    """A filter by userName finds it as it is written only, against RFC 7643 section 4.1.1."""

    filter_hides_inactive: bool = False
    """A filter finds active users only."""

    filter_unsupported: int | None = None
    """A request with a filter is refused with this status (400 or 501)."""

    # Writes

    patch_status: int = 200
    """The status of a PATCH: 200 with the user, or 204 without a body."""

    lie_patch: str | None = None
    """A PATCH of this attribute path succeeds, yet the value under it stays as it was."""

    echo_patch: bool = False
    """A PATCH answers with what was asked for but doesn't store it (with `lie_patch`: not what is under its path)."""

    patch_answers_with: str | None = None
    """A PATCH takes effect, and answers with the user of this name."""

    post_empty_body: bool = False
    """A POST answers 201 with a Location and no body."""

    refuse_user: str | None = None
    """Every write to the user of this name is refused with 400."""

    refuse_users: frozenset[str] = frozenset()
    """Every write to one of these users is refused with 400."""

    forbid_user: str | None = None
    """Every write to the user of this name is refused with 403."""

    wrong_id_for: str | None = None
    """The user of this name, read by its id, is shown with another id."""

    garbage_for: str | None = None
    """The user of this name, read by its id, is no JSON."""

    forbid_after: int | None = None
    """This write and all later ones are refused with 403."""

    unauthorized_after: int | None = None
    """This write and all later requests, reads too, are refused with 401: the token has expired."""

    write_error_on: int | None = None
    """This write fails with `write_error_status` and changes nothing."""

    write_error_status: int = 503
    """The status of `write_error_on`."""

    write_error_times: int | None = 1
    """How many writes in a row fail from `write_error_on` on; None: all."""

    lose_answer_on_write: int | None = None
    """This write is carried out, then the connection is closed without an answer."""

    cut_on_write: int | None = None
    """This write is not carried out: the connection is closed without an answer."""

    # Faults of the service and of gateways

    error_on_page: int | None = None
    """This list request fails with `error_status`."""

    error_status: int = 500
    """The status of `error_on_page`: 500, 503, 429 …"""

    error_times: int | None = 1
    """How many list requests in a row fail from `error_on_page` on; None: all."""

    retry_after: int | None = None
    """`error_on_page` and `write_error_on` carry Retry-After with this many seconds."""

    retry_after_as_date: bool = False
    """Retry-After is an HTTP-date (of whole seconds, rounded up)."""

    clock_ahead: timedelta | None = timedelta(0)
    """How far the Date of answers is ahead of this machine's clock; None: there is no Date."""

    unique_names_declared: bool = False
    """There is /Schemas, and it says that user names are unique."""

    duplicates_accepted: bool = False
    """A user name that is taken is accepted."""

    without_discovery: bool = False
    """/ServiceProviderConfig and /ResourceTypes are not found, as at Apple's."""

    redirect: str | None = None
    """Every request is answered with 302 to the same path below this base URL."""

    login_page: bool = False
    """Every request is answered with 200 and a page of HTML."""

    html_as_json: int | None = None
    """This request (counted over all) is answered with HTML that calls itself application/scim+json."""

    truncated_json: int | None = None
    """This list request's JSON ends in the middle, with a Content-Length to match."""

    broken_transfer: int | None = None
    """This list request's connection closes in the middle of the body it announced."""

    lost_list: int | None = None
    """This list request's connection is closed without an answer."""

    hanging_list: int | None = None
    """This list request is answered after half a minute."""

    body_on_list: int | None = None
    """This list request is answered with 200 and `body`."""

    body: bytes = b""
    """See `body_on_list`."""

    broken_times: int | None = 1
    """How many list requests in a row have the fault of one of these five; None: all."""

    huge_body: int = 0
    """Lists are chunked and padded by this many bytes, without a Content-Length."""

    gzip_bomb: int = 0
    """Lists are gzip of a thousandth of this many bytes, and expand to them."""

    twice_gzip: str = ""
    """Answers to "lists", to "users" read by id, to "writes" or those with "errors" expand to `TWICE_GZIP` bytes."""

    values: int = 0
    """Lists hold this many values beside the users."""

    slow_drip: float = 0
    """Lists come one byte per this many seconds."""

    deep_json: int = 0
    """Lists are arrays nested this deep."""

    latency: float = 0
    """Every answer waits this many seconds."""
