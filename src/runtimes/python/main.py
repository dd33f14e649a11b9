"""A Python replica. The daemon starts it with one open descriptor for each worker: 3, 4, …"""

import os
import sys


def main() -> None:
    own_folder = os.path.dirname(os.path.abspath(__file__))
    others = [path for path in sys.path if os.path.abspath(path or ".") != own_folder]
    # The runtime's own dcf_worker: one that `pip install` brought for tests may be another version.
    sys.path[:] = [own_folder, *others]
    import dcf_worker as _

    # The platform's other modules are found last: a function may have one of the same name.
    sys.path[:] = [*others, own_folder]
    from dcf_worker.process.exit import end_process
    from dcf_worker.worker import serve_worker

    workers = int(os.environ.get("DCF_WORKERS", "1"))
    if workers > 1:
        from dcf_worker.process.workers import serve_processes

        serve_processes(workers, serve_worker)
    end_process(serve_worker(3))


if __name__ == "__main__":
    main()
elif sys.stdout is not None:
    # A process that multiprocessing spawns runs this file too, under another name. Line buffering shows each line at once, and whole.
    sys.stdout.reconfigure(line_buffering=True)
