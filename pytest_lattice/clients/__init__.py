"""How calls enter: real clients of real libraries on the network's transport."""
