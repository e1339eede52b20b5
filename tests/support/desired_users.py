"""Desired users of every kind, for laws about what keeps and moves them."""

from hypothesis import strategies as st

from reconciler.core.model import (
    IN_SCOPE,
    NO_LIFECYCLE,
    DesiredUser,
    Lifecycle,
    Origin,
    ScopeReason,
    Value,
    Verdict,
)

_PATHS = ("externalId", "userName", "active", "name.givenName", 'emails[type eq "work"].value', "title")
_TEXT = st.one_of(
    st.sampled_from(["ada", "Ada", "", "Null", "\ud800"]), st.text(max_size=40), st.text("ß\ue000\U0001f600")
)
_VALUE: st.SearchStrategy[Value] = st.one_of(_TEXT, st.booleans())
_ATTRIBUTES = st.dictionaries(st.sampled_from(_PATHS), _VALUE)
_VERDICT = st.builds(Verdict, st.sampled_from(ScopeReason), _TEXT, _TEXT, st.booleans())
_DATES = st.none() | st.dates()
_ORIGIN = st.builds(
    Origin, st.sampled_from(["users/a.yaml", "users/Ä b.yaml"]), st.integers(1, 2**31), st.integers(1, 2**20)
)
_CANDIDATES = st.lists(
    st.tuples(st.sampled_from(_PATHS), st.lists(_VALUE, min_size=1, max_size=3).map(tuple)), max_size=2
).map(tuple)


def desired_users() -> st.SearchStrategy[DesiredUser]:
    """Any desired user; most are in scope, without dates and errors."""
    return st.builds(
        DesiredUser,
        key=_TEXT,
        match=st.lists(st.none() | _VALUE, max_size=3).map(tuple),
        origin=st.none() | _ORIGIN,
        anchor=st.none() | _VALUE,
        attributes=_ATTRIBUTES,
        create_only=_ATTRIBUTES,
        candidates=st.just(()) | _CANDIDATES,
        verdict=st.just(IN_SCOPE) | _VERDICT,
        lifecycle=st.just(NO_LIFECYCLE) | st.builds(Lifecycle, _DATES, _DATES, st.booleans()),
        failed=st.just(False) | st.booleans(),
        doubtful=st.just(frozenset()) | st.frozensets(st.sampled_from(_PATHS)),
    )


def anybody(number: int, file: str = "users/a.yaml") -> DesiredUser:
    """A desired user as most are."""
    name = f"person.{number:07d}@example.com"
    attributes: dict[str, Value] = {"externalId": f"id-{number}", "userName": name, "active": True, "title": "Clerk"}
    return DesiredUser(name, (f"id-{number}", name), Origin(file, 8 * number + 1, 3), f"id-{number}", attributes)
