# Describes an interpreter to the daemon, as JSON. Any version of Python can run this file, also one that is too old for the runtime.
import json
import os
import sys

folders = {sys.prefix, sys.exec_prefix, getattr(sys, "base_prefix", sys.prefix), getattr(sys, "base_exec_prefix", sys.prefix)}
implementation = getattr(sys, "implementation", None)
report = {
    "executable": sys.executable,
    "tag": implementation.cache_tag if implementation else "cpython",
    "version": ".".join(str(part) for part in sys.version_info[:3]),
    "folders": sorted(folders) + [os.path.realpath(sys.executable)],
}
print(json.dumps(report))
sys.stdout.flush()

if sys.version_info >= (3, 9):
    # Replicas write no byte code. The runtime's own is compiled here, where the folder is writable: without it each start takes longer.
    import compileall

    compileall.compile_dir(os.path.dirname(os.path.abspath(__file__)), quiet=2)
