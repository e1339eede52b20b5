"""Microsoft Entra ID, read by Microsoft Graph."""
