use super::super::h265::Sps;
use super::bytes;

#[test]
fn parameter_sets_of_encoders_and_cameras() {
    // What ffprobe says of streams that libx265 made with these.
    let rows = [
        (
            "x265 without B",
            "42010101600000030090000003000003001ea034839c926592ae4caf0168080000030008000003005040",
            (98, 50),
            30,
            false,
        ),
        (
            "x265 with B",
            "420101016000000300900000030000030078a003c08010e596565924caf0168080000003008000000504",
            (1920, 1080),
            120,
            true,
        ),
        (
            "x265 temporal layers",
            "42010101600000030090000003000003003ca00a080f9f265959a4932bc05a020000030002000003001410",
            (320, 242),
            60,
            true,
        ),
    ];
    for (name, hex, (width, height), level, reorders) in rows {
        let plain =
            Sps { profile: 1, level, width, height, chroma_format: 1, bit_depth: 8, interlaced: false, reorders };
        assert_eq!(Sps::parse(&bytes(hex)), Some(plain), "{name}");
    }
    assert_eq!(Sps::parse(&bytes("4201010160000003009000000300")), None, "cut off");
}
