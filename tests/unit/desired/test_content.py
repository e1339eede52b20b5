from reconciler.core.model import error
from reconciler.desired.content import BrokenStateError, StateContent
from reconciler.errors import ExitCode


def test_content_that_is_there_is_never_waited_for() -> None:
    content = StateContent((), (), "sha256:1", {"settings.yaml": "1"}, None)
    content.check()
    assert content.wait() is content
    content.close()
    assert content.wait() is content


def test_a_broken_state_has_its_diagnostics() -> None:
    raised = BrokenStateError((error("wrong"),))
    assert raised.diagnostics == (error("wrong"),)
    assert raised.exit_code is ExitCode.ERROR
