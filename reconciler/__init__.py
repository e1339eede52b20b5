"""Managed Apple Accounts as code."""

__version__ = "0.1.0"
