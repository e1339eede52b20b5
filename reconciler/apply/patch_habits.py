"""What a run has learnt about the forms of PATCH that the service takes. Thread-safe."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from reconciler.apply.patch_styles import PLAIN_SHAPES, STYLES, Intent, PatchStyle, PatchStyles, Step
from reconciler.errors import ScimError

SEVERAL = "several operations in one request"
FORBIDDEN = 403
_NOT_SUPPORTED = (404, 405, 501)
"""The service does not know such a request, whatever its values. 404: of a user that a read shows."""
_MAYBE_FORM = (*_NOT_SUPPORTED, 400, 422)
_ABOUT_VALUES = ("uniqueness", "mutability", "sensitive", "invalidVers")
"""scimTypes (RFC 7644 §3.12) that are about the attribute or its value, and never about the form."""
_ABOUT_FORMS = ("invalidPath", "invalidSyntax", "invalidFilter", "noTarget")
_FORM_WORDS = re.compile(
    r"\b(paths?|operations?|ops?|patch|replace|unsupported|not supported|not implemented)\b", re.IGNORECASE
)
_TRIALS = 3
"""How often other forms are tried for nothing: users may be refused for values of their own."""


class PatchHabits:
    """The forms that the service takes, which of them were accepted, and whether it takes any.

    `say` is called with each habit, once. `trying` is held while one thread tries other forms or sends the first PATCH.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self.trying = threading.RLock()
        self._say = say
        self._lock = threading.Lock()
        self._styles = PatchStyles()
        self._accepted: set[str] = set()
        self._trials: Counter[str] = Counter()
        self._refused: dict[str, str] = {}
        self._unsupported = ""
        self._asked = False
        self._begun = False

    @contextmanager
    def alone_at_first(self) -> Iterator[None]:
        """Let the first PATCH of the run be sent alone: its refusal then informs all threads."""
        with ExitStack() as stack:
            if not self._begun:
                stack.enter_context(self.trying)
                if self._begun:
                    stack.close()
            try:
                yield
            finally:
                self._begun = True

    @property
    def styles(self) -> PatchStyles:
        """The styles to use now."""
        with self._lock:
            return self._styles

    @property
    def unsupported(self) -> str:
        """Why no change can be sent: the service takes no PATCH at all; "" as far as is known."""
        with self._lock:
            return self._unsupported

    def explain_refused(self, purpose: str) -> str:
        """Say that the service takes no operation for this purpose; "" if it may."""
        with self._lock:
            return self._refused.get(purpose, "")

    def note_accepted(self, steps: Iterable[Step], *, several: bool) -> None:
        """Note forms that the service accepted: a later refusal of the same is about a value."""
        shapes = {shape for step in steps for shape in step.shapes} | ({SEVERAL} if several else set())
        with self._lock:
            self._accepted |= shapes

    def may_be_form(self, steps: Iterable[Step], refusal: ScimError, styles: PatchStyles) -> bool:
        """Whether the form may be why the service refused the request, and it is worth trying another."""
        if refusal.status == FORBIDDEN:
            with self._lock:
                return not self._accepted and not self._asked
        if refusal.status not in _MAYBE_FORM or refusal.scim_type in _ABOUT_VALUES:
            return False
        found = list(steps)
        shapes = {shape for step in found for shape in step.shapes}
        if not _is_about_forms(refusal):
            shapes -= PLAIN_SHAPES
        if not styles.single and sum(len(step.operations) for step in found) > 1:
            shapes.add(SEVERAL)
        with self._lock:
            return any(self._trials[shape] < _TRIALS for shape in shapes - self._accepted)

    def may_be_unsupported(self, refusal: ScimError) -> bool:
        """Whether the service may take no PATCH at all."""
        with self._lock:
            return refusal.status in _NOT_SUPPORTED and not self._accepted

    def asks_for_declaration(self, refusal: ScimError) -> bool:
        """Whether to ask what the service declares about PATCH: once, while it has accepted none."""
        with self._lock:
            asks = refusal.status in (*_NOT_SUPPORTED, FORBIDDEN) and not self._accepted and not self._asked
            self._asked = self._asked or asks
            return asks

    def note_failed_trial(self, step: Step, refusals: Sequence[ScimError]) -> None:
        """Note that the service took no style of a step. If it knows none, such operations are sent no more."""
        definite = all(each.status in _NOT_SUPPORTED for each in refusals)
        # A list whose elements are changed and removed at once: what is sent before and after tells them apart.
        purpose = max(step.purposes) if definite else ""
        sentence = describe_refused(purpose, refusals)
        with self._lock:
            for shape in step.shapes:
                self._trials[shape] += 1
            first = purpose and purpose not in self._refused
            if first:
                self._refused[purpose] = sentence
        if first:
            self._say(f"{sentence[0].upper()}{sentence[1:]}: such values stay as they are at the service.")

    def note_trial_of_several(self) -> None:
        """Note that operations were sent one by one, and some were still refused."""
        with self._lock:
            self._trials[SEVERAL] += 1

    def learn_unsupported(self, refusal: ScimError) -> str:
        """Note that the service takes no PATCH; return the sentence."""
        sentence = (
            f"the service takes no PATCH ({refusal.status or 'as it declares'}), so existing accounts cannot be changed"
        )
        with self._lock:
            first = not self._unsupported
            self._unsupported = sentence
        if first:
            self._say(
                "The service takes no PATCH: accounts can be created and deleted, but not changed, deactivated or "
                "reactivated. Make such changes in the service's own administration, or ask its vendor for PATCH "
                "(RFC 7644 §3.5.2)."
            )
        return sentence

    def learn_single(self) -> None:
        """Note that the service takes one operation in each request."""
        with self._lock:
            first = not self._styles.single
            self._styles = PatchStyles(self._styles.chosen, single=True)
        if first:
            self._say("The service refuses several operations in one PATCH: each is sent in a request of its own.")

    def learn_style(self, intent: Intent, style: PatchStyle) -> None:
        """Note the style that the service takes."""
        with self._lock:
            usual = self._styles.chosen[intent]
            self._styles = self._styles.choose(intent, style)
        if usual is not style:
            self._say(f"The service refuses PATCH with {usual} to {intent}: {style} is used instead.")

    def list_styles(self, intent: Intent) -> list[PatchStyle]:
        """List the styles to try: first the present one, which another step may have taught just now."""
        with self._lock:
            present = self._styles.chosen[intent]
            return [present, *(style for style in STYLES[intent] if style is not present)]


def _is_about_forms(refusal: ScimError) -> bool:
    """Whether a refusal says that the request is wrong, rather than a value. Most say neither."""
    says = refusal.scim_type in _ABOUT_FORMS or bool(_FORM_WORDS.search(refusal.summary))
    return refusal.status in _NOT_SUPPORTED or (says and refusal.scim_type != "invalidValue")


def describe_refused(purpose: str, refusals: Iterable[ScimError] = ()) -> str:
    """Say that no operation for a purpose was accepted, and how each was refused."""
    statuses = ", ".join(sorted({str(each.status) for each in refusals}))
    return f"the service takes no PATCH to {purpose}" + (f" ({statuses})" if statuses else "")
