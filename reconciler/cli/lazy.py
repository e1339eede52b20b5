"""The table of what commands run. Each module is imported when a command needs it, so that `--help` stays under 150 ms.

`lazy.run_plan(...)` imports `reconciler.commands.plan` (PEP 562). The imports below are for mypy and editors only; a
test keeps them and the table the same.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reconciler.commands.add_user import AddUserOptions, run_add_user
    from reconciler.commands.apply import ApplyOptions, run_apply
    from reconciler.commands.check import CheckOptions, run_check
    from reconciler.commands.demo import run_demo
    from reconciler.commands.drift import DriftOptions, run_drift
    from reconciler.commands.eval import run_eval
    from reconciler.commands.explain import ExplainOptions, run_explain
    from reconciler.commands.export import ExportOptions, run_export
    from reconciler.commands.export_entra_schema import run_export_entra_schema
    from reconciler.commands.fleet.apply import FleetApplyOptions, run_fleet_apply
    from reconciler.commands.fleet.drift import run_fleet_drift
    from reconciler.commands.fleet.explain import FleetExplainOptions, run_fleet_explain
    from reconciler.commands.fleet.gate import run_gate
    from reconciler.commands.fleet.gather import GatherOutput, run_gather
    from reconciler.commands.fleet.init_queue import run_init_queue
    from reconciler.commands.fleet.jobs import JobsOptions, run_jobs
    from reconciler.commands.fleet.matrix import MatrixOptions, run_matrix
    from reconciler.commands.fleet.plan import FleetPlanOptions, run_fleet_plan
    from reconciler.commands.fleet.requeue import RequeueOptions, run_requeue
    from reconciler.commands.fleet.retry import FleetRetryOptions, run_fleet_retry
    from reconciler.commands.fleet.status import run_fleet_status
    from reconciler.commands.fleet.submit import SubmitOptions, run_submit
    from reconciler.commands.fleet.validate import FleetValidateOptions, run_fleet_validate
    from reconciler.commands.fleet.worker import FleetWorkerOptions, run_worker
    from reconciler.commands.fmt import FmtOptions, run_fmt
    from reconciler.commands.github.action import run_action
    from reconciler.commands.github.annotate import run_annotate
    from reconciler.commands.github.comment import run_comment
    from reconciler.commands.github.drift_issue import run_drift_issue
    from reconciler.commands.github.expect import run_expect
    from reconciler.commands.github.fetch_record import run_fetch_record
    from reconciler.commands.github.fleet_comment import run_fleet_comment
    from reconciler.commands.github.fleet_fetch_record import run_fleet_fetch_record
    from reconciler.commands.github.fleet_issue import run_fleet_issue
    from reconciler.commands.github.fleet_newest import run_fleet_newest
    from reconciler.commands.github.fleet_push_record import run_fleet_push_record
    from reconciler.commands.github.fleet_record import run_fleet_record
    from reconciler.commands.github.fleet_reviewed import NamedRun, run_fleet_reviewed
    from reconciler.commands.github.fleet_summary import run_fleet_summary
    from reconciler.commands.github.fleet_tokens import run_fleet_tokens
    from reconciler.commands.github.heartbeat import run_heartbeat
    from reconciler.commands.github.import_patch import run_import_patch
    from reconciler.commands.github.import_pull import run_import_pull
    from reconciler.commands.github.outputs import run_outputs
    from reconciler.commands.github.provisioning import run_provisioning
    from reconciler.commands.github.pull import run_pull
    from reconciler.commands.github.push_record import run_push_record
    from reconciler.commands.github.record import run_record
    from reconciler.commands.github.review_issue import run_review_issue
    from reconciler.commands.github.reviewed import run_reviewed
    from reconciler.commands.github.source import run_source
    from reconciler.commands.github.summary import run_summary
    from reconciler.commands.github.unattended import run_unattended
    from reconciler.commands.import_csv import ImportCsvOptions, run_import_csv
    from reconciler.commands.import_entra import EntraImportOptions, run_import_entra
    from reconciler.commands.import_entra_links import EntraLinksOptions, run_import_entra_links
    from reconciler.commands.import_entra_schema import ImportOptions, run_import_entra_schema
    from reconciler.commands.init import InitOptions, run_init
    from reconciler.commands.log import LogOptions, run_log
    from reconciler.commands.login import LoginOptions, run_login
    from reconciler.commands.plan import PlanOptions, run_plan
    from reconciler.commands.report import ReportOptions, run_report
    from reconciler.commands.rollback import RollbackOptions, run_rollback
    from reconciler.commands.sandbox import (
        run_advance,
        run_disconnect,
        run_reconnect,
        run_reset,
        run_seed,
        run_serve,
        run_token,
    )
    from reconciler.commands.schema import render_schema
    from reconciler.commands.show import run_show
    from reconciler.commands.status import run_status
    from reconciler.commands.validate import ValidateOptions, run_validate
    from reconciler.commands.version import render_version
    from reconciler.core.policy import APPROVABLE_GUARDS
    from reconciler.desired.tenant_folder import find_plans
    from reconciler.desired.user_keys import find_user_keys
    from reconciler.profiles import PROFILES
    from reconciler.render.formats import OutputOptions
    from reconciler.render.style import hide_words
    from reconciler.session.fleet.fleet_run import FleetRunOptions
    from reconciler.session.fleet.gathering import GatherOptions
    from reconciler.session.fleet.selected import FleetSelection
    from reconciler.session.telemetry import is_wanted, trace_command
    from reconciler.session.terminal import Terminal
    from reconciler.session.workspace import Workspace, parse_now

MODULES = {
    "reconciler.commands.add_user": ("AddUserOptions", "run_add_user"),
    "reconciler.commands.apply": ("ApplyOptions", "run_apply"),
    "reconciler.commands.check": ("CheckOptions", "run_check"),
    "reconciler.commands.demo": ("run_demo",),
    "reconciler.commands.drift": ("DriftOptions", "run_drift"),
    "reconciler.commands.eval": ("run_eval",),
    "reconciler.commands.explain": ("ExplainOptions", "run_explain"),
    "reconciler.commands.export": ("ExportOptions", "run_export"),
    "reconciler.commands.export_entra_schema": ("run_export_entra_schema",),
    "reconciler.commands.fleet.apply": ("FleetApplyOptions", "run_fleet_apply"),
    "reconciler.commands.fleet.drift": ("run_fleet_drift",),
    "reconciler.commands.fleet.explain": ("FleetExplainOptions", "run_fleet_explain"),
    "reconciler.commands.fleet.validate": ("FleetValidateOptions", "run_fleet_validate"),
    "reconciler.commands.fleet.gate": ("run_gate",),
    "reconciler.commands.fleet.gather": ("GatherOutput", "run_gather"),
    "reconciler.commands.fleet.matrix": ("MatrixOptions", "run_matrix"),
    "reconciler.commands.fleet.plan": ("FleetPlanOptions", "run_fleet_plan"),
    "reconciler.commands.fleet.retry": ("FleetRetryOptions", "run_fleet_retry"),
    "reconciler.commands.fleet.status": ("run_fleet_status",),
    "reconciler.commands.fleet.init_queue": ("run_init_queue",),
    "reconciler.commands.fleet.jobs": ("JobsOptions", "run_jobs"),
    "reconciler.commands.fleet.requeue": ("RequeueOptions", "run_requeue"),
    "reconciler.commands.fleet.submit": ("SubmitOptions", "run_submit"),
    "reconciler.commands.fleet.worker": ("FleetWorkerOptions", "run_worker"),
    "reconciler.commands.fmt": ("FmtOptions", "run_fmt"),
    "reconciler.commands.github.action": ("run_action",),
    "reconciler.commands.github.annotate": ("run_annotate",),
    "reconciler.commands.github.comment": ("run_comment",),
    "reconciler.commands.github.drift_issue": ("run_drift_issue",),
    "reconciler.commands.github.expect": ("run_expect",),
    "reconciler.commands.github.fetch_record": ("run_fetch_record",),
    "reconciler.commands.github.fleet_comment": ("run_fleet_comment",),
    "reconciler.commands.github.fleet_fetch_record": ("run_fleet_fetch_record",),
    "reconciler.commands.github.fleet_issue": ("run_fleet_issue",),
    "reconciler.commands.github.fleet_newest": ("run_fleet_newest",),
    "reconciler.commands.github.fleet_push_record": ("run_fleet_push_record",),
    "reconciler.commands.github.fleet_record": ("run_fleet_record",),
    "reconciler.commands.github.fleet_reviewed": ("NamedRun", "run_fleet_reviewed"),
    "reconciler.commands.github.fleet_summary": ("run_fleet_summary",),
    "reconciler.commands.github.fleet_tokens": ("run_fleet_tokens",),
    "reconciler.commands.github.heartbeat": ("run_heartbeat",),
    "reconciler.commands.github.import_patch": ("run_import_patch",),
    "reconciler.commands.github.import_pull": ("run_import_pull",),
    "reconciler.commands.github.outputs": ("run_outputs",),
    "reconciler.commands.github.provisioning": ("run_provisioning",),
    "reconciler.commands.github.pull": ("run_pull",),
    "reconciler.commands.github.push_record": ("run_push_record",),
    "reconciler.commands.github.record": ("run_record",),
    "reconciler.commands.github.review_issue": ("run_review_issue",),
    "reconciler.commands.github.reviewed": ("run_reviewed",),
    "reconciler.commands.github.source": ("run_source",),
    "reconciler.commands.github.summary": ("run_summary",),
    "reconciler.commands.github.unattended": ("run_unattended",),
    "reconciler.commands.import_csv": ("ImportCsvOptions", "run_import_csv"),
    "reconciler.commands.import_entra": ("EntraImportOptions", "run_import_entra"),
    "reconciler.commands.import_entra_links": ("EntraLinksOptions", "run_import_entra_links"),
    "reconciler.commands.import_entra_schema": ("ImportOptions", "run_import_entra_schema"),
    "reconciler.commands.init": ("InitOptions", "run_init"),
    "reconciler.commands.log": ("LogOptions", "run_log"),
    "reconciler.commands.login": ("LoginOptions", "run_login"),
    "reconciler.commands.plan": ("PlanOptions", "run_plan"),
    "reconciler.commands.report": ("ReportOptions", "run_report"),
    "reconciler.commands.rollback": ("RollbackOptions", "run_rollback"),
    "reconciler.commands.sandbox": (
        *("run_advance", "run_disconnect", "run_reconnect", "run_reset", "run_seed", "run_serve", "run_token"),
    ),
    "reconciler.commands.schema": ("render_schema",),
    "reconciler.commands.show": ("run_show",),
    "reconciler.commands.status": ("run_status",),
    "reconciler.commands.validate": ("ValidateOptions", "run_validate"),
    "reconciler.commands.version": ("render_version",),
    "reconciler.core.policy": ("APPROVABLE_GUARDS",),
    "reconciler.desired.user_keys": ("find_user_keys",),
    "reconciler.profiles": ("PROFILES",),
    "reconciler.render.formats": ("OutputOptions",),
    "reconciler.render.style": ("hide_words",),
    "reconciler.session.fleet.fleet_run": ("FleetRunOptions",),
    "reconciler.session.fleet.gathering": ("GatherOptions",),
    "reconciler.session.fleet.selected": ("FleetSelection",),
    "reconciler.session.telemetry": ("is_wanted", "trace_command"),
    "reconciler.session.terminal": ("Terminal",),
    "reconciler.session.workspace": ("Workspace", "parse_now"),
    "reconciler.desired.tenant_folder": ("find_plans",),
}
_MODULE_OF = {name: module for module, names in MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import the module that `name` is in. Raises `AttributeError` if the table has no such name."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULE_OF[name]), name)
