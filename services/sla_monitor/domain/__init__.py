"""Business time, policies and verdicts; pure: time is an argument, and nothing here reads, writes or logs.

Reading order: `instants` (the unit of time), `calendar` (open time), `policy` (what is promised), `facts` (what
happened), `cycles` (which clocks ran when), `targets` (what they say).
"""
