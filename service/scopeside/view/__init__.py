"""Results made visible: pictures, plots and the terminal."""
