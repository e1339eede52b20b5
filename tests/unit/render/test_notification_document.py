import json

import jsonschema
import pytest
from support.builders import NOW, TARGET
from support.notifications import RUN_URL, failure, message

from reconciler import __version__
from reconciler.notify.event import CALM, Count, Event, EventCause, EventKind
from reconciler.render.notification_document import json_schema, notification_document


def test_a_document_in_full() -> None:
    event = failure(counts=(Count("create", "failed", 1),), names=("ada",))
    assert notification_document(message(event, held_back=1)) == {
        "format_version": "1.0",
        "reconciler_version": __version__,
        "kind": "failure",
        "topic": "apply",
        "ended": False,
        "cause": "users_failed",
        "target": {"profile": TARGET.profile, "base_url": TARGET.base_url, "tenant": None},
        "time": NOW.isoformat().replace("+00:00", "Z"),
        "since": NOW.isoformat().replace("+00:00", "Z"),
        "summary": "Apply incomplete",
        "sentences": ["Some users could not be planned or applied. The others were."],
        "next_steps": [
            "Run `reconciler status`: it lists the users that keep failing, and when each is tried again.",
            "Read the output of the run: it has the details, and what the service said.",
        ],
        "counts": [{"action": "create", "result": "failed", "users": 1}],
        "users": None,
        "more_users": 0,
        "days_left": None,
        "run_url": RUN_URL,
        "held_back": 1,
    }
    assert notification_document(message(event, names=True))["users"] == ["ada"]


@pytest.mark.parametrize("kind", EventKind)
def test_every_kind_is_as_the_schema_says(kind: EventKind) -> None:
    schema = json_schema()
    for state, cause in ((CALM, EventCause.NONE), ("x", EventCause.ERROR)):
        found = notification_document(message(Event(kind, state, NOW, cause=cause, days_left=-1), run_url=""))
        jsonschema.validate(json.loads(json.dumps(found)), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**found, "more": 1}, schema)
