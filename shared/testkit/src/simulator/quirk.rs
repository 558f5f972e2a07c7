//! What real cameras get wrong: switches of the simulator, one word each.
//!
//! Each was seen on a device that people own; in brackets stands which, where that is known. What happens in
//! mid-stream happens [`AFTER`] a player began, in every session anew.

use std::time::Duration;

use clap::ValueEnum;

/// When what happens in mid-stream happens, from PLAY on.
pub const AFTER: Duration = Duration::from_millis(600);

/// How long after they were taken pictures are sent by a camera that is slow to encode.
pub const ENCODED_AFTER: Duration = Duration::from_millis(100);

/// One oddity. Its word is its name with hyphens: `no-origin`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Quirk {
    /// DESCRIBE is answered without Content-Type.
    NoContentType,
    /// DESCRIBE is answered as `application/sdp; charset=utf-8`.
    ContentTypeCharset,
    /// DESCRIBE is answered by 302 with another address of this camera.
    Redirects,
    /// DESCRIBE is answered by 302 with the very same address.
    RedirectsInCircle,
    /// DESCRIBE is answered by 302 with the address of another host.
    RedirectsAway,
    /// Content-Base has no scheme (Anjvision).
    SchemelessBase,
    /// The track's control URL is a whole one, of a host that the player can't reach.
    AbsoluteControl,
    /// Content-Base lacks the slash at its end, so that RFC 3986 would put the track's name in place of the camera's (GW
    /// Security).
    BaseWithoutSlash,
    /// Control stands first in its section of the description (Luckfox).
    ControlFirst,
    /// The description has no `o=` line.
    NoOrigin,
    /// The description's lines end in spaces.
    TrailingSpaces,
    /// The format parameters are empty (Ubiquiti).
    EmptyFmtp,
    /// A section of the description can't be read beside the one that can (TP-Link).
    BadMedia,
    /// A section of the description lacks its format, so that nothing after it can be trusted.
    BrokenSdp,
    /// A line in the section of the stream is none.
    StrayLine,
    /// The stream is described as MPEG-TS.
    Mpeg2Ts,
    /// A stream of MPEG-TS is described before the one that can be read.
    Mpeg2TsBeside,
    /// No parameter sets in the description.
    NoSprop,
    /// The parameter sets of the description are no Base64 (VStarcam, V380).
    GarbageSprop,
    /// The parameter sets of the description begin with start codes.
    AnnexBSprop,
    /// The parameter sets of the description end with start codes (GW Security).
    StartCodeBehindSprop,
    /// The parameter sets of the description lack their NAL unit headers (VStarcam).
    HeaderlessSprop,
    /// A byte too many behind the sequence parameter set, in the description and in the stream (Reolink).
    LongSps,
    /// Parameter sets in the description and nowhere else.
    OutOfBandOnly,
    /// White space where none belongs: in the SSRC (Hikvision), after CSeq (Longse); a `;` behind RTP-Info (Laureii).
    PaddedHeaders,
    /// RTP-Info names a URL that nobody asked for (GW Security) and 1 as the sequence number (Hikvision, Tapo).
    RtpInfoLies,
    /// RTP-Info gives 0 as the first sequence number (Hikvision DS-2CD2032).
    SeqZero,
    /// RTP-Info gives 1 as the first sequence number (Tapo C320WS).
    SeqOne,
    /// RTP-Info gives a sequence number that comes 20,000 packets later.
    SeqLies,
    /// PLAY is answered without RTP-Info.
    NoRtpInfo,
    /// The first RTP stamp in RTP-Info does not fit its 32 bits (OMNY).
    BadRtptime,
    /// RTP-Info lacks `url=`.
    RtpInfoGarbage,
    /// The SSRC in Transport has four digits and is another one.
    ShortSsrc,
    /// The SSRC in Transport is another one.
    WrongSsrc,
    /// The session's time-out is not told.
    SessionNoTimeout,
    /// A space before the session's time-out.
    SessionSpace,
    /// A space behind the session's id.
    SessionIdSpace,
    /// Another parameter behind the session's time-out.
    SessionExtra,
    /// A time-out of 0 s.
    SessionZeroTimeout,
    /// Answers after SETUP name another session than SETUP's, and only SETUP's is known.
    SessionIdChanges,
    /// One session at a time; one that is not ended by TEARDOWN lingers until its time-out.
    OneSession,
    /// GET_PARAMETER and SET_PARAMETER are not known (GW Security).
    GetParameterRefused,
    /// GET_PARAMETER and SET_PARAMETER are promised and refused.
    GetParameterLies,
    /// GET_PARAMETER is not known, and SET_PARAMETER is, by which ONVIF has sessions kept alive (Streaming Specification §5.2.2.2).
    SetParameterOnly,
    /// Whatever is asked while the camera plays is not answered.
    KeepaliveUnanswered,
    /// Basic authentication only.
    BasicOnly,
    /// Several challenges, the first of which nobody understands.
    ManyChallenges,
    /// The nonce is renewed (`stale=true`) as soon as the camera plays; requests with the old one keep nothing alive.
    NonceRenewed,
    /// Each nonce is good for one request.
    NoncePerRequest,
    /// RTP over the connection is refused (461).
    UdpOnly,
    /// RTP as datagrams is refused (461).
    TcpOnly,
    /// RTP over the connection is agreed to and never sent.
    TcpSilent,
    /// Other channels than those asked for.
    OtherChannels,
    /// Pictures are sent before PLAY is answered (v4l2rtspserver).
    RtpBeforePlay,
    /// A line break behind each interleaved packet.
    StrayCrlf,
    /// Packets on a channel that nobody agreed on.
    UnassignedChannel,
    /// RTP packets of another source on the player's channel (old live555).
    ForeignSsrc,
    /// A packet of another source comes first, and SETUP told no SSRC to know it by (old live555).
    ForeignFirst,
    /// RTCP reports of another source on the player's channel.
    ForeignRtcp,
    /// RTP packets as large as a datagram can be.
    LargePackets,
    /// The first key picture is left out: the stream begins within a group of pictures.
    MidGroup,
    /// The first key picture comes 3 s late: until then there are pictures that nobody can decode.
    LateKeyPicture,
    /// No key picture ever comes.
    NoKeyPictures,
    /// The marker bit is on SEI units too (Ivel).
    MarkerOnSei,
    /// The marker bit is never set.
    NoMarker,
    /// Parameter sets are packets of their own with the stamp of the picture before, the stream's first with the marker
    /// bit (Reolink RLC-822A).
    SetsOfBefore,
    /// Whole pictures with start codes where RTP has one NAL unit (V380).
    AnnexBInRtp,
    /// Fragments without content.
    EmptyFragments,
    /// RTP packets without content.
    EmptyPackets,
    /// Small NAL units as one fragment that is first and last.
    SingleFragments,
    /// Another NAL unit type in all fragments but the first (Tiandy).
    FragmentTypeChanges,
    /// The reserved bit of fragments is set.
    FragmentReservedBit,
    /// A delimiter and twenty SEI units before each picture.
    SeiFlood,
    /// The size of the pictures changes in mid-stream.
    SizeChanges,
    /// RTP stamps begin at 0 in every session (Tapo).
    StampsFromZero,
    /// RTP stamps roll over their 32 bits soon.
    StampsRollOver,
    /// RTP stamps jump ahead by two hours in mid-stream (Intelbras).
    StampsJump,
    /// RTP stamps go back by 30 s in mid-stream.
    StampsGoBack,
    /// RTP stamps begin at 0 again in mid-stream.
    StampsRestart,
    /// The RTP clock gains 4 ms a second.
    ClockFast,
    /// The RTP clock loses 4 ms a second.
    ClockSlow,
    /// Every other RTCP sender report dates an hour ahead.
    NtpSteps,
    /// Pictures are sent [`ENCODED_AFTER`] they were taken, and the RTCP sender reports say when that was.
    EncodesLate,
    /// Nothing comes any more in mid-stream, and nothing is closed.
    FallsSilent,
    /// The camera is gone in mid-stream, as one without power: it reads nothing and says nothing.
    HalfOpen,
    /// The camera restarts in mid-stream, once: it closes its connections, and for 2 s each new one.
    Reboots,
}

/// Those of one server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Quirks(Vec<Quirk>);

impl Quirks {
    pub(super) fn has(&self, quirk: Quirk) -> bool {
        self.0.contains(&quirk)
    }
}

impl FromIterator<Quirk> for Quirks {
    fn from_iter<I: IntoIterator<Item = Quirk>>(quirks: I) -> Self {
        Self(quirks.into_iter().collect())
    }
}
