"""Contains all the data models used in inputs/outputs"""

from .add_to_conference import AddToConference
from .address_state_event import AddressStateEvent
from .address_state_event_type import AddressStateEventType
from .app import App
from .argument import Argument
from .argument_takes_type_0 import ArgumentTakesType0
from .call import Call
from .call_info_event import CallInfoEvent
from .call_info_event_type import CallInfoEventType
from .call_quality_event import CallQualityEvent
from .call_quality_event_type import CallQualityEventType
from .call_state_event import CallStateEvent
from .call_state_event_type import CallStateEventType
from .check_sync import CheckSync
from .checked_config import CheckedConfig
from .close_event import CloseEvent
from .close_event_type import CloseEventType
from .complete_call import CompleteCall
from .complete_call_mode import CompleteCallMode
from .complete_transfer import CompleteTransfer
from .complete_transfer_mode import CompleteTransferMode
from .consult import Consult
from .dial import Dial
from .digits_event import DigitsEvent
from .digits_event_type import DigitsEventType
from .direction import Direction
from .done import Done
from .error import Error
from .explain import Explain
from .fork import Fork
from .fork_event import ForkEvent
from .fork_event_type import ForkEventType
from .forward import Forward
from .forward_entry import ForwardEntry
from .forward_item import ForwardItem
from .forward_item_mode import ForwardItemMode
from .gather_digits import GatherDigits
from .gather_digits_event import GatherDigitsEvent
from .gather_digits_event_type import GatherDigitsEventType
from .generate_digits import GenerateDigits
from .generate_digits_mode_type_1 import GenerateDigitsModeType1
from .generate_digits_mode_type_2_type_1 import GenerateDigitsModeType2Type1
from .generate_digits_mode_type_3_type_1 import GenerateDigitsModeType3Type1
from .generate_event import GenerateEvent
from .generate_event_type import GenerateEventType
from .handoff import Handoff
from .handoff_media_mode_type_1 import HandoffMediaModeType1
from .handoff_media_mode_type_2_type_1 import HandoffMediaModeType2Type1
from .handoff_media_mode_type_3_type_1 import HandoffMediaModeType3Type1
from .line import Line
from .line_state_event import LineStateEvent
from .line_state_event_type import LineStateEventType
from .log_level import LogLevel
from .logged_line import LoggedLine
from .lost_event import LostEvent
from .lost_event_type import LostEventType
from .make_call import MakeCall
from .make_token import MakeToken
from .media import Media
from .media_modes import MediaModes
from .media_modes_media_modes_item import MediaModesMediaModesItem
from .messages import Messages
from .missing import Missing
from .mistake import Mistake
from .monitor_digits import MonitorDigits
from .monitor_digits_modes_item import MonitorDigitsModesItem
from .monitor_media_event import MonitorMediaEvent
from .monitor_media_event_type import MonitorMediaEventType
from .new_call_event import NewCallEvent
from .new_call_event_type import NewCallEventType
from .nothing import Nothing
from .octets import Octets
from .open_line import OpenLine
from .open_line_media_modes_item import OpenLineMediaModesItem
from .open_line_privilege import OpenLinePrivilege
from .park import Park
from .park_mode import ParkMode
from .parked import Parked
from .parked_event import ParkedEvent
from .parked_event_type import ParkedEventType
from .party import Party
from .pickup import Pickup
from .problem import Problem
from .quality import Quality
from .quality_level import QualityLevel
from .record import Record
from .recording import Recording
from .recording_event import RecordingEvent
from .recording_event_type import RecordingEventType
from .registration import Registration
from .registration_event import RegistrationEvent
from .registration_event_type import RegistrationEventType
from .reloaded import Reloaded
from .reply_event import ReplyEvent
from .reply_event_type import ReplyEventType
from .set_app_priority import SetAppPriority
from .set_app_priority_media_mode import SetAppPriorityMediaMode
from .set_call_privilege import SetCallPrivilege
from .set_call_privilege_privilege import SetCallPrivilegePrivilege
from .set_messages import SetMessages
from .set_status_messages import SetStatusMessages
from .set_status_messages_address_states_item import SetStatusMessagesAddressStatesItem
from .set_status_messages_line_states_item import SetStatusMessagesLineStatesItem
from .srtp import Srtp
from .start_fork import StartFork
from .stop_fork import StopFork
from .submitted import Submitted
from .swap_hold import SwapHold
from .to import To
from .token import Token
from .trace import Trace
from .trace_entry_type_0 import TraceEntryType0
from .trace_entry_type_0_kind import TraceEntryType0Kind
from .trace_entry_type_1 import TraceEntryType1
from .trace_entry_type_1_kind import TraceEntryType1Kind
from .trace_entry_type_2 import TraceEntryType2
from .trace_entry_type_2_kind import TraceEntryType2Kind
from .trace_entry_type_3 import TraceEntryType3
from .trace_entry_type_3_kind import TraceEntryType3Kind
from .trace_format import TraceFormat
from .translate_address import TranslateAddress
from .translate_address_options_item import TranslateAddressOptionsItem
from .translated import Translated
from .trunk import Trunk
from .trunk_failure import TrunkFailure
from .trunk_place import TrunkPlace
from .trunk_registration import TrunkRegistration
from .uncomplete_call import UncompleteCall
from .unpark import Unpark
from .user_user import UserUser
from .webhook import Webhook

