"""The drivers. Adding one is adding a file and naming it here."""

from modules.whatsapp.choices import Driver
from modules.whatsapp.gateways.base import Gateway
from modules.whatsapp.gateways.cloud_api import CloudAPI
from modules.whatsapp.gateways.sandbox import Sandbox
from modules.whatsapp.gateways.waha import Waha

_GATEWAYS: dict[str, Gateway] = {gateway.driver: gateway for gateway in (Sandbox(), Waha(), CloudAPI())}


def gateway(driver: str) -> Gateway:
    """The driver of that name."""
    return _GATEWAYS[Driver(driver)]


def gateways() -> list[Gateway]:
    """All of them."""
    return list(_GATEWAYS.values())
