"""A package, so that its browser ends with its last test: while one runs, asyncio.run is refused elsewhere."""
