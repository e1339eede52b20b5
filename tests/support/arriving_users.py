"""Desired users whose rows arrive from another thread, as a worker's do."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence

from reconciler.core.model import DesiredUser
from reconciler.core.planning.blocks import OpenBlock
from reconciler.desired.user_table import Chunk, ChunkWriter, UserTable


def cut(users: Iterable[DesiredUser], size: int) -> list[Chunk]:
    """Return the users in chunks of rows of up to `size` users."""
    chunks: list[Chunk] = []
    writer = ChunkWriter(chunks.append)
    for number, user in enumerate(users, 1):
        writer.append(user)
        if number % size == 0:
            writer.flush()
    writer.flush()
    return chunks


def arrive(
    chunks: Sequence[Chunk],
    *,
    early: int,
    again: Sequence[DesiredUser] | None = None,
    open_block: OpenBlock | None = None,
) -> UserTable:
    """Return a table with the first chunks, to which a thread adds the others. `again`: come in their place then."""

    def complete() -> None:
        adding.join()
        if again is not None and not replaced:
            replaced.append(True)
            table.clear()
            table.extend(again)

    def add() -> None:
        for chunk in chunks[early:]:
            table.adopt(chunk)
        table.end()

    replaced: list[bool] = []
    table = UserTable(complete=complete, open_block=open_block)
    for chunk in chunks[:early]:
        table.adopt(chunk)
    adding = threading.Thread(target=add)
    threading.Timer(0.001, adding.start).start() if len(chunks) > early else adding.start()
    return table
