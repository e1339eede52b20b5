"""Random users, groups and scoping filters, for laws."""

from datetime import date
from typing import Any

from hypothesis import strategies as st

from reconciler.core.scope.groups import GroupMembers
from support.builders import source_user

GROUPS = {
    "all": GroupMembers(("carol@example.com",), ("Inner",)),
    "inner": GroupMembers((" ADA@example.com", "id-bob"), ()),
    "empty": GroupMembers(),
}

WORDS = ["", "a", "B", "10", "9", "True", "false", "2026-03-01", "2026-03-01T23:00:00-02:00", "é", "\ud800", "x" * 300]
VALUES = st.sampled_from(WORDS) | st.text(max_size=5)
NAMES = st.sampled_from(["a", "b", "c"])
FLAG = st.sampled_from(["true", "false"])
SEVERAL = st.sampled_from([None, "any", "all"])


def clauses_with(attribute: st.SearchStrategy[str], operators: str, value: st.SearchStrategy[str], **more: Any) -> Any:
    names = st.sampled_from(operators.split(" | "))
    return st.fixed_dictionaries({"attribute": attribute, "operator": names, "value": value, **more})


CLAUSES = st.one_of(
    clauses_with(
        NAMES,
        "& | !& | ENDS_WITH | EQUALS | NOT EQUALS | Includes",
        st.sampled_from(["a", "b", "10", "True"]),
        ignore_case=FLAG,
        values_match=SEVERAL,
    ),
    clauses_with(
        NAMES,
        "REGEX MATCH | NOT REGEX MATCH",
        st.sampled_from(["a+", ".*", r"\bx", r"\w", "(?i)B"]),
        ignore_case=FLAG,
        values_match=SEVERAL,
    ),
    clauses_with(NAMES, "Greater_Than | Greater_Than_OR_EQUALS", st.sampled_from(["0", "10"]), values_match=SEVERAL),
    clauses_with(
        NAMES | st.sampled_from(["lifecycle.starts", "lifecycle.expires"]),
        "DATE BEFORE | DATE ON OR BEFORE | DATE AFTER | DATE ON OR AFTER",
        st.sampled_from(["today", "today+9", "2026-03-01"]),
    ),
    clauses_with(NAMES | st.just("lifecycle.starts"), "IS NULL | IS NOT NULL", st.just("")),
    clauses_with(NAMES | st.just("lifecycle.protected"), "IS TRUE | IS FALSE", st.just("")),
    clauses_with(st.just(""), "IS MEMBER OF | IS NOT MEMBER OF", st.sampled_from(["all", "inner", "empty"])),
)
FILTERS = st.lists(
    st.fixed_dictionaries({"not": FLAG, "clauses": st.lists(CLAUSES, min_size=1, max_size=3)}), max_size=3
)
DAYS = st.none() | st.dates(date(2026, 2, 25), date(2026, 3, 5))
USERS = st.builds(
    source_user,
    st.sampled_from(["ada", "bob", "carol", "eve"]),
    starts=DAYS,
    expires=DAYS,
    protected=st.booleans(),
    accountEnabled=st.sampled_from([None, True, True, False]),
    **{name: st.none() | VALUES | st.booleans() | st.lists(VALUES, max_size=3).map(tuple) for name in "abc"},
)
