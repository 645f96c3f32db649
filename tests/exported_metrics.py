"""What a page of metrics holds, read by Prometheus's own parser."""

from prometheus_client.parser import text_string_to_metric_families


def samples(text: str) -> dict[str, list]:
    """Samples by name."""
    found: dict[str, list] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample)
    return found


def value(found, name, **labels):
    (sample,) = [one for one in found[name] if labels.items() <= one.labels.items()]
    return sample.value
