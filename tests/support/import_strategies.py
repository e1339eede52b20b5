"""Random directories, files and rules for laws of imports: few names and ids, so that they collide."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from reconciler.core.field_change import Field
from reconciler.core.values import fold_case
from reconciler.history.edits import Entity
from reconciler.sources.import_plan import CurrentState, MergeRules
from reconciler.sources.snapshot import GoneReason, Person, Snapshot, SourceGroup, SourceScope
from support.merging import READ, entry, group, scope, state

_NAMES = st.sampled_from(["ada", "Ada", "ben", "cyd", "dan", "eve"])
_IDS = st.sampled_from(["1", "2", "3", "4", "a5", "A5"])
_VALUES = st.sampled_from(["", "x", "X", "No", "0012", "a\nb", "\u202e"])
_HELD_LISTS = st.lists(_VALUES.filter(bool), max_size=3).map(tuple)
_LISTS = st.lists(_VALUES, max_size=3).map(tuple)


@st.composite
def _people(draw: st.DrawFn) -> Person:
    values = draw(
        st.fixed_dictionaries(
            {"userPrincipalName": _NAMES.map("{}@example.com".format)},
            optional={
                "objectId": _IDS,
                "givenName": _VALUES,
                "department": _VALUES,
                "surname": _VALUES,
                "accountEnabled": st.booleans(),
                "otherMails": _LISTS,
            },
        )
    )
    return Person(values)


@st.composite
def _entries(draw: st.DrawFn) -> Entity:
    values = {
        "department": draw(_VALUES),
        "surname": draw(_VALUES),
        "otherMails": draw(_HELD_LISTS),
        "accountEnabled": draw(st.sampled_from(["", "true", "False", "maybe"])),
        "lifecycle.protected": draw(st.sampled_from(["", "true"])),
        "notes": draw(_VALUES),
    }
    held: dict[str, Field] = {path: value for path, value in values.items() if value}
    return entry(
        draw(_NAMES),
        draw(st.one_of(st.just(""), _IDS)),
        draw(st.sampled_from(["users/a.yaml", "users/entra.yaml"])),
        **held,
    )


_REFERENCES = st.lists(
    st.one_of(_NAMES.map("{}@example.com".format), _IDS, st.just("ghost")), max_size=5, unique=True
).map(tuple)
_GROUP_NAMES = ["Apple", "Berlin", "Cologne"]
_GROUP_REFERENCES = st.lists(st.sampled_from([*_GROUP_NAMES, "apple"]), max_size=2, unique=True).map(tuple)
_GROUP_IDS = st.sampled_from(["g1", "g2", "g3", "G3"])


@st.composite
def states(draw: st.DrawFn) -> CurrentState:
    groups = []
    for number, name in enumerate(draw(st.lists(st.sampled_from(_GROUP_NAMES), max_size=3, unique=True))):
        identity = draw(st.one_of(st.just({}), _GROUP_IDS.map(lambda each: {"objectId": each})))
        # Only to later ones: cycles are errors before a merge.
        inner = tuple(each for each in draw(_GROUP_REFERENCES) if each in _GROUP_NAMES[_GROUP_NAMES.index(name) + 1 :])
        made = group(name, groups=inner, file=f"groups/{number % 2}.yaml", **identity)
        users = draw(_REFERENCES)
        groups.append(replace(made, fields={**made.fields, **({"members.users": users} if users else {})}))
    lists = {
        "assigned.users": draw(_REFERENCES),
        "excluded.users": draw(_REFERENCES),
        "assigned.groups": draw(_GROUP_REFERENCES),
    }
    held: list[Entity] = []
    if draw(st.booleans()):
        held = [
            scope(
                sync=draw(st.sampled_from(["all", "assigned"])), **{path: each for path, each in lists.items() if each}
            )
        ]
    return state(*draw(st.lists(_entries(), max_size=6)), *groups, *held)


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    ids = st.lists(_IDS, max_size=4).map(tuple)
    group_ids = st.lists(_GROUP_IDS, max_size=2, unique=True).map(tuple)
    groups = st.lists(
        st.builds(SourceGroup, _GROUP_IDS, st.sampled_from([*_GROUP_NAMES, "berlin", ""]), st.just(""), ids, group_ids),
        max_size=4,
    ).map(tuple)
    sync = st.sampled_from([None, "all", "assigned"])
    return Snapshot(
        "Entra",
        draw(st.lists(_people(), max_size=6)),
        draw(st.sets(st.sampled_from(sorted(READ)))) | {"givenName"},
        groups=draw(st.one_of(st.none(), groups)),
        scope=draw(st.one_of(st.none(), st.builds(SourceScope, ids, group_ids, sync))),
        gone=draw(st.dictionaries(_IDS.map(fold_case), st.sampled_from(list(GoneReason)), max_size=3)),
        gone_groups=draw(st.frozensets(_GROUP_IDS.map(fold_case), max_size=2)),
        doubtful=draw(st.frozensets(_IDS.map(fold_case), max_size=1)),
    )


RULES = st.builds(
    MergeRules,
    place=st.sampled_from(["users/entra.yaml", "users/{givenName}.yaml"]),
    keep=st.frozensets(st.sampled_from([*READ]), max_size=2),
    on_missing=st.sampled_from(["report", "disable", "remove"]),
)
