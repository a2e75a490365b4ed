"""A deploy and a rollback, hurt at every step on purpose and at random; `make faults` runs it, `make fault SEED=…` repeats one.

A *scene* is what somebody does, a *fault* is what goes wrong, a *moment* is when. One seed gives all three.
"""
