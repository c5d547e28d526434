"""Python clients of the service, sync and async; HTTP alone, no network in this process."""
