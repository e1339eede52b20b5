"""Target profiles: data only, a closed set."""

from __future__ import annotations

from reconciler.core.profile import TargetProfile
from reconciler.profiles.apple import APPLE_BUSINESS_MANAGER, APPLE_SCHOOL_MANAGER
from reconciler.profiles.generic_scim import GENERIC_SCIM

PROFILES: dict[str, TargetProfile] = {
    profile.name: profile for profile in (APPLE_BUSINESS_MANAGER, APPLE_SCHOOL_MANAGER, GENERIC_SCIM)
}
