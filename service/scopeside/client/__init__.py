"""What a program beside the service imports; needs only the base packages."""
