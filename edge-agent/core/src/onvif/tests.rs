use std::net::IpAddr;

use proptest::prelude::*;
use url::Url;

use super::address;
use super::advice;
use super::answer::{self, Services};
use super::device::{Coding, Device, Stream};
use super::lines;
use super::probe::{self, Kind};
use super::request::{Media, Request};
use super::security::Login;
use super::{MAX_ANSWER, Malformed};
use crate::device_text::words;

fn soap(body: &str) -> Vec<u8> {
    format!(
        r#"<?xml version="1.0"?><SOAP-ENV:Envelope xmlns:SOAP-ENV="http://www.w3.org/2003/05/soap-envelope" xmlns:tt="http://www.onvif.org/ver10/schema" xmlns:trt="http://www.onvif.org/ver10/media/wsdl"><SOAP-ENV:Body>{body}</SOAP-ENV:Body></SOAP-ENV:Envelope>"#
    )
    .into_bytes()
}

#[test]
fn questions_are_well_formed_xml() {
    let token = "a<b>&\"c\u{1}";
    let media = [Media::One, Media::Two];
    let about_media = media.iter().flat_map(|&m| [Request::Profiles(m), Request::StreamUri(m, token.to_owned())]);
    let requests = [Request::Date, Request::Information, Request::Services, Request::Capabilities];
    for request in requests.into_iter().chain(about_media) {
        let envelope = request.envelope("");
        let document = roxmltree::Document::parse(&envelope).unwrap();
        let (namespace, name) = request.action().rsplit_once('/').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        let question = document.descendants().find(|node| node.has_tag_name((namespace.as_str(), name.as_str())));
        let tokens = question.unwrap().descendants().filter(|node| node.tag_name().name() == "ProfileToken");
        assert!(tokens.filter_map(|node| node.text()).all(|text| text == "a<b>&\"c"), "{envelope}");
    }
    for kind in [Kind::Transmitter, Kind::Device] {
        assert!(roxmltree::Document::parse(&probe::probe(kind, "0-1")).is_ok());
    }
}

#[test]
fn a_probe_match_is_read_whatever_its_prefixes() {
    let answer = soap(
        r#"<ns7:ProbeMatches xmlns:ns7="http://schemas.xmlsoap.org/ws/2005/04/discovery"><ns7:ProbeMatch><x:EndpointReference xmlns:x="urn:x"><x:Address> urn:uuid:AB-1 </x:Address></x:EndpointReference><ns7:Types>dn:NetworkVideoTransmitter</ns7:Types><ns7:Scopes>onvif://www.onvif.org/Profile/S onvif://www.onvif.org/hardware/X-1 onvif://www.onvif.org/name/Front%20%1b%5B31mdoor</ns7:Scopes><ns7:XAddrs>http://[fe80::1]/onvif/device_service
   http://192.0.2.20/onvif/device_service</ns7:XAddrs></ns7:ProbeMatch></ns7:ProbeMatches>"#,
    );
    // As some devices end their datagrams.
    let padded = [&b"\r\n"[..], &answer[..], &b"\0\0"[..]].concat();
    let found = probe::matches(&padded).unwrap().pop().unwrap();
    assert_eq!((found.endpoint.as_str(), found.hardware.as_deref()), ("urn:uuid:ab-1", Some("X-1")));
    assert_eq!((found.name.as_deref(), found.addresses.len()), (Some("Front [31mdoor"), 2));
    assert_eq!(probe::matches(b"<a/>"), Err(Malformed::Lacks("ProbeMatches")));
}

