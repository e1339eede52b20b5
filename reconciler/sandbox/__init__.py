"""The embedded SCIM service that behaves like Apple's, for trying things out and for tests.

It imports nothing of the rest of the package: an emulator that shared the client's code would repeat its
misreadings. Import what you need from the modules: `server` (start it), `seed` (fill it), `admin` (do by hand what
an administrator does in Apple's web interface), `quirks` (switch a behaviour). Only the first write loads the
SCIM models, which take a second to import.
"""
