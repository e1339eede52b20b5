"""Send the PATCH of one user in a form that the service takes, and learn which forms it takes.

A form is tried only after the service refused another and reading shows that it had no effect, one user at a time; the
others then use what was learnt. A form that was accepted before is not in doubt: the refusal is about a value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from reconciler.apply.confirmation import REREADS
from reconciler.apply.patch_habits import FORBIDDEN, PatchHabits, describe_refused
from reconciler.apply.patch_styles import (
    STYLES,
    Intent,
    Operation,
    PatchStyle,
    PatchStyles,
    Step,
    build_steps,
    name_purpose,
)
from reconciler.core.model import AttributePath, Resource
from reconciler.core.plan import AttributeChange
from reconciler.errors import ScimError, UnknownOutcomeError

Answer = Mapping[str, Any] | None
_ROUNDS = 2 + len(STYLES)
"""How often a request is built again, because another user's refusal taught another form meanwhile."""


class PatchTarget(Protocol):
    """The account that is written."""

    def send(self, operations: Sequence[Operation]) -> tuple[Answer, UnknownOutcomeError | None]:
        """Send one request. Raises `ScimError` if it is refused; returns its answer, or how it was lost."""

    def read(self) -> Resource | None:
        """Read the user."""

    def has(self, rows: Sequence[AttributeChange], user: Resource | None, *, after: bool) -> bool:
        """Whether the user has the values of the rows before the change, or `after` it."""

    def pause(self, seconds: float) -> None:
        """Wait before the next read."""

    def declares_no_patch(self) -> bool:
        """Whether the service declares that it takes no PATCH."""


class PatchUnsupportedError(ScimError):
    """The service takes no PATCH at all: nothing was changed, and repeating the command changes nothing."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent. `left_out`: why attributes were not sent, by path."""

    answer: Answer = None
    lost: UnknownOutcomeError | None = None
    left_out: dict[AttributePath, str] = field(default_factory=dict)


