"""The site builds without a broken link, and fetches nothing when it is read."""

import os
import subprocess
import sys
from html.parser import HTMLParser

import pytest

from doc_snippets import ROOT

pytest.importorskip("mkdocstrings", reason="the extra `docs` is not installed")


class Fetched(HTMLParser):
    """What a browser loads by itself for a page."""

    def __init__(self, text):
        super().__init__()
        self.addresses = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag in ("script", "img", "iframe", "source"):
            self.addresses.append(given.get("src") or "")
        elif tag == "link" and given.get("rel") in ("stylesheet", "preconnect", "icon", "preload"):
            self.addresses.append(given.get("href") or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "--quiet", "build", "--strict", f"--site-dir={folder}"],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_every_page_is_there_and_its_links_lead_somewhere(site):
    pages = {
        path.relative_to(ROOT / "docs").with_suffix(".html")
        for path in (ROOT / "docs").rglob("*.md")
        if path.name != "README.md"
    }
    assert {site / page for page in pages} <= set(site.rglob("*.html"))
    assert "make demo" in (site / "index.html").read_text()


def test_nothing_is_fetched_from_elsewhere(site):
    pages = [*site.rglob("*.html")]
    fetched = {one for page in pages for one in Fetched(page.read_text()).addresses}
    assert len(pages) > 30
    assert [one for one in fetched if "//" in one] == []


def test_the_reference_has_what_the_docstrings_say(site):
    client = (site / "reference/client.html").read_text()
    assert "not to be shared between threads" in client
    assert 'id="scopeside.client.publisher.FramePublisher.frame"' in client
    assert "auto|cpu|cuda" in (site / "configuration.html").read_text()
    settings = (site / "configuration.html").read_text()
    assert "save.folder" in settings
