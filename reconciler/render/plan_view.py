"""A plan as its readers see it: title, summary, sections, guards, diagnostics, notes and facts, put together once.

Every output format renders a `PlanView` and decides only how it looks. Values are raw: each renderer escapes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reconciler.core.expiry import WARNING_DAYS, find_expiry
from reconciler.core.model import Diagnostic, Severity
from reconciler.core.plan import REMOVALS, Action, Attribution, Base, Change, Guard, Incremental, LaterEdit, Plan
from reconciler.core.profile import TargetProfile
from reconciler.core.text import pluralize, quote
from reconciler.render.labels import ACTION_STYLES, DISPLAY_ORDER, format_counts
from reconciler.render.sections import ChangeGroup, Section, removals_first, split_into_sections
from reconciler.render.user_errors import combine_user_errors
from reconciler.render.way_out import describe_way_out


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What a plan without changes says: `No changes.`, why, and where there is space what was compared."""

    headline: str
    explanation: str
    detail: str = ""
    is_good: bool = True


@dataclass(frozen=True, slots=True)
class ProvisioningNotice:
    """`{head}: "{reason}". {meaning}`; the reason is untrusted text, "" if there is none."""

    head: str
    reason: str
    meaning: str

    def __str__(self) -> str:
        return f"{self.head}{f': {quote(self.reason)}' if self.reason else ''}. {self.meaning}"


@dataclass(frozen=True, slots=True)
class SummaryLine:
    """`Plan: 2 to create, 0 to update, 0 to delete.`."""

    label: str
    counts: str

    def __str__(self) -> str:
        return f"{self.label}: {self.counts}."


@dataclass(frozen=True, slots=True)
class BaseComparison:
    """The base that a plan was compared with: `Compared with BASE{purpose}. REMARKS`."""

    base: Base
    purpose: str
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AdditionalSection:
    """Users without a change in the plan, because of `changes` of the base's plan or `edits` of this change set."""

    id: str
    heading: str
    meaning: str
    changes: tuple[Change, ...] = ()
    edits: tuple[LaterEdit, ...] = ()

    @property
    def count(self) -> int:
        """The number of users."""
        return len(self.changes) + len(self.edits)


@dataclass(frozen=True, slots=True)
class GuardView:
    """A guard's verdict. `state`: passed, approved or blocked. `label`: the same in full, as in `would be blocked`."""

    state: str
    label: str
    message: str


@dataclass(frozen=True, slots=True)
class PlanFacts:
    """What identifies the plan; "" if unknown."""

    plan_id: str
    target: str
    commit: str
    made: str
    expires: str
    whole_plan_at: str

    def labelled(self) -> Iterator[tuple[str, str]]:
        """Yield the label and value of each known fact."""
        facts = (
            ("Plan", self.plan_id),
            ("Target", self.target),
            ("Commit", self.commit),
            ("Made", self.made),
            ("Expires", self.expires),
            ("The whole plan", self.whole_plan_at),
        )
        return ((label, value) for label, value in facts if value)


@dataclass(frozen=True, slots=True)
class PlanView:
    """Everything that an output format shows of a plan, in the order of reading."""

    title: str
    provisioning: ProvisioningNotice | None
    """None if provisioning is on, and the change set does not change that."""
    conclusion: Conclusion | None
    """None if the plan has changes."""
    summary: tuple[SummaryLine, ...]
    """A line for each section and one for the plan; the last is the plan's."""
    removals: str
    blocked: str
    way_out: tuple[str, ...]
    comparison: BaseComparison | None
    sections: tuple[Section, ...]
    empty_section: str
    """A sentence if all changes of a compared plan are in one section."""
    additional: tuple[AdditionalSection, ...]
    guards: tuple[GuardView, ...]
    """Those that block first."""
    diagnostics: tuple[Diagnostic, ...]
    diagnostics_title: str
    expiry: tuple[str, ...]
    """Sentences about credentials that end soon, which `diagnostics` have too; no mere notices."""
    untouched: tuple[str, ...]
    """Sentences about users that the plan leaves alone."""
    unassigned: str
    """A sentence about users that no assignment covers, untrusted values in quotes; "" if there are none."""
    other_changes: tuple[str, ...]
    """What the change set changes apart from users."""
    facts: PlanFacts

    @property
    def filled_sections(self) -> tuple[Section, ...]:
        """The sections that have changes."""
        return tuple(section for section in self.sections if section.changes)

    @property
    def groups_by_priority(self) -> list[ChangeGroup]:
        """All groups of changes in the order in which they get space: removals of all sections first."""
        return removals_first([group for section in self.sections for group in section.groups])

    @property
    def counts(self) -> dict[Action, int]:
        """The number of changes of each action that has any, in display order."""
        counts = {
            action: sum(change.action is action for section in self.sections for change in section.changes)
            for action in DISPLAY_ORDER
        }
        return {action: count for action, count in counts.items() if count}


