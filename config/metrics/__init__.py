"""Numbers about the service for Prometheus. Knows no app; what is counted where stands in `config.metrics.families`.

A serving process counts in a file of its own (`store`), which outlives it; a Celery worker sums up in Redis
(`workers`). `counting` finds out which of them it is, `exposition` writes all of it down as Prometheus reads it.
"""
