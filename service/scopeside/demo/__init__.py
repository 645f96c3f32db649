"""The main job shown end to end: source, service and subscriber as processes of their own."""
