"""What the HTTP edges of all services share."""
