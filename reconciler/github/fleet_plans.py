"""The reviewed plans of a fleet, in one artifact: the fleet's plan, and the plan of each tenant.

The fleet's plan is what the commit status names; it names the plan of each tenant. Names in the archive are used only
if they are those of a tenant's plan.
"""

from __future__ import annotations

import io
import re
import zipfile

from reconciler.core.tenant_names import TENANT_NAME
from reconciler.core.text import pluralize
from reconciler.github.api import GitHubError
from reconciler.record.layout import FLEET_PLAN, PLAN

_MEMBER = re.compile(rf"{TENANT_NAME}/{re.escape(PLAN)}")
_MAX_MEMBERS = 100_000
_MAX_BYTES = 1024 * 1024 * 1024


def read_archive(content: bytes) -> dict[str, bytes]:
    """Return the fleet's plan and the plans of its tenants, by their names in the artifact. Others are left out.

    Raises `GitHubError` if the archive cannot be read, or is too large.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            wanted = [each for each in archive.infolist() if _is_wanted(each.filename)]
            return _read_members(archive, wanted)
    except GitHubError:
        raise
    except Exception as exc:
        # A damaged archive makes zipfile fail in a dozen ways: BadZipFile, ValueError, zlib.error, struct.error, …
        raise GitHubError(0, "the artifact with the plans cannot be read") from exc


def _is_wanted(name: str) -> bool:
    return name == FLEET_PLAN or _MEMBER.fullmatch(name) is not None


def _read_members(archive: zipfile.ZipFile, wanted: list[zipfile.ZipInfo]) -> dict[str, bytes]:
    if len(wanted) > _MAX_MEMBERS:
        raise GitHubError(0, f"the artifact with the plans has {pluralize(len(wanted), 'file')}")
    found: dict[str, bytes] = {}
    left = _MAX_BYTES
    for each in wanted:
        if each.filename in found:
            raise GitHubError(0, "the artifact with the plans has one of them twice")
        with archive.open(each) as member:
            found[each.filename] = member.read(left + 1)
        left -= len(found[each.filename])
        if left < 0:
            raise GitHubError(0, "the plans in the artifact are larger than 1 GiB")
    return found
