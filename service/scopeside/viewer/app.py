"""napari's window, fed by a worker thread until it is closed."""

from __future__ import annotations

from typing import Any

from scopeside.viewer.feed import Feed, View
from scopeside.viewer.layers import LiveLayers


def attach(viewer: Any, feed: Feed) -> Any:
    """Start a napari thread worker that shows what the feed has; return it, for `quit`.

    Errors of the feed go to napari's own notifications.
    """
    from napari.qt.threading import create_worker

    layers = LiveLayers(viewer)

    def show(view: View | None) -> None:
        if view is not None:
            try:
                layers.show(view)
            finally:  # What one view cannot be shown for is told; the next is shown all the same.
                feed.shown()

    return create_worker(feed.views, _connect={"yielded": show})


def show_live(feed: Feed) -> None:
    """Open a window and show the feed in it until it is closed."""
    import napari

    viewer = napari.Viewer(title="Scopeside: waiting for results")
    viewer.scale_bar.visible = True
    worker = attach(viewer, feed)
    napari.run()
    worker.quit()
