"""The repository on its server: read and push branches without a work tree, the user's index, filters or hooks.

The token is in git's environment, for its server only; redirects are not followed.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.core.text import escape_control
from reconciler.errors import RepositoryError
from reconciler.git.process import GitCommandError, run_git
from reconciler.git.repository import parse_object_id

_MAX_LISTING = 1024 * 1024
_QUIET = ("--no-tags", "--no-recurse-submodules", "--no-auto-maintenance", "--no-write-fetch-head", "--quiet")
_PUSH = ("--no-follow-tags", "--no-signed", "--no-verify", "--recurse-submodules=no", "--quiet")


@dataclass(frozen=True, slots=True)
class Remote:
    """The repository on its server. `secrets`: environment variables for git that hold the token.

    `proxied`: they name a proxy, too; otherwise none is used.
    """

    url: str
    server: str
    protocol: str
    secrets: Mapping[str, str] = field(repr=False)
    proxied: bool = False

    def options(self) -> list[str]:
        """Return git options that override settings which could redirect a request, weaken it or prompt a user."""
        sections = ("http", f"http.{self.server}/")
        settings = {
            # An option would win over the environment, and show the password of the proxy.
            **({} if self.proxied else {f"{section}.proxy": "" for section in sections}),
            **{f"{section}.sslVerify": "true" for section in sections},
            "http.followRedirects": "false",
            "credential.helper": "",
            "core.askPass": "",
        }
        return [option for name, value in settings.items() for option in ("-c", f"{name}={value}")]


@dataclass(frozen=True, slots=True)
class Author:
    """The author of commits."""

    name: str
    email: str

    def variables(self) -> dict[str, str]:
        """Return its environment variables for git."""
        both = {"NAME": self.name, "EMAIL": self.email}
        return {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in both.items()}


class ServerRepository:
    """A clone and its server. `what`: what cannot be reached, for messages; `details`: the way out, by git command.

    `directory`: anywhere in the clone. Methods raise `RepositoryError` if git fails.
    """

    def __init__(self, directory: Path, remote: Remote, what: str, details: Mapping[str, str]) -> None:
        self.directory = directory
        self._remote = remote
        self._what = what
        self._details = details

    def read_tip(self, branch: str) -> str | None:
        """Return the commit of the branch on the server. git exits with 0 only if it answered: no line, no branch."""
        ref = f"refs/heads/{branch}"
        for line in self.networked("ls-remote", "--quiet", self._remote.url, ref).splitlines():
            commit, _, name = line.partition(b"\t")
            if name == ref.encode():
                return parse_object_id(commit)
        return None

    def fetch(self, branch: str, ref: str) -> str | None:
        """Fetch the branch to the local `ref` and return its commit; None, without `ref`, if there is no branch."""
        if self.read_tip(branch) is None:
            self.local("update-ref", "-d", ref)
            return None
        self.networked("fetch", *_QUIET, self._remote.url, f"+refs/heads/{branch}:{ref}")
        return parse_object_id(self.local("rev-parse", "--verify", f"{ref}^{{commit}}"))

    def push(self, refspec: str, *options: str) -> None:
        """Push; the server refuses what `options` such as a lease do not allow."""
        self.networked("push", *_PUSH, *options, self._remote.url, refspec)

    def commit(self, tip: str | None, files: Mapping[str, bytes | None], author: Author, message: str) -> str:
        """Create a commit on top of `tip` from objects alone. `files`: by their paths in the repository.

        None: the file is removed.
        """
        with tempfile.TemporaryDirectory(prefix="reconciler-index-") as folder:
            index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
            if tip is not None:
                self.local("read-tree", tip, variables=index)
            lines = self._index_lines(sorted(files.items()), Path(folder))
            self.local("update-index", "-z", "--index-info", stdin=b"".join(lines), variables=index)
            tree = parse_object_id(self.local("write-tree", variables=index))
        parents = ("-p", tip) if tip is not None else ()
        variables = author.variables()
        return parse_object_id(
            self.local("commit-tree", tree, *parents, "-F", "-", stdin=message.encode(), variables=variables)
        )

    def _index_lines(self, files: Sequence[tuple[str, bytes | None]], folder: Path) -> list[bytes]:
        """Return a line for each file; `folder`: an empty, private one. One process of git for all contents."""
        contents = [content for _, content in files if content is not None]
        paths = [folder / str(number) for number in range(len(contents))]
        for path, content in zip(paths, contents, strict=True):
            path.write_bytes(content)
        listed = b"".join(os.fsencode(path) + b"\n" for path in paths)
        # Without filters: the paths are not those of the repository.
        found = self.local("hash-object", "-w", "--no-filters", "--stdin-paths", stdin=listed).split()
        blobs = iter(found)
        lines = [
            (b"0 %s" % (b"0" * 40) if content is None else b"100644 %s" % next(blobs)) + b"\t%s\0" % os.fsencode(path)
            for path, content in files
        ]
        if len(found) != len(contents):
            raise RepositoryError("git hash-object failed: it named another number of objects", "Run `git fsck`.")
        return lines

    def local(self, *arguments: str, stdin: bytes = b"", variables: Mapping[str, str] | None = None) -> bytes:
        """Run git in the clone, without the network."""
        try:
            return run_git(self.directory, *arguments, stdin=stdin, variables=variables)
        except GitCommandError as exc:
            raise RepositoryError(f"git {arguments[0]} failed: {escape_control(str(exc))}", "Run `git fsck`.") from exc

    def networked(self, *arguments: str) -> bytes:
        """Run git with the token of the server."""
        variables = {**self._remote.secrets, "GIT_ALLOW_PROTOCOL": self._remote.protocol}
        command = (*self._remote.options(), *arguments)
        try:
            return run_git(self.directory, *command, limit=_MAX_LISTING, variables=variables)
        except GitCommandError as exc:
            reason = f"({arguments[0]}): {escape_control(str(exc))}"
            raise RepositoryError(f"{self._what} cannot be reached {reason}", self._details[arguments[0]]) from exc