#[test]
fn answers_are_read() {
    let date = "<SystemDateAndTime><tt:UTCDateTime><tt:Time><tt:Hour>7</tt:Hour><tt:Minute>50</tt:Minute>\
                <tt:Second>45</tt:Second></tt:Time><tt:Date><tt:Year>2010</tt:Year><tt:Month>9</tt:Month>\
                <tt:Day>16</tt:Day></tt:Date></tt:UTCDateTime></SystemDateAndTime>";
    assert_eq!(answer::date(&soap(date)), Ok(Some(1_284_623_445)));
    assert_eq!(answer::date(&soap(&date.replace(">9<", ">99<"))), Ok(None));

    let services = "<GetServicesResponse><Service><Namespace>http://www.onvif.org/ver20/media/wsdl</Namespace>\
                    <XAddr>http://a/m2</XAddr></Service></GetServicesResponse>";
    let expected = Services { media: None, media2: Some("http://a/m2".to_owned()) };
    assert_eq!(answer::services(&soap(services)), Ok(expected));

    let one = r#"<trt:GetProfilesResponse><trt:Profiles token="main"><tt:Name>Main</tt:Name><tt:VideoSourceConfiguration><tt:SourceToken>v0</tt:SourceToken></tt:VideoSourceConfiguration><tt:VideoEncoderConfiguration><tt:Encoding>H264</tt:Encoding><tt:Resolution><tt:Width>1920</tt:Width><tt:Height>1080</tt:Height></tt:Resolution><tt:RateControl><tt:FrameRateLimit>25</tt:FrameRateLimit><tt:BitrateLimit>4096</tt:BitrateLimit></tt:RateControl></tt:VideoEncoderConfiguration></trt:Profiles><trt:Profiles/></trt:GetProfilesResponse>"#;
    let two = one
        .replace("<tt:VideoSourceConfiguration>", "<tt:Configurations><tt:VideoSource>")
        .replace("</tt:VideoSourceConfiguration>", "</tt:VideoSource>")
        .replace("<tt:VideoEncoderConfiguration>", "<tt:VideoEncoder>")
        .replace("</tt:VideoEncoderConfiguration>", "</tt:VideoEncoder></tt:Configurations>");
    for form in [one, &two] {
        let profiles = answer::profiles(&soap(form)).unwrap();
        let [profile] = profiles.as_slice() else { panic!("{profiles:?}") };
        assert_eq!((profile.token.as_str(), profile.source.as_deref()), ("main", Some("v0")));
        assert_eq!(profile.title(), "Main");
        let coding =
            Coding { codec: "H264".into(), width: 1920, height: 1080, rate_hz: Some(25.0), kbit_s: Some(4096) };
        assert_eq!(profile.coding, Some(coding));
    }

    for form in ["<MediaUri><tt:Uri>rtsp://a/1</tt:Uri></MediaUri>", "<tt:Uri>rtsp://a/1</tt:Uri>"] {
        let uri = soap(&format!("<GetStreamUriResponse>{form}</GetStreamUriResponse>"));
        assert_eq!(answer::stream_uri(&uri).as_deref(), Ok("rtsp://a/1"));
    }

    let fault = answer::fault(&soap(
        "<SOAP-ENV:Fault><SOAP-ENV:Code><SOAP-ENV:Value>SOAP-ENV:Sender</SOAP-ENV:Value><SOAP-ENV:Subcode>\
         <SOAP-ENV:Value>ter:NotAuthorized</SOAP-ENV:Value></SOAP-ENV:Subcode></SOAP-ENV:Code><SOAP-ENV:Reason>\
         <SOAP-ENV:Text>Sender  not authorized</SOAP-ENV:Text></SOAP-ENV:Reason></SOAP-ENV:Fault>",
    ));
    assert_eq!(fault.map(|fault| (fault.unauthorized, fault.reason)), Some((true, "Sender not authorized".to_owned())));
}

#[test]
fn a_profile_without_a_name_is_called_by_its_token_made_fit_to_print() {
    let said = soap("<GetProfilesResponse><Profiles token=\"a\u{202e}&#x9b;31m\"/></GetProfilesResponse>");
    assert_eq!(answer::profiles(&said).unwrap()[0].title(), "a 31m");
}

#[test]
fn what_is_over_a_bound_is_refused() {
    assert_eq!(answer::date(&vec![b' '; MAX_ANSWER + 1]), Err(Malformed::TooLarge));
    assert_eq!(answer::date("<a/>".repeat(3).as_bytes()), Err(Malformed::NotXml));
    assert_eq!(answer::date(format!("<a>{}</a>", "<b/>".repeat(70_000)).as_bytes()), Err(Malformed::TooLarge));
    let attributes: String = (0..9000).map(|n| format!(" a{n}=''")).collect();
    assert_eq!(answer::date(format!("<a{attributes}/>").as_bytes()), Err(Malformed::TooLarge));
    // Each in the one before: reading would take all of them over again and again.
    let nested = |n: usize| {
        let open: String = (0..n).map(|i| format!("<a xmlns:n{i}='u'>")).collect();
        answer::date(format!("{open}{}", "</a>".repeat(n)).as_bytes())
    };
    assert_eq!(nested(256), Err(Malformed::Lacks("SystemDateAndTime")));
    assert_eq!(nested(257), Err(Malformed::Namespaces));
    let deep = format!("{}{}", "<a>".repeat(30_000), "</a>".repeat(30_000));
    assert_eq!(answer::date(deep.as_bytes()), Err(Malformed::Lacks("SystemDateAndTime")));
    let entities = "<!DOCTYPE a [<!ENTITY b 'bbbb'>]><a>&b;</a>";
    assert_eq!(answer::date(entities.as_bytes()), Err(Malformed::NotXml));
}

