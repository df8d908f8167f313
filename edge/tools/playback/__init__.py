"""Plays a recorded chat through live sockets: a pure plan of steps, and the run that executes it."""
