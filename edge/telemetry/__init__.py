"""Spans and metrics for OpenTelemetry, over OTLP; imported only where it is on."""
