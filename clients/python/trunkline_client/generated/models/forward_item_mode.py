from typing import Literal

ForwardItemMode = Literal[
    "busy",
    "busyexternal",
    "busyinternal",
    "busyna",
    "busynaexternal",
    "busynainternal",
    "busynaspecific",
    "busyspecific",
    "noansw",
    "noanswexternal",
    "noanswinternal",
    "noanswspecific",
    "uncond",
    "uncondexternal",
    "uncondinternal",
    "uncondspecific",
]

FORWARD_ITEM_MODE_VALUES: set[ForwardItemMode] = {
    "busy",
    "busyexternal",
    "busyinternal",
    "busyna",
    "busynaexternal",
    "busynainternal",
    "busynaspecific",
    "busyspecific",
    "noansw",
    "noanswexternal",
    "noanswinternal",
    "noanswspecific",
    "uncond",
    "uncondexternal",
    "uncondinternal",
    "uncondspecific",
}


def check_forward_item_mode(value: str) -> ForwardItemMode:
    if value in FORWARD_ITEM_MODE_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {FORWARD_ITEM_MODE_VALUES!r}")
