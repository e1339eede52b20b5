"""Guards: rules that block a plan. Each evaluates the whole plan and returns one verdict with its numbers."""
