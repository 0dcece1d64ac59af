"""What every service stands on: the processor, its state and timers, and the application around it.

Reading order. The processor: `topology` (what is declared), `engine` (what happens to a batch), `processor` (the loop),
`restore`, `dead_letters`, `driver` (the same for tests). The application: `settings`, `clock`, `hosting` (one Faust app
a service), `health`, `directory`. The edges: `web`, `access`, `tokens`, `producer`, `follower`, `redis_client`.
`logs` and `metrics` are everywhere.
"""
