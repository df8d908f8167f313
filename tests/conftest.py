"""Properties are not timed: a busy machine is no counterexample."""

from hypothesis import HealthCheck, settings

settings.register_profile("caas", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("caas")
