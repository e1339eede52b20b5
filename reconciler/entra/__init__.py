"""Translate Microsoft Entra's exported synchronization schema to mappings and filters, and back."""
