"""The kinds of servers that every law is tried with, besides the sandbox and scim2-server."""

from support.servers.cursors import CursorFaults
from support.servers.server_faults import ServerFaults

KINDS = [
    ServerFaults(),
    ServerFaults(patch_status=204),
    ServerFaults(post_empty_body=True),
    ServerFaults(omit_active_when_true=True, lowercase_user_name=True),
    ServerFaults(active_as_string=True, omit_meta=True),
    ServerFaults(drop_enterprise_in_lists=True),
    ServerFaults(page_cap=3, newest_first=True, first_page_past_end=True),
    ServerFaults(cursors=CursorFaults(page=2)),
    ServerFaults(cursors=CursorFaults(page=3, index="refused", announced=True, no_total=True, never_ends=True)),
    ServerFaults(id_as_integer=True, resources_lowercase=True, total_as_string=True),
]
