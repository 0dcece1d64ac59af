"""How Aftercare is run: `local` on one machine without containers, `docker` in images, `k8s` on a cluster."""
