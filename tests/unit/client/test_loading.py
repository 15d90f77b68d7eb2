from __future__ import annotations

import subprocess
import sys


def test_the_client_loads_without_the_node_and_its_libraries() -> None:
    heavy = "{'litestar', 'uvicorn', 'apsw', 'pydantic', 'cel_expr_python', 'typer'}"
    program = (
        "import sys, event_system.client; "
        "rooms = {m for m in sys.modules if m.startswith('event_system.')}; "
        f"print(sorted({heavy} & set(sys.modules)), "
        "sorted({m.split('.')[1] for m in rooms}))"
    )

    out = subprocess.check_output([sys.executable, "-c", program], text=True)

    assert out.strip() == "[] ['client', 'kernel']"
