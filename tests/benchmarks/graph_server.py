"""The stand-in of Microsoft Graph, as fast as a cache: `python graph_server.py --users N`.

Serves a tenant whose N users are members of one assigned group. Each answer is kept and sent again for the same
request, so that after a first import the time of a read is the client's. The first line on stdout is a JSON object: the
environment, the tenant and the app. For each line on stdin it prints the requests since the last one and forgets them.
It ends when stdin closes.
"""

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from generate import people
from support.servers.graph.server import GraphServer
from support.servers.graph.tenant import Tenant
from support.servers.http_server import Reply, Request


class CachingGraphServer(GraphServer):
    """Answers a request to Graph that came before as it did then."""

    def __init__(self, tenant: Tenant) -> None:
        super().__init__(tenant)
        self._answers: dict[tuple[str, str, bytes], Reply] = {}
        self.asked: list[tuple[str, str, str]] = []

    def _answer_graph(self, request: Request) -> Reply:
        self.asked.append((request.method, request.target, request.body.decode()))
        key = (request.method, request.target, request.body)
        if key not in self._answers:
            self._answers[key] = super()._answer_graph(request)
        return self._answers[key]


def build_tenant(users: int) -> Tenant:
    """Return a tenant with the people of the other benchmarks, all in one assigned group."""
    tenant = Tenant()
    members = [
        tenant.add_user(
            each["userPrincipalName"],
            givenName=each["givenName"],
            surname=each["surname"],
            preferredLanguage=each["preferredLanguage"],
            employeeId=each["employeeId"],
            department=each["department"],
            employeeOrgData={"costCenter": each["costCenter"], "division": each["division"]},
        )
        for each in people(users, 1)
    ]
    tenant.assign(tenant.add_application(), tenant.add_group("Staff", members))
    return tenant


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--users", type=int, required=True)
    tenant = build_tenant(parser.parse_args().users)
    with CachingGraphServer(tenant) as server:
        started = {"environment": server.token_environment, "tenant": tenant.id, "client": tenant.app.client_id}
        sys.stdout.write(json.dumps(started) + "\n")
        sys.stdout.flush()
        for _ in sys.stdin:
            sys.stdout.write(json.dumps(server.asked) + "\n")
            sys.stdout.flush()
            server.asked.clear()
            server.requests.clear()


if __name__ == "__main__":
    main()
