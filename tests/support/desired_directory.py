"""A desired-state directory of a few files, and what was read of it."""

from collections.abc import Callable

from reconciler.desired.directory import Directory

SETTINGS = "target:\n  profile: apple-business-manager\n  base_url: https://federation.apple.com/feeds/business/scim\n"
Tree = Callable[..., Directory]


def messages(directory: Directory) -> list[tuple[str, str]]:
    return [(str(item.origin), item.summary) for item in directory.diagnostics]


def users(directory: Directory) -> list[str]:
    return [user.key for user in directory.read_users()]
