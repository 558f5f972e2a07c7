//! Cameras that someone desires from afar.

use super::*;

#[test]
fn desired_cameras_are_checked_as_those_of_the_file_are() {
    let file = load(&good()).unwrap();
    let yard = "[[camera]]\nid = \"yard\"\nurl = \"rtsp://admin:hunter2@cam/live\"\n";
    let desired = file.with_cameras(yard).unwrap();
    assert_eq!(desired.cameras.iter().map(|camera| camera.id.as_str()).collect::<Vec<_>>(), ["yard"]);
    assert_eq!((desired.edge(), &desired.data), (file.edge(), &file.data));
    let wrong = format!("{yard}rate = 0\nplcement = \"hub\"\n[[camera]]\nid = \"yard\"\nurl = \"x\"\n[http]\n");
    let lines: Vec<String> = file.with_cameras(&wrong).unwrap_err().lines().collect();
    for part in ["line 5: camera[0].plcement: unknown key, did you mean \"placement\"?", "http: unknown key"] {
        assert!(lines.iter().any(|line| line.contains(part)), "{part} in {lines:#?}");
    }
    // All but cameras is the own file's, also where it would change nothing.
    for section in ["edge", "http", "decode", "detect", "outbox", "health", "mqtt"] {
        let lines: Vec<String> = file.with_cameras(&format!("{yard}[{section}]\n")).unwrap_err().lines().collect();
        assert!(lines.len() == 1 && lines[0].contains(&format!("{section}: unknown key")), "{lines:#?}");
    }
    let lines: Vec<String> = file.with_cameras(&format!("{yard}rate = 0\n")).unwrap_err().lines().collect();
    assert!(lines.len() == 1 && lines[0].starts_with("line 4: camera[0].rate: "), "{lines:#?}");
    assert!(file.with_cameras("").unwrap_err().to_string().contains("at least one"));
    // Else whoever writes it could have this machine send any of its files to a camera of his own.
    let reads = yard.replace("hunter2", "${file:/etc/hostname}");
    let said: Vec<String> = file.with_cameras(&reads).unwrap_err().lines().collect();
    assert!(said.len() == 1 && said[0].starts_with("line 3: camera[0].url: ${file:…} works only in"), "{said:#?}");
    assert!(!lines.concat().contains("hunter2"));
}
