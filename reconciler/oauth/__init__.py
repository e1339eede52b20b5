"""Apple's OAuth: authorization in a browser, refreshing, and where the tokens are stored."""
