"""People from a CSV file: Entra, Google Workspace, Okta, Apple School Manager, or our own attribute names."""
