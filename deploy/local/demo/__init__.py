"""The demo: the whole loop on this machine, over the channels that people use, and an account of it.

`python -m deploy.local.demo` starts the local stack, lets customers write, technicians work and customers
rate, shows it live, and then settles the account: an independent reader of the topics, which shares no code with the
services, must find exactly one ticket for every request that was accepted, and every ticket brought to its end.

Reading order: `scale` (how much, how fast), `scenario` (what happens when), then who takes part: `people` and `cases`
(who writes what), `api` and `mailbox` (the channels), `customers`, `correspondents` (customers by mail), `technicians`;
and who keeps account: `claims` (what the clients were promised), `reader` and `books` (what the topics say), `audit`
(whether the two agree), `live`, `report`.
"""
