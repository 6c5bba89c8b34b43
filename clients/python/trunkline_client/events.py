"""The events, by type. Written by event_types.py."""

from typing import Final

from .generated.models.address_state_event import AddressStateEvent
from .generated.models.call_info_event import CallInfoEvent
from .generated.models.call_quality_event import CallQualityEvent
from .generated.models.call_state_event import CallStateEvent
from .generated.models.close_event import CloseEvent
from .generated.models.digits_event import DigitsEvent
from .generated.models.fork_event import ForkEvent
from .generated.models.gather_digits_event import GatherDigitsEvent
from .generated.models.generate_event import GenerateEvent
from .generated.models.line_state_event import LineStateEvent
from .generated.models.lost_event import LostEvent
from .generated.models.monitor_media_event import MonitorMediaEvent
from .generated.models.new_call_event import NewCallEvent
from .generated.models.parked_event import ParkedEvent
from .generated.models.recording_event import RecordingEvent
from .generated.models.registration_event import RegistrationEvent
from .generated.models.reply_event import ReplyEvent

KnownEvent = (
    AddressStateEvent
    | CallInfoEvent
    | CallQualityEvent
    | CallStateEvent
    | CloseEvent
    | DigitsEvent
    | ForkEvent
    | GatherDigitsEvent
    | GenerateEvent
    | LineStateEvent
    | LostEvent
    | MonitorMediaEvent
    | NewCallEvent
    | ParkedEvent
    | RecordingEvent
    | RegistrationEvent
    | ReplyEvent
)

CLASSES: Final[dict[str, type[KnownEvent]]] = {
    "address-state": AddressStateEvent,
    "call-info": CallInfoEvent,
    "call-quality": CallQualityEvent,
    "call-state": CallStateEvent,
    "close": CloseEvent,
    "digits": DigitsEvent,
    "fork": ForkEvent,
    "gather-digits": GatherDigitsEvent,
    "generate": GenerateEvent,
    "line-state": LineStateEvent,
    "lost": LostEvent,
    "monitor-media": MonitorMediaEvent,
    "new-call": NewCallEvent,
    "parked": ParkedEvent,
    "recording": RecordingEvent,
    "registration": RegistrationEvent,
    "reply": ReplyEvent,
}
