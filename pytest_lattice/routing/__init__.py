"""Where a request goes: names, rules, weights and targets, as pure functions.

Nothing here holds state between calls; draws come from outside as arguments.
"""
