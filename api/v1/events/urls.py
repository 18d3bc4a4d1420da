"""Routes of /api/v1/events/."""

from django.urls import path

from api.v1.events.views import EventListView, StreamKindsView, TicketView

urlpatterns = [
    path("events/", EventListView.as_view(), name="event-list"),
    path("events/streams/", StreamKindsView.as_view(), name="event-streams"),
    path("events/tickets/", TicketView.as_view(), name="event-tickets"),
]
