"""One Faust application a service: starts, supervises and ends what runs in its process."""
