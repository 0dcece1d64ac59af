"""What leads out of the router but for its topics: `pools_view`, its state in Redis for people to look at."""
