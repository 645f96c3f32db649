"""What a program beside the service imports; needs only the base packages.

`Client` and `AsyncClient` are for loops: results, events, commands and frames of one service.
The sockets one by one are in `publisher`, `subscriber` and `control`.
"""

from scopeside.client.async_client import AsyncClient
from scopeside.client.client import Client
from scopeside.client.connection import ClientKeys
from scopeside.client.exchange import ClockOffset
from scopeside.client.label_map import LabelMap
from scopeside.client.result import Result

__all__ = ["AsyncClient", "Client", "ClientKeys", "ClockOffset", "LabelMap", "Result"]
