"""What is configured for other programs: Prometheus, Grafana, the collector, Loki, Tempo."""
