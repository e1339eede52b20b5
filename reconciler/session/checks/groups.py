"""The table of what `check` asks, in the order in which it is asked and shown.

A new question is a row here, or a name in one, its function in a module of this package, and a row in docs/check.md.
"""

from __future__ import annotations

from reconciler.scim.probes.survey import OPEN_QUESTIONS
from reconciler.scim.probes.survey import QUESTIONS as SERVICE_QUESTIONS
from reconciler.session.checks.access import ask_access, ask_token
from reconciler.session.checks.accounts import ask_accounts
from reconciler.session.checks.context import CheckGroup
from reconciler.session.checks.environment import ask_environment
from reconciler.session.checks.expiry import FIRST_USE, GRAPH, SECRET, TOKEN, ask_expiry, ask_graph_expiry
from reconciler.session.checks.files import ask_files, ask_version
from reconciler.session.checks.graph import QUESTIONS as GRAPH_QUESTIONS
from reconciler.session.checks.graph import ask_graph
from reconciler.session.checks.names import QUESTIONS as NAMES_QUESTIONS
from reconciler.session.checks.names import ask_names
from reconciler.session.checks.network import ask_host, ask_network, ask_proxy
from reconciler.session.checks.notifications import QUESTIONS as NOTIFICATION_QUESTIONS
from reconciler.session.checks.notifications import ask_notifications
from reconciler.session.checks.oauth import ask_authorization_server
from reconciler.session.checks.people import QUESTIONS as PEOPLE_QUESTIONS
from reconciler.session.checks.people import ask_people
from reconciler.session.checks.provisioning import ask_provisioning
from reconciler.session.checks.record import ask_lock, ask_record
from reconciler.session.checks.service import ask_service
from reconciler.session.checks.time_limit import QUESTION as TIME_LIMIT
from reconciler.session.checks.time_limit import ask_time_limit
from reconciler.session.checks.unattended import ask_unattended

_FILES, _WAY, _ACCESS, _PAST = "Program and files", "Way to the service", "Access", "Record"
_SERVICE, _PEOPLE, _ENTRA, _MESSAGES = "What the service does", "People", "Microsoft Entra", "Notifications"
_LIMIT = "Time"
_SURVEY = frozenset(SERVICE_QUESTIONS) - {"users", OPEN_QUESTIONS}

GROUPS = (
    CheckGroup(ask_version, ("version",), _FILES),
    CheckGroup(ask_files, ("desired_state", "target"), _FILES),
    CheckGroup(ask_environment, ("environment",), _FILES),
    CheckGroup(ask_host, ("host",), _WAY, needs=("target",)),
    CheckGroup(ask_proxy, ("proxy",), _WAY, needs=("target",)),
    CheckGroup(ask_network, ("dns", "tcp", "tls"), _WAY, needs=("host", "proxy"), network=True),
    CheckGroup(ask_token, ("token",), _ACCESS, needs=("target",)),
    CheckGroup(ask_authorization_server, ("authorization_server",), _ACCESS, ("proxy", "token"), network=True),
    CheckGroup(ask_access, ("access", "request_time", "clock"), _ACCESS, ("host", "tls", "token"), network=True),
    CheckGroup(ask_expiry, (TOKEN, SECRET, FIRST_USE), _ACCESS, needs=("target",)),
    CheckGroup(ask_service, SERVICE_QUESTIONS, _SERVICE, ("access",), network=True, details=_SURVEY),
    CheckGroup(ask_people, PEOPLE_QUESTIONS, _PEOPLE, needs=("desired_state",)),
    CheckGroup(ask_names, NAMES_QUESTIONS, _PEOPLE, needs=("desired_state", "access"), network=True),
    CheckGroup(ask_graph, GRAPH_QUESTIONS, _ENTRA, needs=("target", "proxy")),
    CheckGroup(ask_graph_expiry, (GRAPH,), _ENTRA, needs=("target",)),
    CheckGroup(ask_record, ("record", "last_apply"), _PAST, needs=("target",)),
    CheckGroup(ask_accounts, ("accounts",), _PAST, needs=("record", "access"), network=True),
    CheckGroup(ask_provisioning, ("provisioning",), _PAST, needs=("target",)),
    CheckGroup(ask_unattended, ("unattended",), _PAST, needs=("target",)),
    CheckGroup(ask_lock, ("lock",), _PAST, needs=("target",)),
    CheckGroup(ask_notifications, NOTIFICATION_QUESTIONS, _MESSAGES, needs=("target",)),
    CheckGroup(ask_time_limit, (TIME_LIMIT,), _LIMIT),
)

QUESTIONS = tuple(question for group in GROUPS for question in group.questions)
SECTIONS = {question: group.section for group in GROUPS for question in group.questions}
"""The heading of each question."""
DETAILS = frozenset(question for group in GROUPS for question in group.details)
"""Questions of which only those that need attention are shown, unless all are asked for."""
