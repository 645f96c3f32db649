"""The live page, metrics and health checks: a process of its own beside the service."""
