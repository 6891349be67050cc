"""What a script and its run say to each other; the page on scripts explains it.

The name `cronium` is there without an import. The first call connects to the
runner, which is the script's parent. A call that has returned has happened; every
failure is a cronium.Error. Threads may call at once and then follow one another; a forked
child has a connection of its own.
"""

import builtins as _builtins
import json as _json
import os as _os
import socket as _socket
import sys as _sys
import threading as _threading
import types as _types

__all__ = [
    "Error", "artifact", "artifacts", "compare_and_set", "condition", "get_artifact", "get_variable", "increment", "input",
    "inputs", "keep_alive", "log", "output", "progress", "secret", "set_variable", "update_output",
]  # fmt: skip

_LIMIT = (1 << 20) + (64 << 10)  # bytes of a request
_PATIENCE = 120  # seconds without an answer


class Error(Exception):
    """A call that did not succeed. Its code is stable, the other three are for people."""

    def __init__(self, code, title, detail="", hint=""):
        super().__init__(code, title, detail, hint)
        self.code, self.title, self.detail, self.hint = code, title, detail, hint

    def __str__(self):
        text = self.code + ": " + (self.detail or self.title)
        return text + "\nhint: " + self.hint if self.hint else text


def input(name, default=None):
    """The value of an input of the run; default if it has none. Secret inputs are in the environment only."""
    value = _ask("input.all").get(name)
    return default if value is None else value


def inputs():
    """All inputs of the run that have a value, secret ones left out, as a dict."""
    return _ask("input.all")


def output(value):
    """Makes value the output of the run, at most 1 MiB of JSON; the last one counts."""
    _ask("output.set", value=value)


def update_output(key, value):
    """Sets one member of the output, which must be an object or not there yet; at most 256 keys."""
    _ask("output.update", key=key, value=value)


def get_variable(name, default=None):
    """The value of a variable of the project; default if there is none."""
    value = _ask("variable.get", name=name)
    return default if value is None else value


def set_variable(name, value):
    """Sets a variable of the project, at most 64 KiB of JSON."""
    _ask("variable.set", name=name, value=value)


def compare_and_set(name, old, new):
    """Sets a variable to new if it is old (None: if it does not exist), and says whether it did."""
    return _ask("variable.compare_and_set", name=name, old=old, new=new)


def increment(name, by=1):
    """Adds to a variable, where a missing one counts as 0, and returns the new number."""
    return _ask("variable.increment", name=name, by=by)


def secret(name):
    """The value of a secret of the project, which is masked in the log from then on."""
    return _ask("secret.get", name=name)


def artifact(name, path):
    """Keeps the file at path as an artifact of the run, in place of one of the same name."""
    _move("artifact.put", name=name, file=_os.fspath(path))


def get_artifact(name, path, run=None):
    """Writes an artifact to the file at path: one of this run, or of another of the project by its id."""
    _move("artifact.get", name=name, file=_os.fspath(path), run=run)


def artifacts(run=None):
    """The artifacts of the run, or of another of the project by its id, as a list of dicts."""
    return _ask("artifact.list", **({} if run is None else {"run": run}))


def condition(value):
    """Sets the condition of the run, True or False, for workflows and handlers."""
    _ask("condition.set", value=value)


def progress(fraction, text=""):
    """Shows how far the run is: a fraction from 0 to 1, or None, and at most 200 characters."""
    _ask("progress.set", fraction=fraction, text=text)


def keep_alive():
    """Says that the script is alive."""
    _ask("keep_alive")


class _Log:
    """Lines in the log of the run: debug and info on standard output, the others on standard error."""

    def debug(self, message):
        _ask("log", level="debug", message=str(message))

    def info(self, message):
        _ask("log", level="info", message=str(message))

    def warn(self, message):
        _ask("log", level="warn", message=str(message))

    def error(self, message):
        _ask("log", level="error", message=str(message))


log = _Log()


def __getattr__(name):
    """cronium.run: what is known of the run, asked for once."""
    if name != "run":
        raise AttributeError(f"module 'cronium' has no attribute {name!r}")
    globals()["run"] = _types.SimpleNamespace(**_ask("run.facts"))
    return run  # noqa: F821


def __dir__():
    return [*__all__, "run"]


class _Connection:
    """The connection of this process. After any trouble it is closed and the next call makes another."""

    def __init__(self):
        self.lock = _threading.Lock()
        self.socket = None

    def exchange(self, path, line):
        with self.lock:
            try:
                if self.socket is None:
                    self.open(path)
                self.socket.sendall(line)
                return self.read()
            except BaseException:  # an interrupted call leaves an answer that nobody waits for
                self.close()
                raise

    def open(self, path):
        self.socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        self.socket.settimeout(_PATIENCE)
        self.socket.connect(path)

    def read(self):
        """One line: nothing follows it, because nothing else was asked."""
        parts = [b""]
        while not parts[-1].endswith(b"\n"):
            parts.append(self.socket.recv(1 << 16))
            if not parts[-1]:
                raise OSError("it closed the connection")
        return b"".join(parts)

    def close(self):
        if self.socket is not None:
            self.socket.close()
            self.socket = None

    def forget(self):
        """In a forked child: the lock may be held by a thread that is not there, the connection is the parent's."""
        self.lock = _threading.Lock()
        self.close()


_connection = _Connection()
_os.register_at_fork(after_in_child=_connection.forget)


def _ask(call, **args):
    path = _of_run("CRONIUM_SOCKET")
    line = _encode(call, args)
    try:
        answer = _json.loads(_connection.exchange(path, line))
    except (OSError, ValueError) as problem:
        raise _unreachable(problem) from None
    if "error" in answer:
        raise _error(answer["error"])
    return answer["value"]


def _move(call, **args):
    """A call that moves a file, which is many requests: the runner's own client makes them."""
    import subprocess

    _of_run("CRONIUM_SOCKET")
    client = [_of_run("CRONIUM_RUNNER"), "call", call, "-"]
    _encode(call, args)  # says what is wrong with them
    try:
        done = subprocess.run(client, input=_json.dumps(args).encode(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        if done.returncode != 0:
            raise _error(_json.loads(done.stderr))
    except (OSError, ValueError) as problem:
        raise _unreachable(problem) from None


def _of_run(name):
    value = _os.environ.get(name)
    if not value:
        raise Error("not_in_a_run", "There is no run to speak for", name + " is not set",
                    "Call it from the script of a run, which has CRONIUM_SOCKET in its environment.")  # fmt: skip
    return value


def _error(problem):
    return Error(*(problem.get(member, "") for member in ("code", "title", "detail", "hint")))


def _unreachable(problem):
    return Error("runner_unreachable", "The run's runner does not answer", str(problem) or type(problem).__name__,
                 "Whether the call happened is not known; repeat it only if it may happen twice.")  # fmt: skip


def _encode(call, args):
    try:
        text = _json.dumps({"call": call, "args": args}, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        line = text.encode()
    except (TypeError, ValueError, RecursionError) as problem:
        raise Error("args_invalid", "The arguments of the call are wrong", str(problem),
                    "See the call in the documentation of the runtime API.") from None  # fmt: skip
    if len(line) > _LIMIT:
        raise Error("request_too_large", "The request is too large", f"{len(line)} bytes, at most {_LIMIT} are allowed",
                    "A request may have 1 MiB and 64 KiB; write larger data to a file.")  # fmt: skip
    return line + b"\n"


_builtins.cronium = _sys.modules[__name__]
