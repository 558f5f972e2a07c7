"""Checks discovery messages with Home Assistant's own schemas. Reads a JSON list of them, and fails on what one refuses.

Home Assistant drops keys that a component does not know; here they are a fault.
"""

import asyncio
import importlib
import json
import sys
import tempfile

from homeassistant.components.mqtt.schemas import DEVICE_DISCOVERY_SCHEMA, SHARED_OPTIONS
from homeassistant.core import HomeAssistant
from homeassistant.helpers import frame


def check(message):
    DEVICE_DISCOVERY_SCHEMA(message)
    checked = 0
    for key, component in message["components"].items():
        # As Home Assistant merges what the device has for all its components.
        merged = {option: message[option] for option in SHARED_OPTIONS if option in message} | component
        platform = merged.pop("platform")
        if component.keys() == {"platform"}:
            continue  # Home Assistant removes it.
        schema = importlib.import_module(f"homeassistant.components.mqtt.{platform}").DISCOVERY_SCHEMA
        try:
            dropped = merged.keys() - schema(merged | {"device": message["device"]}).keys()
        except Exception as refused:
            sys.exit(f"{key}: {refused}")
        if dropped:
            sys.exit(f"{key}: a {platform} has no {', '.join(sorted(dropped))}")
        checked += 1
    return checked


async def main():
    with tempfile.TemporaryDirectory() as folder:
        # Templates are checked by the instance that they belong to.
        frame.async_setup(HomeAssistant(folder))
        print(sum(check(message) for message in json.load(sys.stdin)), "components are fine")


asyncio.run(main())