def build_plan_view(plan: Plan, profile: TargetProfile, *, whole_plan_at: str = "") -> PlanView:
    """Return the view of a plan. `whole_plan_at`: where the whole plan is if a format shows a part of it."""
    sections = split_into_sections(plan)
    diagnostics = combine_user_errors(plan.diagnostics)
    return PlanView(
        title=_title(plan, profile),
        provisioning=_provisioning(plan),
        conclusion=_conclusion(plan, profile),
        summary=_summary(plan, sections),
        removals=_removals(plan, sections),
        blocked=_blocked(plan),
        way_out=describe_way_out(plan, profile) if plan.blocked and not plan.offline else (),
        comparison=_comparison(plan),
        sections=sections,
        empty_section=_empty_section(plan, sections),
        additional=_additional(plan),
        guards=_guards(plan),
        diagnostics=diagnostics,
        diagnostics_title=_diagnostics_title(diagnostics),
        expiry=_expiry(plan),
        untouched=_untouched(plan),
        unassigned=_unassigned(plan),
        other_changes=plan.notes,
        facts=_facts(plan, whole_plan_at),
    )


def _title(plan: Plan, profile: TargetProfile) -> str:
    """An offline comparison must not be taken for a plan of the live service."""
    return f"Offline comparison, not with the live {profile.title}" if plan.offline else f"Plan for {profile.title}"


def _provisioning(plan: Plan) -> ProvisioningNotice | None:
    """Return what the switch of provisioning means for the plan."""
    found = plan.provisioning
    if not found.enabled:
        head = "This change set switches provisioning off" if found.switched else "Provisioning is off"
        return ProvisioningNotice(head, found.reason, "Nothing of this plan is applied until it is on again.")
    if not found.switched:
        return None
    pending = sum(change.attribution is Attribution.ALREADY_PENDING for change in plan.changes)
    waiting = pluralize(pending, "pending change becomes", "pending changes become")
    meaning = f"{waiting} applicable." if pending else "No changes were pending."
    return ProvisioningNotice("This change set switches provisioning on", "", meaning)


def _conclusion(plan: Plan, profile: TargetProfile) -> Conclusion | None:
    if plan.changes:
        return None
    if not plan.complete or plan.tally.failed or plan.tally.withheld:
        return Conclusion("No changes can be planned.", "See the messages.", is_good=False)
    if plan.offline:
        return Conclusion("No changes.", "The desired users are those of the base.")
    if plan.incremental is not None:
        return Conclusion("No changes.", "The users that were looked at are as desired.")
    compared = f"Reconciler compared {pluralize(plan.tally.managed, 'managed user')} with the desired state"
    return Conclusion(
        "No changes.",
        f"{profile.title} matches the desired state.",
        f"{compared} and found no differences, so no changes are needed.",
    )


def _summary(plan: Plan, sections: tuple[Section, ...]) -> tuple[SummaryLine, ...]:
    lines = [
        SummaryLine(_capitalize(section.label.label), format_counts(section.changes))
        for section in sections
        if section.attribution is not None
    ]
    return (*lines, SummaryLine("Plan", format_counts(plan.changes)))


def _capitalize(text: str) -> str:
    return text[:1].upper() + text[1:]


def _removals(plan: Plan, sections: tuple[Section, ...]) -> str:
    """Return `1 user will be DELETED, 2 users will be DEACTIVATED.`; "" if no user is removed."""
    counts = [(plan.count(action), ACTION_STYLES[action].heading) for action in DISPLAY_ORDER if action in REMOVALS]
    total = ", ".join(f"{pluralize(count, 'user')} {heading}" for count, heading in counts if count)
    by = ", ".join(_removed_in(section) for section in sections if section.attribution is not None)
    return f"{total}{': ' if by else ''}{by}." if total else ""


def _removed_in(section: Section) -> str:
    by = "by " if section.attribution is Attribution.THIS_CHANGE_SET else ""
    return f"{sum(change.action in REMOVALS for change in section.changes):,} {by}{section.label.label}"


def _comparison(plan: Plan) -> BaseComparison | None:
    if plan.base is None:
        return None
    if not plan.offline:
        return BaseComparison(plan.base, " to attribute each change", ("Applying the plan makes all of them.",))
    remarks = (
        "Drift, earlier changes that were not applied, and existing accounts do not show here.",
        "This cannot be applied.",
    )
    return BaseComparison(plan.base, ", not with the live service", remarks)


