"""What a window cannot draw must not be the last that it draws."""

import sys
from types import ModuleType, SimpleNamespace

import pytest

from scopeside.viewer import app


def test_a_view_that_cannot_be_drawn_is_told_and_the_next_is_asked_for(monkeypatch):
    connected, shown = {}, []
    threading = ModuleType("napari.qt.threading")
    threading.create_worker = lambda _work, _connect: connected.update(_connect)
    for name in ("napari", "napari.qt"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "napari.qt.threading", threading)

    def show(view):
        raise ValueError(view)

    monkeypatch.setattr(app, "LiveLayers", lambda _viewer: SimpleNamespace(show=show))
    feed = SimpleNamespace(views=lambda: iter(()), shown=lambda: shown.append(True))
    app.attach(None, feed)
    with pytest.raises(ValueError, match="one view"):
        connected["yielded"]("one view")
    assert shown == [True]
    connected["yielded"](None)
    assert shown == [True]
