use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Result<Target, TargetError> {
    Target::read(text, None, None)
}

fn parts(target: &Target) -> (String, String, String) {
    let credentials = target.url.credentials().unwrap();
    (target.url.bare().to_string(), credentials.user.clone(), credentials.password.expose().clone())
}

#[test]
fn well_formed_urls_are_read_as_in_a_configuration() {
    let target = read("rtsp://admin:p%40ss@192.0.2.20/live").unwrap();
    assert_eq!(parts(&target), ("rtsp://192.0.2.20/live".into(), "admin".into(), "p@ss".into()));
    assert!(!target.literal);
    assert!(read("rtsp://192.0.2.20/live@2").unwrap().url.credentials().is_none());
}

#[test]
fn passwords_are_taken_as_they_stand_where_the_url_is_none() {
    for (text, password) in [
        ("rtsp://admin:p#ss@cam/live", "p#ss"),
        ("rtsp://admin:p#s@s:w/?d@cam/live", "p#s@s:w/?d"),
        ("rtsp://admin:100%@cam/live", "100%"),
        ("rtsp://admin:%zz@cam/live", "%zz"),
        ("rtsp://admin:a b#@cam/live", "a b#"),
    ] {
        let target = read(text).unwrap();
        assert_eq!(parts(&target), ("rtsp://cam/live".into(), "admin".into(), password.into()), "{text}");
        assert!(target.literal, "{text}");
        assert_eq!(target.url.to_string(), "rtsp://cam/…");
    }
}

#[test]
fn what_can_be_read_in_two_ways_is_refused_without_a_word_of_it() {
    for text in [
        "rtsp://admin:12/hunter2@cam/live",
        "rtsp://admin:1234#hunter2@cam/live",
        "rtsp://admin:p@hunter2/word@cam/live",
        "rtsp://admin:8554?hunter2@cam",
    ] {
        let error = read(text).unwrap_err();
        assert_eq!(error, TargetError::Ambiguous, "{text}");
        assert!(!error.to_string().contains("hunter2") && error.to_string().contains(PASSWORD));
    }
    for text in ["hunter2", "ftp://admin:hunter2@cam/", "rtsp://a:hunter2#@cam:port/", "rtsp:///hunter2"] {
        let error = read(text).unwrap_err();
        assert!(matches!(error, TargetError::Url(_)) && !error.to_string().contains("hunter2"), "{text}: {error}");
    }
}

#[test]
fn what_is_not_asked_over_rtsp_is_refused_with_what_to_do_instead() {
    let http = ["http://admin:hunter2@cam/", "https://cam/jpg?pwd=hunter2", "http://admin:hunter2#@cam/"];
    for text in http.into_iter().chain(["v4l2:///dev/video0"]) {
        let error = read(text).unwrap_err();
        assert_eq!(error, TargetError::NotRtsp, "{text}");
        assert!(error.to_string().contains("/state") && !error.to_string().contains("hunter2"), "{error}");
    }
}

#[test]
fn the_environment_replaces_what_the_url_names() {
    let with = |text, user: Option<&str>, password: Option<&str>| {
        let password = password.map(|password| Secret::new(password.to_owned()));
        let (_, user, password) = parts(&Target::read(text, user.map(str::to_owned), password).unwrap());
        (user, password)
    };
    let pair = |user: &str, password: &str| (user.to_owned(), password.to_owned());
    assert_eq!(with("rtsp://cam/live", Some("me"), Some("p@:/#%?")), pair("me", "p@:/#%?"));
    assert_eq!(with("rtsp://admin@cam/live", None, Some("x")), pair("admin", "x"));
    assert_eq!(with("rtsp://admin:y@cam/live", Some("me"), None), pair("me", "y"));
    assert_eq!(with("rtsp://cam/live", None, Some("x")), pair("", "x"));
}

proptest! {
    /// Given apart from the URL, credentials of any characters arrive as they are and are printed nowhere.
    #[test]
    fn any_password_is_taken(user in "\\PC{1,12}", password in "[^a-z<>]{8,20}") {
        let target = Target::read("rtsp://cam/live", Some(user.clone()), Some(Secret::new(password.clone()))).unwrap();
        prop_assert_eq!(parts(&target), ("rtsp://cam/live".to_owned(), user, password.clone()));
        let said = target.url.redact(&["401 for ", &password].concat());
        prop_assert!(!said.contains(&password));
        let printed = format!("{:?}", target.url);
        prop_assert!(!printed.contains(&password));
    }

    #[test]
    fn any_text_is_read_or_refused(text: String, password: String) {
        drop(read(&text));
        drop(read(&format!("rtsp://admin:{password}@cam/live")));
    }
}