def _empty_section(plan: Plan, sections: tuple[Section, ...]) -> str:
    if plan.base is None or not plan.changes or len(sections) == 1 or all(section.changes for section in sections):
        return ""
    if sections[0].changes:
        return "Nothing was already pending: all changes are those of this change set."
    return "This change set adds no change: all of them were already pending."


def _additional(plan: Plan) -> tuple[AdditionalSection, ...]:
    found = (
        AdditionalSection(
            "no-longer-pending",
            "No longer pending",
            "changes that would be made without this change set, and are not made with it",
            changes=plan.no_longer_pending,
        ),
        AdditionalSection(
            "nothing-today",
            "Changes nothing today",
            "dates to come, and users who are added or removed without being in scope",
            edits=plan.changes_nothing_today,
        ),
    )
    return tuple(section for section in found if section.count)


def _guards(plan: Plan) -> tuple[GuardView, ...]:
    ordered = sorted(plan.guards, key=lambda guard: (guard.passed, guard.approved))
    return tuple(_guard(guard, offline=plan.offline) for guard in ordered)


def _guard(guard: Guard, *, offline: bool) -> GuardView:
    if guard.passed:
        return GuardView("passed", "passed", guard.message)
    message = f"{guard.message}; {guard.approval}" if guard.approval else guard.message
    if guard.approved:
        return GuardView("approved", "approved", message)
    label = "would be blocked" if offline else "blocked"
    until = " until approved" if offline and guard.approvable else ""
    return GuardView("blocked", f"{label}{until}", message)


def _blocked(plan: Plan) -> str:
    if not plan.blocked:
        return ""
    return "This plan would be blocked." if plan.offline else "This plan is blocked: nothing will be written."


def _diagnostics_title(diagnostics: Sequence[Diagnostic]) -> str:
    """Return `1 error, 2 warnings`."""
    errors = sum(item.severity is Severity.ERROR for item in diagnostics)
    counts = ((errors, "error"), (len(diagnostics) - errors, "warning"))
    return ", ".join(pluralize(count, noun) for count, noun in counts if count)


def _expiry(plan: Plan) -> tuple[str, ...]:
    return tuple(f"{_capitalize(item.summary)}." for item in find_expiry(plan.diagnostics, most_days=WARNING_DAYS))


def _untouched(plan: Plan) -> tuple[str, ...]:
    tally = plan.tally
    account = "account of the base" if plan.offline else "live account"
    accounts = "accounts of the base" if plan.offline else "live accounts"
    notes = (
        (tally.unmanaged, f"{account} is", f"{accounts} are", f"not managed: never touched{_unmanaged_before(plan)}"),
        (tally.kept, f"{account} stays", f"{accounts} stay", "although not desired (lifecycle: keep)"),
        (tally.other_case, "userName differs", "userNames differ", "in case only, which the service does not keep"),
        (tally.failed, "user has", "users have", "errors: left untouched, see above"),
    )
    left = tuple(f"{pluralize(count, one, many)} {rest}." for count, one, many, rest in notes if count)
    return left if plan.incremental is None else (_describe_incremental(plan.incremental), *left)


def _describe_incremental(found: Incremental) -> str:
    """Say what an incremental plan looked at."""
    looked_at = f"{found.looked_at:,} of {pluralize(found.users, 'user')} looked at since {quote(found.record)}"
    return f"Incremental: {looked_at}; drift elsewhere is not looked at."


def _unassigned(plan: Plan) -> str:
    """Return the sentence about users that have no account because no assignment covers them."""
    count = plan.tally.unassigned
    if not count:
        return ""
    more = count - len(plan.unassigned)
    names = ", ".join(map(quote, plan.unassigned)) + (f" and {more:,} more" if more and plan.unassigned else "")
    who = f"{pluralize(count, 'user')} in users/ {'is' if count == 1 else 'are'} not assigned in scope.yaml"
    return f"{who}, so without an account{f': {names}' if names else ''}."


def _unmanaged_before(plan: Plan) -> str:
    before = plan.drift.unmanaged if plan.drift is not None else None
    if before is None or before == plan.tally.unmanaged:
        return ""
    return f" ({before:,} when the last apply was planned)"


def _facts(plan: Plan, whole_plan_at: str) -> PlanFacts:
    return PlanFacts(
        plan_id=plan.plan_id,
        target=plan.target.address,
        commit=plan.commit or "",
        made=f"{plan.created_at:%Y-%m-%d %H:%M} UTC",
        expires=f"{plan.expires_at:%Y-%m-%d %H:%M} UTC",
        whole_plan_at=whole_plan_at,
    )
