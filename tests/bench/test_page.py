import re
from html.parser import HTMLParser

import pytest

from bench_samples import CARD, repeat, sample_report
from scopeside.bench.page import page, write_page
from scopeside.errors import OutputError

VOID = {"meta", "br", "use", "path", "rect"}


class Tags(HTMLParser):
    """Follows a page's tags; fails where one closes that is not open."""

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.addresses = [], [], []

    def handle_starttag(self, tag, attributes):
        self.seen.append(tag)
        self.addresses += [
            value for name, value in attributes if name in ("href", "src", "xlink:href") and value
        ]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag


@pytest.fixture(scope="module")
def text():
    return page(sample_report(repeat(), repeat(seed=1, gpus=(CARD,))))


def test_the_page_is_whole_and_needs_nothing_else(text):
    tags = Tags()
    tags.feed(text)
    assert tags.open == []
    assert tags.seen.count("svg") == 4
    assert "script" not in tags.seen
    assert "link" not in tags.seen
    assert all(address.startswith("#") for address in tags.addresses)
    assert not re.search(r"url\((?!#)|@import", text)


def test_the_page_tells_the_tables_and_the_environment(text):
    for words in ("Rates, run by run", "response", "&quot;numpy&quot;", "a card", "5 overload"):
        assert words in text


def test_names_of_files_cannot_break_the_page():
    made = sample_report()
    made["load"]["name"] = "<script>alert(1)</script>"
    assert "<script>" not in page(made)


def test_where_no_rate_held_only_the_sweep_is_drawn():
    assert page(sample_report(repeat(best_hz=None, steady_hz=None))).count("<svg") == 1


def test_a_page_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"):
        write_page(sample_report(repeat(steady_hz=None)), tmp_path / "file" / "report.html")
