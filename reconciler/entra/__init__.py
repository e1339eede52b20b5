"""Microsoft Entra's exported synchronization schema: read, translated to mappings and filters, and back."""
