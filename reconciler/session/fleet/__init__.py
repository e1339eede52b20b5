"""What the verbs of a fleet share: processes, tokens."""
