"""What keeps the pipeline running: life cycle, channels, control, logs."""
