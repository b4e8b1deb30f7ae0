"""`ko-instruct` for tests in which Make starts it many times: each is a fork of a process that has imported everything.

    def test(warm_command: Path) -> None:  # an executable file, to use in place of ko-instruct

A process of its own for each command, with its own arguments, folder, environment and standard streams. What it lacks
is the start: tests of PYTHONHASHSEED, of signals, and of files that a process inherits need the installed command. It
has no network, and a cache of the Hub that is empty.
"""

import atexit
import contextlib
import gc
import marshal
import os
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from tests.support.paths import ROOT

#: What a command does: hand all over, and end as the fork ends. It imports as little as possible.
CLIENT = """#!{python} -IS
import _socket, array, marshal, os, sys
server = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
server.connect({address!r})
call = marshal.dumps((sys.argv[1:], os.getcwd(), dict(os.environ)))
streams = array.array("i", [0, 1, 2]).tobytes()
server.sendmsg([call], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)])
os._exit(server.recv(1)[0])
"""
#: What a small dataset needs.
IMPORTED = (
    *("pipeline.cli", "pipeline.commands.make", "pipeline.commands.build", "pipeline.commands.look"),
    *("pipeline.run.stamps", "pipeline.run.chain", "pipeline.run.summary", "pipeline.run.steps"),
    *("pipeline.run.duplicates", "pipeline.run.known_pairs", "pipeline.run.kept_decisions"),
    *("pipeline.stages.ingest", "pipeline.stages.validate", "pipeline.stages.normalize", "pipeline.stages.screen"),
    *("pipeline.stages.tokenize", "pipeline.stages.dedupe", "pipeline.stages.dedupe.report"),
    *("pipeline.dataset.export", "pipeline.dataset.report", "pipeline.dataset.show"),
    *("ko_instruct.__main__", "ftfy", "sentencepiece", "tqdm", "transformers.models.auto", "yaml"),
    *("transformers.models.auto.tokenization_auto", "pyarrow.acero", "pyarrow.csv", "pyarrow.dataset"),
    *("pyarrow.parquet", "encodings.utf_8_sig", "encodings.utf_32_le", "encodings.cp949"),
)
#: The largest call: arguments and environment.
CALL = 1 << 17


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Path]:
    """The path of a `ko-instruct` in this folder, which works as long as the context lasts."""
    address, command = folder / "warm", folder / "ko-instruct"
    command.write_text(CLIENT.format(python=sys.executable, address=str(address)))
    command.chmod(0o755)
    alone = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "hub")}
    environment = os.environ | alone | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    code = f"from tests.support.warm import serve; serve({str(address)!r})"
    with subprocess.Popen([sys.executable, "-c", code], env=environment) as server:
        while not address.exists():
            assert server.poll() is None
            time.sleep(0.01)
        try:
            yield command
        finally:
            server.terminate()


def serve(address: str) -> None:
    """Fork for each call, until a signal ends this process, or the tests have ended without one."""
    for module in IMPORTED:
        import_module(module)
    _prepare()
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listening.bind(address)
    listening.listen()
    listening.settimeout(5)
    gc.freeze()
    tests = os.getppid()
    while os.getppid() == tests:
        try:
            client, _ = listening.accept()
        except TimeoutError:
            continue
        if os.fork() == 0:
            _answer(client)
        client.close()
        with contextlib.suppress(ChildProcessError):  # what has ended
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _prepare() -> None:
    """What each process derives from its code when it first needs it, and the patterns that it compiles: here, once."""
    import pyarrow as pa

    from pipeline.dataset.report.page import _template
    from pipeline.dataset.report.texts import texts
    from pipeline.io.versions import versions
    from pipeline.run.stamps import kept_made_of
    from pipeline.stages.dedupe import dedupe
    from pipeline.stages.normalize import normalize
    from pipeline.stages.screen import screen

    kept_made_of()
    versions()
    _template()
    texts("page")
    table = pa.table(
        {"instruction": ["물음을 하나 써 줘", "물음을 하나 써 주세요"], "input": [""] * 2, "output": ["답"] * 2}
    )
    dedupe(screen(normalize(table)))


def _answer(client: socket.socket) -> None:
    """Run the command of a call in another fork, which may become Make, and send its exit code."""
    call, streams, _, _ = socket.recv_fds(client, CALL, 3)
    process = os.fork()
    if process == 0:
        _become(call, streams)
    _, status = os.waitpid(process, 0)
    client.send(bytes([os.waitstatus_to_exitcode(status) & 0xFF]))
    os._exit(0)


def _become(call: bytes, streams: list[int]) -> None:
    """The command: does not come back."""
    from ko_instruct.__main__ import main

    arguments, folder, environment = marshal.loads(call)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["ko-instruct", *arguments]
    code = 1
    try:
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    except BaseException:
        traceback.print_exc()
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
