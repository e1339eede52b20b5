class SandboxError(Exception):
    """The sandbox can't go on: its message says what is wrong and what to do about it."""
