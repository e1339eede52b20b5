from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import jsonschema
import pytest

from reconciler.apply.quarantine import FailingUser, Health, QuarantineState
from reconciler.core.expiry import ConnectionCredential, CredentialKind, assess_credentials
from reconciler.core.model import Origin, Target
from reconciler.core.provisioning import Provisioning
from reconciler.history.unapplied import UnappliedCommit, UnappliedCommits
from reconciler.profiles import PROFILES
from reconciler.record.attempts import Attempt
from reconciler.record.runs import ApplyRun, Quarantine
from reconciler.render.status import Status
from reconciler.render.status_document import StatusDocument, json_schema, status_document
from reconciler.render.style import Style

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
RUN = ApplyRun(
    *("r", "sha256:1", "c0ffee", NOW, True),
    how="complete",
    ended=NOW,
    attempts=(Attempt("u", "update", "d", "failed", "", NOW),),
)
FAILING = FailingUser('user["ada"]', "update", "d", 3, NOW, NOW + timedelta(hours=1), '409 "ada"')
TOKEN = ConnectionCredential(
    CredentialKind.TOKEN,
    date(2026, 3, 10),
    origin=Origin("settings.yaml", 4, 3),
    issued=date(2026, 2, 28),
    rules=PROFILES["apple-business-manager"].token_rules,
)
EMPTY = Status(Target("scim", "https://scim.example.com/v2"), Health())
FULL = Status(
    Target("scim", "https://scim.example.com/v2", "acme"),
    Health(
        runs=2,
        last=RUN,
        last_success=replace(RUN, attempts=()),
        quarantine=QuarantineState(Quarantine("Refused", '401 "ada"'), NOW, NOW, 2),
        failing_users={"ada": FAILING},
    ),
    running="process 7 of ada",
    unapplied=UnappliedCommits(RUN, (UnappliedCommit("c0ffee", NOW, "17"),), 3),
    provisioning=Provisioning(enabled=False, reason="Migration"),
    credentials=(TOKEN,),
    expiry=assess_credentials([TOKEN], NOW.date()),
    today=NOW.date(),
)
UNKNOWN = replace(FULL, unapplied=UnappliedCommits(RUN, why="shallow"), running=None)


@pytest.mark.parametrize("status", [EMPTY, FULL, UNKNOWN])
@pytest.mark.parametrize("redact", [False, True])
def test_it_is_valid_by_the_published_schema(status: Status, redact: bool) -> None:
    document = json.loads(json.dumps(status_document(status, Style(redact=redact))))
    validator = jsonschema.Draft202012Validator(json_schema(), format_checker=jsonschema.FormatChecker())
    assert [error.message for error in validator.iter_errors(document)] == []
    assert document.keys() == StatusDocument.model_fields.keys(), "every key is always there"


def test_a_redacted_document_names_no_one() -> None:
    text = json.dumps(status_document(FULL, Style(redact=True)))
    assert "ada" not in text
    assert "Migration" not in text


def test_the_documentation_lists_every_key() -> None:
    text = (Path(__file__).parents[3] / "docs" / "monitoring.md").read_text()
    section = text.partition("## The status as JSON")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", section, re.MULTILINE)
    assert [name for row in rows for name in re.findall(r"\w+", row)] == list(StatusDocument.model_fields)
