"""What `scopeside doctor` finds out: the machine, packages, endpoints and what a stream sends."""
