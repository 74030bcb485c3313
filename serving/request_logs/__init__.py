"""The logged requests of a server: read, listed, and removed when somebody asks."""
