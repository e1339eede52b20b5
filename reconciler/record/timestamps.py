"""The one rule for time stamps on record.

A time stamp counts only if it names a moment: ISO 8601 with an offset, from 1970 to 9998
(`core.untrusted_values.parse_moment`). One that cannot be read, or that has no offset, is *undated*: `parse_timestamp`
returns None. Each consumer takes the safe side of that:

- order of applies (health, log, drift, rollback): an undated apply or change sorts first, at `LONG_AGO`, so that it
  never overrides one that is dated. For health, one that ended in quarantine counts at the end of the day in its
  record's name (`read_record_day`): a changed time alone hides no quarantine;
- deactivations: an undated one counts from the end of that day, or starts no deletion period without such a name, and
  an undated reactivation voids every deactivation of the account;
- deletions: an undated one reserves no name, since there is no day to count from: the service itself refuses the name.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from reconciler.core.untrusted_values import parse_moment
from reconciler.record.layout import is_record

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def parse_timestamp(text: object) -> datetime | None:
    """Return the moment that `text` names, as UTC; None if it names none or has no offset."""
    return _parse(text) if isinstance(text, str) else None


def read_record_day(record: str) -> tuple[datetime, datetime] | None:
    """Return the beginning and the end of the day that names the directory of a record; None if none does."""
    begin = parse_timestamp(f"{record[:10]}T00:00:00Z") if is_record(record) else None
    return (begin, begin + timedelta(days=1, microseconds=-1)) if begin is not None else None


@lru_cache(maxsize=16)
def _parse(text: str) -> datetime | None:
    """Each line of a receipt is asked several times in a row when it was written."""
    return parse_moment(text)
