"""The ASGI entry of the realtime process: sockets and long polls. REST is served by `config.wsgi`.

uvicorn config.asgi:application --ws api.realtime.protocol:FanOutProtocol --http api.realtime.protocol:HandshakeProtocol
"""

import os
import sys

from django.core.asgi import get_asgi_application

from config.quick_start import quick_start

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.production")

if os.environ.get("ATELIER_DIE_WITH_PARENT"):
    from config.local.process import die_with_parent

    die_with_parent()

with quick_start():
    _django = get_asgi_application()

    from api.realtime.server import Realtime

# Threads that carry out commands let the loop go on after a millisecond: more messages a second, and their slowest are quicker.
sys.setswitchinterval(0.001)
application = Realtime(_django)