#[test]
fn every_way_to_a_device_leads_to_the_host_that_answered() {
    let answered: IpAddr = [192, 0, 2, 20].into();
    let usual = "http://192.0.2.20/onvif/device_service";
    for (named, first) in [
        ("/onvif/other", "http://192.0.2.20/onvif/other"),
        ("http://10.0.0.9:8080/onvif/device_service", "http://192.0.2.20:8080/onvif/device_service"),
        ("http://[fe80::1]/a http://192.0.2.20:81/b", "http://192.0.2.20:81/b"),
        ("https://192.0.2.20/a http://192.0.2.20/b", "http://192.0.2.20/b"),
        ("http://user:hunter2@192.0.2.20/a#b", "http://192.0.2.20/a"),
        ("ftp://192.0.2.20/ http://[x", usual),
        ("", usual),
    ] {
        let named: Vec<String> = named.split_whitespace().map(str::to_owned).collect();
        let ways = address::device_services(&named, answered);
        assert_eq!(ways[0].as_str(), first, "{named:?}");
        assert!(ways.iter().any(|way| way.as_str() == usual) && ways.len() <= 4, "{ways:?}");
        assert!(ways.iter().all(|way| way.host_str() == Some("192.0.2.20")), "{ways:?}");
    }
    assert!(address::device_services(&["https://192.0.2.20/a".to_owned()], answered).is_empty());
    let local = address::device_services(&[], "fe80::1".parse().unwrap());
    assert_eq!(local[0].as_str(), "http://[fe80::1]/onvif/device_service");
}

#[test]
fn services_and_streams_are_at_the_host_that_was_reached() {
    let device = Url::parse("http://203.0.113.7:8080/onvif/device_service").unwrap();
    for (named, service) in [
        ("http://203.0.113.7/onvif/media", Some("http://203.0.113.7/onvif/media")),
        ("http://192.168.1.9/onvif/media", Some("http://203.0.113.7:8080/onvif/media")),
        ("media", Some("http://203.0.113.7:8080/onvif/media")),
        ("https://203.0.113.7/media", None),
    ] {
        assert_eq!(address::service(named, &device).as_ref().map(Url::as_str), service, "{named}");
    }
    for (named, url, host) in [
        ("rtsp://203.0.113.7/1", "rtsp://203.0.113.7/1", None),
        ("rtsp://admin:hunter2@192.168.1.9:554/1?a=b", "rtsp://203.0.113.7:554/1?a=b", Some("192.168.1.9")),
        ("rtsp://[fe80::2]/1", "rtsp://203.0.113.7/1", Some("[fe80::2]")),
        ("/live", "rtsp://203.0.113.7/live", None),
    ] {
        let stream = address::stream(named, &device).unwrap();
        assert_eq!((stream.url.as_str(), stream.named_host.as_deref()), (url, host));
    }
    for named in ["http://203.0.113.7/1", "rtsp:///1", "rtsp:1", "://"] {
        let stream = address::stream(named, &device);
        assert!(stream.is_none_or(|stream| stream.url.host_str() == Some("203.0.113.7")), "{named}");
    }
}

fn stream(source: &str, codec: &str, size: (u32, u32), url: &str) -> Stream {
    let coding = Coding { codec: codec.to_owned(), width: size.0, height: size.1, rate_hz: Some(12.5), kbit_s: None };
    let (source, url) = (Some(source.to_owned()), Some(Url::parse(url).unwrap()));
    Stream { profile: "p".to_owned(), source, coding, url, shown: None }
}

fn login() -> Login {
    let placeholder = "${file:/etc/omma/door}".to_owned();
    Login { user: "ad min".to_owned(), password: "hunter2/$".to_owned().into(), placeholder }
}

