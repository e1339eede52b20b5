"""People from Microsoft Entra ID, a CSV file or a live service: read, merge, write."""
