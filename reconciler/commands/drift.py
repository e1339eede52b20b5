"""`drift`: what changed in the target since applies left it as desired, told from what is not applied yet.

By a client that cannot write. It is a plan of everybody, compared with what applies on record were made of.
"""

from __future__ import annotations

from reconciler.commands.plan import PlanOptions, plan_and_tell
from reconciler.errors import ExitCode
from reconciler.session.drift_baseline import drift_side
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Place, usable_state


def run_drift(place: Place, options: PlanOptions, terminal: Terminal) -> ExitCode:
    """Plans, tells apart, prints, saves."""
    options.face.check()
    state = usable_state(place, terminal)
    if state is None:
        return ExitCode.ERROR
    return plan_and_tell(place, state, options, terminal, drift_side)
