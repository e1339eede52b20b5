"""What each word means where a key takes one of a few: editors show it next to the word."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.core.scope.operators import Operator

_REMOVAL = {
    "deactivate": "The account is deactivated: no access, everything is kept",
    "delete": "The account is deleted",
    "keep": "The account stays as it is",
}
_LIMITS = {
    "removals": "Deactivations and deletions together",
    "reactivations": "Deactivated accounts that become active again",
    "updates": "Changed accounts",
    "creates": "New accounts",
}
MEANINGS: Mapping[str, Mapping[str, str]] = {
    "TargetSettings.profile": {
        "apple-business-manager": "Apple Business Manager",
        "apple-school-manager": "Apple School Manager",
        "scim": "Any SCIM 2.0 service",
    },
    "TargetSettings.auth": {
        "token": "A token in RECONCILER_TOKEN",
        "oauth": "Obtained by `reconciler login`, then refreshed",
    },
    "LifecycleSettings.actions": {
        "create": "Accounts may be created",
        "update": "Accounts may be changed, and activated again",
        "deactivate": "Accounts may be deactivated",
        "delete": "Accounts may be deleted",
    },
    "LifecycleSettings.out_of_scope": _REMOVAL,
    "LifecycleSettings.removed": _REMOVAL,
    "RecordSettings.values": {
        "full": "Names and values of users as they are",
        "digest": "Keyed digests (RECONCILER_RECORD_KEY) in their place",
    },
    "ApprovalSettings.lifts": {
        **_LIMITS,
        "last-active-user": "No active user would be left",
        "empty-desired-state": "The desired state has no users",
        "name-reuse": "The userName of an account that was deleted lately is used again",
        "name-takeovers": "Users take a userName that another account has or had",
        "identity-changes": "Accounts would become those of another user",
        "relink": "Accounts get another externalId",
        "foreign-accounts": "Removals of accounts that were not created or adopted here",
        "target": "The plan is for another target than the last apply",
        "tenant": "The token may belong to another tenant",
        "disconnect": "The service looks disconnected or restored",
    },
    "FleetApprovalEntry.lifts": {
        "failed": "Tenants of the wave that failed, or without a plan",
        "removals": "Removed accounts in all tenants of the wave",
        "new_tenants": "New tenants in one run",
        "tenants_changed_by_defaults": "Tenants that a change of defaults/, groups/ or the program affects",
    },
    "EntraSource.cloud": {
        "global": "The worldwide cloud",
        "usgov": "US Government L4 (GCC High)",
        "usgov-dod": "US Government L5 (DoD)",
        "china": "Operated by 21Vianet in China",
    },
    "EntraSource.users": {
        "assigned": "Users and groups that are assigned to the application",
        "all": "Every user of the tenant",
    },
    "EntraSource.on_missing": {
        "report": "Only listed; the entry stays",
        "disable": "accountEnabled becomes false",
        "remove": "The entry is removed from users/",
    },
    "ScopeEntry.sync": {
        "assigned": "Only users and groups in `assigned`",
        "all": "Every user in users/",
    },
    "ClauseEntry.values_match": {
        "any": "One value that passes is enough",
        "all": "Every value must pass",
    },
    "MappingEntry.apply": {
        "always": "On create, and whenever the value differs",
        "create": "On create only: later changes are ignored",
        "if_empty": "Only where the target has no value",
    },
    "MappingEntry.when_null": {
        "keep": "The value of the target stays, as Entra does it",
        "clear": "The value of the target is removed",
    },
}
"""The meaning of each word, by model and key."""
OPERATOR_MEANINGS: Mapping[Operator, str] = {
    Operator.AND: "The attribute's value is found in `value`. Microsoft does not define it: prefer Includes",
    Operator.NOT_AND: "The attribute's value is not found in `value`. Microsoft does not define it",
    Operator.ENDS_WITH: "The attribute ends with `value`",
    Operator.EQUALS: "The attribute is exactly `value`, in upper and lower case as well",
    Operator.NOT_EQUALS: "The attribute has a value, but not `value`",
    Operator.GREATER_THAN: "The attribute is a whole number greater than `value`",
    Operator.GREATER_THAN_OR_EQUALS: "The attribute is a whole number, `value` or greater",
    Operator.INCLUDES: "The attribute contains `value`",
    Operator.IS_FALSE: "The attribute is false; takes no value",
    Operator.IS_TRUE: "The attribute is true; takes no value",
    Operator.IS_NULL: "The attribute has no value; takes no value",
    Operator.IS_NOT_NULL: "The attribute has a value; takes no value",
    Operator.REGEX_MATCH: "The whole attribute matches the regular expression `value`",
    Operator.NOT_REGEX_MATCH: "The attribute does not match the regular expression `value`",
    Operator.IS_MEMBER_OF: "The user is in the group `value`, nested groups included; takes no attribute",
    Operator.IS_NOT_MEMBER_OF: "The user is not in the group `value`; takes no attribute",
    Operator.DATE_BEFORE: "The attribute is a day before `value`",
    Operator.DATE_ON_OR_BEFORE: "The attribute is the day `value` or an earlier one",
    Operator.DATE_AFTER: "The attribute is a day after `value`",
    Operator.DATE_ON_OR_AFTER: "The attribute is the day `value` or a later one",
}
