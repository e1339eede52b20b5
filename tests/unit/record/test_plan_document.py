from support.builders import change, plan_with

from reconciler.record.plan_document import PlanDocument, json_schema
from reconciler.record.plan_file import to_document

PLAN = plan_with(change("ada"))


def test_the_schema_is_the_one_of_the_document() -> None:
    schema = json_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    later = (
        "base",
        "drift",
        "incremental",
        "provisioning",
        "notes",
        "no_longer_pending",
        "changes_nothing_today",
        "unassigned",
        "values",
    )
    assert schema["required"] == [name for name in to_document(PLAN) if name not in later], "older plans lack these"
    assert schema["additionalProperties"] is False
    PlanDocument.model_validate(to_document(PLAN), strict=False)
