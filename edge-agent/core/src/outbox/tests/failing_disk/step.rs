//! What may happen to a disk that fails, to its edge and to the connection.

use proptest::prelude::*;

#[derive(Debug, Clone)]
pub(super) enum Step {
    Happens(Vec<Happens>),
    /// It takes nothing more, and may be read, deleted from or not even that.
    DiskFails(Disk),
    DiskWorks,
    /// The edge tries it again; it has room for so many of the first piece, and is full where that is not all.
    TryAgain(u8),
    /// Further pieces, each with as much room.
    WriteBack(u8, u16),
    Connect,
    Cut,
    Send(u8),
    Deliver(u8),
    Answer,
    DeliverAnswers,
    Later(u16),
    /// Memory is lost.
    KillEdge,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Disk {
    Works,
    /// To the brim where nothing can be deleted.
    Full {
        brim: bool,
    },
    Broken,
    /// It takes what it is asked to, and answers when it works again, is full or broken.
    Late,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Happens {
    Opens,
    Goes(u8),
    Ends(u8),
    Pictured(u8, u16),
    Incident,
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let happens = prop_oneof![
        3 => Just(Happens::Opens),
        2 => any::<u8>().prop_map(Happens::Goes),
        2 => any::<u8>().prop_map(Happens::Ends),
        2 => (any::<u8>(), 100u16..4000).prop_map(|(which, bytes)| Happens::Pictured(which, bytes)),
        1 => Just(Happens::Incident),
    ];
    let fails = prop_oneof![any::<bool>().prop_map(|brim| Disk::Full { brim }), Just(Disk::Broken), Just(Disk::Late)];
    prop_oneof![
        6 => prop::collection::vec(happens, 1..10).prop_map(Step::Happens),
        2 => fails.prop_map(Step::DiskFails),
        2 => Just(Step::DiskWorks),
        3 => any::<u8>().prop_map(Step::TryAgain),
        4 => (1u8..6, any::<u16>()).prop_map(|(pieces, room)| Step::WriteBack(pieces, room)),
        2 => Just(Step::Connect),
        1 => Just(Step::Cut),
        6 => (1u8..40).prop_map(Step::Send),
        6 => (1u8..40).prop_map(Step::Deliver),
        4 => Just(Step::Answer),
        4 => Just(Step::DeliverAnswers),
        2 => (0u16..60_000).prop_map(Step::Later),
        1 => Just(Step::KillEdge),
    ]
}
