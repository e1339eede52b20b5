"""Notifications: what happened, whether it is news, and how it is sent."""