#[test]
fn main_and_sub_stream_become_one_camera_of_the_configuration() {
    let mut device = Device::at("192.0.2.20:8080".to_owned());
    device.asks_login = true;
    device.name = Some("Front \"${file:/etc/shadow}\"".to_owned());
    device.streams = vec![
        stream("a", "JPEG", (4000, 3000), "rtsp://192.0.2.20/0"),
        stream("a", "H264", (352, 240), "rtsp://192.0.2.20/3"),
        stream("a", "H265", (2560, 1440), "rtsp://192.0.2.20/1?pwd=hunter2/$&x=${env:HOME}"),
        stream("a", "H264", (160, 90), "rtsp://192.0.2.20/4"),
        stream("b", "H264", (1280, 720), "rtsp://192.0.2.20/9"),
    ];
    let expected = r#"[[camera]] # H265 2560x1440, up to 12.5 a second
id = "cam-192-0-2-20-8080"
name = "Front \"{file:/etc/shadow}\""
url = "rtsp://ad%20min:${file:/etc/omma/door}@192.0.2.20/1?pwd=${file:/etc/omma/door}&x=%24{env:HOME}"
sub_url = "rtsp://ad%20min:${file:/etc/omma/door}@192.0.2.20/3" # H264 352x240, up to 12.5 a second: looked at, for it costs less
placement = "edge"

[[camera]] # H264 1280x720, up to 12.5 a second
id = "cam-192-0-2-20-8080-2"
name = "Front \"{file:/etc/shadow}\" 2"
url = "rtsp://ad%20min:${file:/etc/omma/door}@192.0.2.20/9"

"#;
    assert_eq!(lines::lines(std::slice::from_ref(&device), Some(&login())), expected);
    let open = lines::lines(std::slice::from_ref(&device), None);
    assert!(open.contains("url = \"rtsp://192.0.2.20/9\"") && !open.contains("${"), "{open}");
    let shown = lines::shown(device.streams[2].url.as_ref().unwrap(), Some(&login()));
    assert!(shown.contains("pwd=<secret>&x") && shown.starts_with("rtsp://192.0.2.20/1?"), "{shown}");

    // It asked for no login and gets none; a password that it has in a path is not written all the same.
    device.asks_login = false;
    let unasked = lines::lines(&[device], Some(&login()));
    assert!(
        unasked.contains("url = \"rtsp://192.0.2.20/1?pwd=${file:/etc/omma/door}&x=%24{env:HOME}\"\n"),
        "{unasked}"
    );
    assert!(!unasked.contains('@') && !unasked.contains("hunter2"), "{unasked}");
}

#[test]
fn cameras_behind_one_address_have_ids_of_their_own() {
    let devices = ["192.0.2.20", "192.0.2.20:2", "192.0.2.20"].map(|address| {
        let mut device = Device::at(address.to_owned());
        device.streams = vec![stream("a", "H264", (640, 480), "rtsp://192.0.2.20/")];
        device
    });
    let text = lines::lines(&devices, None);
    let ids: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("id = ")).collect();
    assert_eq!(ids, ["\"cam-192-0-2-20\"", "\"cam-192-0-2-20-2\"", "\"cam-192-0-2-20-3\""]);
}

#[test]
fn a_clock_is_worth_a_word_from_some_seconds_on() {
    assert_eq!(advice::clock(-10), None);
    for (ahead, said) in [(11, "11 s ahead of"), (-300, "5 minutes behind"), (-11_000, "3 hours behind")] {
        assert!(advice::clock(ahead).unwrap().what.contains(said));
    }
    assert!(advice::clock(i64::MIN).is_some());
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>, body: String) {
        for answer in [bytes, soap(&body), soap(&format!("<GetProfilesResponse>{body}</GetProfilesResponse>"))] {
            drop((probe::matches(&answer), answer::date(&answer), answer::profiles(&answer), answer::fault(&answer)));
            drop((answer::information(&answer), answer::stream_uri(&answer), answer::services(&answer)));
        }
    }

    #[test]
    fn no_address_leads_elsewhere(named: String, path in "[a-z/@:?#\\[\\].]{0,20}") {
        let device = Url::parse("http://192.0.2.20/onvif/device_service").unwrap();
        for named in [named, path.clone(), format!("http:{path}"), format!("rtsp://{path}")] {
            let ways = address::device_services(std::slice::from_ref(&named), [192, 0, 2, 20].into());
            let all = ways.into_iter().chain(address::service(&named, &device));
            for url in all.chain(address::stream(&named, &device).map(|stream| stream.url)) {
                prop_assert_eq!(url.host_str(), Some("192.0.2.20"));
                prop_assert!(url.username().is_empty() && url.password().is_none());
            }
        }
    }

    #[test]
    fn what_a_device_calls_itself_fits_a_line_of_the_configuration(name: String, path: String) {
        let mut device = Device::at("192.0.2.20".to_owned());
        device.name = Some(words(&name));
        let mut url = Url::parse("rtsp://192.0.2.20/").unwrap();
        url.set_path(&path);
        device.streams = vec![stream("a", "H264", (640, 480), url.as_str())];
        device.asks_login = true;
        let text = lines::lines(&[device], Some(&login()));
        prop_assert_eq!(text.lines().count(), 5, "{}", text);
        prop_assert_eq!(text.matches("${").count(), text.matches("${file:/etc/omma/door}").count());
    }
}
