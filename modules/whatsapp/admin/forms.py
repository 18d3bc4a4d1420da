"""What an administrator fills in."""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminIntegerFieldWidget

from modules.whatsapp.gateways import gateway
from modules.whatsapp.models import WhatsAppSession
from modules.whatsapp.services.sessions import MAX_RATE


class PaceForm(forms.Form):
    """How fast a session may send."""

    messages_per_second = forms.FloatField(
        required=False, min_value=0, max_value=MAX_RATE, widget=UnfoldAdminDecimalFieldWidget(attrs={"step": "any"})
    )
    burst = forms.IntegerField(required=False, min_value=1, max_value=int(MAX_RATE), widget=UnfoldAdminIntegerFieldWidget())

    def __init__(self, data: Any, session: WhatsAppSession) -> None:
        super().__init__(data, initial={"messages_per_second": session.messages_per_second, "burst": session.burst})
        pace = gateway(session.driver).pace
        self.fields["messages_per_second"].help_text = f"0: as fast as it can. Empty: what suits the driver, {pace.per_second:g}."
        self.fields["burst"].help_text = f"How many at once after a rest. Empty: what suits the driver, {pace.burst}."
