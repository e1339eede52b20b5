"""The floor of an import: the same requests and the same files. `python import_floor.py STATE_DIR REQUESTS GRAPH_URL`.

Sends the requests of REQUESTS (JSON: method, target, body) over one bare connection, decodes each answer, and reads the
files of the desired state by libyaml's events; nothing is checked, compared or written.
"""

import gc
import http.client
import json
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from floor import parsed


def main() -> None:
    gc.disable()
    state, requests, url = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_bytes()), urlsplit(sys.argv[3])
    connection = http.client.HTTPConnection(url.netloc, timeout=600)
    headers = {
        "Authorization": f"Bearer {os.environ['RECONCILER_GRAPH_TOKEN']}",
        "ConsistencyLevel": "eventual",
        "Content-Type": "application/json",
    }
    rows = []
    for method, target, body in requests:
        connection.request(method, target, body or None, headers)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != http.HTTPStatus.OK:
            raise SystemExit(f"{method} {target}: {answer.status}")
        if content[:1] == b"{":
            rows += msgspec.json.decode(content).get("value", [])
    entries = [
        entry for path in sorted(state.glob("[ug]*s/**/*.yaml")) for entry in parsed(path.read_text("utf-8")) or ()
    ]
    sys.stdout.write(json.dumps({"rows": len(rows), "entries": len(entries)}) + "\n")


if __name__ == "__main__":
    main()