class PatchSender:
    """Sends changes of existing users. Its methods may run in several threads."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.habits = PatchHabits(say)

    def send(self, rows: Sequence[AttributeChange], live: Resource, account: PatchTarget) -> Sent:
        """Send the changed rows of a user that the target returned as `live`.

        Raises `ScimError` if the service refuses them, `PatchUnsupportedError` if it takes no PATCH at all.
        """
        for _ in range(_ROUNDS):
            with self.habits.alone_at_first():
                self._check_supported()
                styles = self.habits.styles
                possible = [row for row in rows if not self.habits.explain_refused(name_purpose(row))]
                steps = build_steps(possible, live, styles)
                try:
                    sent = self._send_steps(steps, account, single=styles.single) if steps else Sent()
                except ScimError as exc:
                    refusal, found = exc, self._learn(steps, styles, exc, account)
                else:
                    found = sent
            if found is not None:
                return replace(found, left_out=self._explain_left_out(rows, steps))
            live = account.read() or live
        raise refusal

    def _explain_left_out(self, rows: Sequence[AttributeChange], steps: Sequence[Step]) -> dict[AttributePath, str]:
        sent = {row.path for step in steps for row in step.rows}
        left = [(row.path, name_purpose(row)) for row in rows if row.path not in sent]
        return {path: self.habits.explain_refused(purpose) or describe_refused(purpose) for path, purpose in left}

    def _check_supported(self) -> None:
        if self.habits.unsupported:
            raise PatchUnsupportedError(0, "", self.habits.unsupported)

    def _send_steps(self, steps: Sequence[Step], account: PatchTarget, *, single: bool) -> Sent:
        operations = [operation for step in steps for operation in step.operations]
        for request in [[each] for each in operations] if single else [operations]:
            answer, lost = account.send(request)
            if lost is not None:
                return Sent(None, lost)
        self.habits.note_accepted(steps, several=not single and len(operations) > 1)
        return Sent(answer)

    def _learn(
        self, steps: Sequence[Step], styles: PatchStyles, refusal: ScimError, account: PatchTarget
    ) -> Sent | None:
        """Try other forms for a user whose request was refused.

        None if the rest of it is to be sent in another form: another user taught one, or part of it cannot be sent.
        """
        if not self.habits.may_be_form(steps, refusal, styles):
            raise refusal
        with self.habits.trying:
            self._check_supported()
            purposes = {purpose for step in steps for purpose in step.purposes}
            if self.habits.styles != styles or any(map(self.habits.explain_refused, purposes)):
                return None
            if not self.habits.may_be_form(steps, refusal, styles):
                raise refusal
            _read_unchanged([row for step in steps for row in step.rows], account, refusal)
            if self.habits.asks_for_declaration(refusal) and account.declares_no_patch():
                raise PatchUnsupportedError(refusal.status, "", self.habits.learn_unsupported(refusal)) from refusal
            if refusal.status == FORBIDDEN:
                raise refusal
            return _Trial(self.habits, account, styles).run(steps, refusal)


def _read_unchanged(rows: Sequence[AttributeChange], account: PatchTarget, refusal: ScimError) -> Resource:
    """Read the user; raise the refusal unless that shows that it had no effect on the rows."""
    try:
        user = account.read()
    except ScimError:
        raise refusal from None
    if user is None or not account.has(rows, user, after=False):
        raise refusal
    return user


@dataclass(slots=True)
class _Trial:
    """The search for the forms that a service takes, with the changes of one user."""

    habits: PatchHabits
    account: PatchTarget
    styles: PatchStyles
    last: Sent = field(default_factory=Sent)

    def run(self, steps: Sequence[Step], refusal: ScimError) -> Sent | None:
        """Try each step alone, and the refused ones in other styles. Raises the first refusal that stays.

        None if an operation of the refused ones can be sent in no style.
        """
        refused = [(steps[0], refusal)] if len(steps) == 1 else self._send_apart(steps)
        if len(steps) > 1:
            self._judge_several(refused)
        failed: list[ScimError] = []
        for step, error in refused:
            if self.last.lost is not None:
                break
            try:
                self._find_style(step, error)
            except ScimError as exc:
                failed.append(exc)
        if failed:
            raise failed[0]
        purposes = {purpose for step in steps for purpose in step.purposes}
        return None if any(map(self.habits.explain_refused, purposes)) else self.last

    def _judge_several(self, refused: Sequence[tuple[Step, ScimError]]) -> None:
        if refused:
            self.habits.note_trial_of_several()
        elif self.last.lost is None:
            self.habits.learn_single()

    def _send_apart(self, steps: Sequence[Step]) -> list[tuple[Step, ScimError]]:
        """Send each step in requests of its own; return those that are refused, and why."""
        refused: list[tuple[Step, ScimError]] = []
        for step in steps:
            try:
                if not self._send(step):
                    break
            except ScimError as exc:
                refused.append((step, exc))
        return refused

    def _send(self, step: Step) -> bool:
        """Send the operations of a step one by one; return whether all were answered. Raises `ScimError`."""
        for operation in step.operations:
            answer, lost = self.account.send([operation])
            self.last = Sent(answer, lost)
            if lost is not None:
                return False
        self.habits.note_accepted([step], several=False)
        return True

    def _find_style(self, step: Step, refusal: ScimError) -> None:
        """Send a refused step in other styles until one is accepted and in effect. Raises if none is."""
        refusals = [refusal]
        tried = [step.operations]
        if not self.habits.may_be_form([step], refusal, self.styles):
            raise refusal
        user = _read_unchanged(step.rows, self.account, refusal)
        accepted: list[PatchStyle] = []
        for style in self.habits.list_styles(step.intent):
            for other in build_steps(step.rows, user, self.habits.styles.choose(step.intent, style)):
                if other.operations in tried:
                    continue
                tried.append(other.operations)
                try:
                    if not self._send(other):
                        return
                except ScimError as exc:
                    refusals.append(exc)
                else:
                    accepted.append(style)
                    if self._is_in_effect(step.rows):
                        self.habits.learn_style(step.intent, style)
                        return
                user = _read_unchanged(step.rows, self.account, refusal)
        if accepted:
            # Reads may lag behind: whether it is in effect is for the verification of each change to say.
            self.habits.learn_style(step.intent, accepted[0])
            return
        self._give_up(step, refusals)

    def _is_in_effect(self, rows: Sequence[AttributeChange]) -> bool:
        for pause in REREADS:
            self.account.pause(pause)
            try:
                if self.account.has(rows, self.account.read(), after=True):
                    return True
            except ScimError:
                return False
        return False

    def _give_up(self, step: Step, refusals: Sequence[ScimError]) -> None:
        refusal = refusals[0]
        if step.intent is Intent.SET and all(map(self.habits.may_be_unsupported, refusals)):
            raise PatchUnsupportedError(refusal.status, "", self.habits.learn_unsupported(refusal))
        self.habits.note_failed_trial(step, refusals)
        if not any(map(self.habits.explain_refused, step.purposes)):
            raise refusal
