"""Makes `cronium` a builtin name that loads on its first use.

Every start of Python in a run compiles this file: keep it short.
"""

import builtins
import sys

_HERE = __file__.rpartition("/")[0]


class _Cronium:
    """The helper of Cronium for scripts; see help(cronium.input) and others."""

    __slots__ = ()

    def __getattr__(self, name):
        if name.startswith("__"):  # somebody looks at all builtins
            raise AttributeError(name)
        return getattr(_load(), name)

    def __dir__(self):
        return dir(_load())


def _load():
    """Replaces the name by the module, also where sys.path does not lead to it."""
    try:
        import cronium
    except ImportError:
        sys.path.append(_HERE)
        try:
            import cronium
        finally:
            sys.path.remove(_HERE)
    return cronium


def _chain():
    """Runs the sitecustomize that Python would have found without us."""
    at = sys.path.index(_HERE) if _HERE in sys.path else 0
    ours = sys.modules.pop(__name__)
    sys.path[:] = [entry for entry in sys.path if entry != _HERE]
    try:
        import sitecustomize  # noqa: F401
    except ImportError as problem:
        if problem.name != "sitecustomize":
            raise
        sys.modules[__name__] = ours
    finally:
        sys.path.insert(at, _HERE)


builtins.cronium = _Cronium()
_chain()
