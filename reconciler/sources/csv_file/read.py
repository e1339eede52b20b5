"""Read a CSV file as a snapshot."""

from __future__ import annotations

from pathlib import Path

from reconciler.core.system_limits import advise, describe_os_error
from reconciler.errors import SourceError
from reconciler.sources.csv_file.decode import MAX_BYTES
from reconciler.sources.csv_file.options import CsvOptions
from reconciler.sources.csv_file.parse import parse_csv
from reconciler.sources.snapshot import Snapshot


def read_csv(file: Path, options: CsvOptions) -> Snapshot:
    """Read the people of a file, all or with those in doubt named.

    Raises `SourceError` if it cannot be read as it was meant, and `UsageError` if the options do not fit it.
    """
    return parse_csv(_read_bytes(file), str(file), options)


def _read_bytes(file: Path) -> bytes:
    if file.is_dir():
        raise SourceError(f"{file} is a directory", "Name the CSV file in it.")
    try:
        with file.open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as exc:
        reason = describe_os_error(exc) if isinstance(exc, OSError) else "its name cannot be one of a file"
        way_out = advise(exc, "Check the path.") if isinstance(exc, OSError) else "Check the path."
        raise SourceError(f"{file} cannot be read: {reason}", way_out) from exc
