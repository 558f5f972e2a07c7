"""The peer of the latency benchmark: aiortc hands a camera's H.264 on to one browser, as it is, within this machine.

    latency_peer.py RTSP_ADDRESS

Reads the browser's offer as the first line of its input, writes its answer as one line, and ends with its input."""

import asyncio
import json
import sys

import aioice.ice
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaPlayer

# It would listen on all of the machine's addresses but this one.
aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]
# Over TCP, as the edge asks. By itself FFmpeg keeps pictures back to find out what the stream is like.
OPTIONS = {"rtsp_transport": "tcp", "fflags": "nobuffer", "analyzeduration": "0"}


def line():
    return asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)


async def main():
    offer = json.loads(await line())
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))  # else it asks a server of Google's
    sender = connection.addTransceiver("video", direction="sendonly").sender

    @connection.on("connectionstatechange")
    async def changed():
        # Not before: pictures that wait for their viewer would come to him all at once.
        if connection.connectionState == "connected":
            camera = await asyncio.to_thread(MediaPlayer, sys.argv[1], format="rtsp", options=OPTIONS, decode=False)
            sender.replaceTrack(camera.video)

    await connection.setRemoteDescription(RTCSessionDescription(**offer))
    await connection.setLocalDescription(await connection.createAnswer())
    answer = connection.localDescription
    print(json.dumps({"type": answer.type, "sdp": answer.sdp}), flush=True)
    await line()
    await connection.close()


asyncio.run(main())