__all__ = (
    "AddressStateEvent",
    "AddressStateEventType",
    "AddToConference",
    "App",
    "Argument",
    "ArgumentTakesType0",
    "Call",
    "CallInfoEvent",
    "CallInfoEventType",
    "CallQualityEvent",
    "CallQualityEventType",
    "CallStateEvent",
    "CallStateEventType",
    "CheckedConfig",
    "CheckSync",
    "CloseEvent",
    "CloseEventType",
    "CompleteCall",
    "CompleteCallMode",
    "CompleteTransfer",
    "CompleteTransferMode",
    "Consult",
    "Dial",
    "DigitsEvent",
    "DigitsEventType",
    "Direction",
    "Done",
    "Error",
    "Explain",
    "Fork",
    "ForkEvent",
    "ForkEventType",
    "Forward",
    "ForwardEntry",
    "ForwardItem",
    "ForwardItemMode",
    "GatherDigits",
    "GatherDigitsEvent",
    "GatherDigitsEventType",
    "GenerateDigits",
    "GenerateDigitsModeType1",
    "GenerateDigitsModeType2Type1",
    "GenerateDigitsModeType3Type1",
    "GenerateEvent",
    "GenerateEventType",
    "Handoff",
    "HandoffMediaModeType1",
    "HandoffMediaModeType2Type1",
    "HandoffMediaModeType3Type1",
    "Line",
    "LineStateEvent",
    "LineStateEventType",
    "LoggedLine",
    "LogLevel",
    "LostEvent",
    "LostEventType",
    "MakeCall",
    "MakeToken",
    "Media",
    "MediaModes",
    "MediaModesMediaModesItem",
    "Messages",
    "Missing",
    "Mistake",
    "MonitorDigits",
    "MonitorDigitsModesItem",
    "MonitorMediaEvent",
    "MonitorMediaEventType",
    "NewCallEvent",
    "NewCallEventType",
    "Nothing",
    "Octets",
    "OpenLine",
    "OpenLineMediaModesItem",
    "OpenLinePrivilege",
    "Park",
    "Parked",
    "ParkedEvent",
    "ParkedEventType",
    "ParkMode",
    "Party",
    "Pickup",
    "Problem",
    "Quality",
    "QualityLevel",
    "Record",
    "Recording",
    "RecordingEvent",
    "RecordingEventType",
    "Registration",
    "RegistrationEvent",
    "RegistrationEventType",
    "Reloaded",
    "ReplyEvent",
    "ReplyEventType",
    "SetAppPriority",
    "SetAppPriorityMediaMode",
    "SetCallPrivilege",
    "SetCallPrivilegePrivilege",
    "SetMessages",
    "SetStatusMessages",
    "SetStatusMessagesAddressStatesItem",
    "SetStatusMessagesLineStatesItem",
    "Srtp",
    "StartFork",
    "StopFork",
    "Submitted",
    "SwapHold",
    "To",
    "Token",
    "Trace",
    "TraceEntryType0",
    "TraceEntryType0Kind",
    "TraceEntryType1",
    "TraceEntryType1Kind",
    "TraceEntryType2",
    "TraceEntryType2Kind",
    "TraceEntryType3",
    "TraceEntryType3Kind",
    "TraceFormat",
    "TranslateAddress",
    "TranslateAddressOptionsItem",
    "Translated",
    "Trunk",
    "TrunkFailure",
    "TrunkPlace",
    "TrunkRegistration",
    "UncompleteCall",
    "Unpark",
    "UserUser",
    "Webhook",
)
