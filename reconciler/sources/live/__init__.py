"""Live accounts of the target as desired state: mappings read backwards, entries of users, files."""
