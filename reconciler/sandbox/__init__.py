"""The embedded SCIM service that behaves like Apple's, for trial runs and tests.

It imports nothing from the rest of the package: an emulator that shared the client's code would repeat its errors.
Import from the modules: `server` (start it), `seed` (fill it), `admin` (what an administrator does in Apple's web
interface), `quirks` (switch a behaviour). Only the first write loads the SCIM models, which take a second to import.
"""
