"""What the Makefile runs: the environment, the lock, the servers, the generated documents.

Each module is a command (`python3 -m tools.lock`). `environment`, `lock`, `services` and `uv`
use the standard library only, because they run before anything is installed. Nothing here is
part of the product, and nothing in `src/` may import it.
"""
