"""GitHub Actions: what a workflow shows and remembers. Nothing here plans or applies."""
