//! Which answer belongs to which request, which request is asked once more with another signature (RFC 7616 §3.3), and which
//! session is to be ended when the library has gone (RFC 2326 §10.7).
//!
//! A request that is asked again gets a number of its own (RFC 2326 §12.17), so the camera's numbers run ahead of the
//! library's, which has at most one request on its way.
//!
//! 1. Requests and answers go through [`Conversation::ask`] and [`Conversation::answer`].
//! 2. When the library is gone, [`Conversation::farewell`] says what to do after each answer, until there is nothing more.

use super::head::Head;

/// One connection's requests.
#[derive(Debug, Default)]
pub struct Conversation {
    /// By how much the camera's numbers are ahead.
    ahead: u32,
    /// The number of the newest request, as the camera knows it.
    newest: u32,
    /// The newest request, until it is answered.
    asked: Option<Asked>,
    /// The challenge by which requests are signed.
    challenge: Option<String>,
    /// What SETUP was answered with, until TEARDOWN is.
    session: Option<Session>,
}

#[derive(Debug)]
struct Session {
    id: String,
    /// Of PLAY, and before it of SETUP.
    uri: String,
}

#[derive(Debug)]
struct Asked {
    /// Without a signature.
    request: Head,
    /// Its number as the camera knows it.
    number: u32,
    /// Whether it was asked once more: a password that is wrong is shown once, and not again for each nonce.
    again: bool,
}

/// What an answer is.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// For the library.
    Pass,
    /// The camera wants this request signed by the challenge in its answer, which is not for the library.
    Sign(Head),
}

/// What is left to do when the library has gone.
#[derive(Debug, PartialEq, Eq)]
pub enum Farewell {
    /// This is to be asked, signed.
    Ask(Head),
    /// An answer is on its way.
    Wait,
    /// The camera has no session of this connection.
    Done,
}

impl Conversation {
    /// Takes a request of the library, and gives it the number that the camera is to see.
    pub fn ask(&mut self, request: &mut Head) {
        let Some(number) = request.value(CSEQ).and_then(|value| value.parse::<u32>().ok()) else { return };
        let number = number.wrapping_add(self.ahead);
        request.edit(CSEQ, |_| Some(number.to_string()));
        self.newest = number;
        self.asked = Some(Asked { request: request.clone(), number, again: false });
    }

    /// Takes an answer of the camera. One that is passed has the number that the library knows.
    ///
    /// One that refuses the password for good becomes 403: the library has no password to try.
    pub fn answer(&mut self, answer: &mut Head, can_sign: bool) -> Answer {
        let number = answer.value(CSEQ).and_then(|value| value.parse::<u32>().ok());
        if answer.status() == Some(UNAUTHORIZED)
            && can_sign
            && let Some(asked) = self.asked.as_mut().filter(|asked| Some(asked.number) == number)
        {
            let challenge = Some(answer.values(CHALLENGE).collect::<Vec<_>>().join(", "));
            // The same challenge that it was signed by: not the nonce is wrong.
            if !asked.again && self.challenge != challenge {
                asked.again = true;
                self.challenge = challenge;
                asked.number = asked.number.wrapping_add(1);
                self.newest = asked.number;
                self.ahead = self.ahead.wrapping_add(1);
                let number = asked.number.to_string();
                asked.request.edit(CSEQ, |_| Some(number.clone()));
                return Answer::Sign(asked.request.clone());
            }
            answer.set_first("RTSP/1.0 403 Forbidden");
        }
        if let Some(asked) = self.asked.take_if(|asked| Some(asked.number) == number) {
            self.answered(&asked.request, answer);
        }
        if let Some(number) = number
            && self.ahead > 0
        {
            answer.edit(CSEQ, |_| Some(number.wrapping_sub(self.ahead).to_string()));
        }
        Answer::Pass
    }

    fn answered(&mut self, request: &Head, answer: &Head) {
        let Some((method, uri)) = request.request() else { return };
        match (method, answer.status(), &mut self.session) {
            (SETUP, Some(200..=299), session) => {
                let id = answer.value("Session").and_then(|value| value.split(';').next()).map(str::trim);
                if let Some(id) = id.filter(|id| !id.is_empty()) {
                    *session = Some(Session { id: id.to_owned(), uri: uri.to_owned() });
                }
            }
            ("PLAY", Some(200..=299), Some(session)) => uri.clone_into(&mut session.uri),
            // Whatever the answer: there is no other way to ask it.
            (TEARDOWN, _, session) => *session = None,
            _ => {}
        }
    }

    /// Whether the camera has a session that was not ended.
    pub fn has_session(&self) -> bool {
        self.session.is_some()
    }

    /// What is left to do when the library has gone. A SETUP on its way is waited for: its session is the library's.
    pub fn farewell(&mut self) -> Farewell {
        let asked = self.asked.as_ref().and_then(|asked| asked.request.request());
        if asked.is_some_and(|(method, _)| matches!(method, SETUP | TEARDOWN)) {
            return Farewell::Wait;
        }
        let Some(Session { id, uri }) = &self.session else { return Farewell::Done };
        let number = self.newest.wrapping_add(1);
        let text = format!("{TEARDOWN} {uri} RTSP/1.0\r\n{CSEQ}: {number}\r\nSession: {id}\r\n\r\n");
        let request = Head::parse(text.as_bytes());
        self.newest = number;
        self.asked = Some(Asked { request: request.clone(), number, again: false });
        Farewell::Ask(request)
    }

    /// The connection is another one from here on: nothing that was asked on the last one is answered.
    pub fn reconnected(&mut self) {
        self.asked = None;
    }
}

/// Whose values are a challenge.
pub const CHALLENGE: &str = "WWW-Authenticate";
/// The status of an answer with one (RFC 2326 §11.1).
pub const UNAUTHORIZED: u16 = 401;
const CSEQ: &str = "CSeq";
const SETUP: &str = "SETUP";
const TEARDOWN: &str = "TEARDOWN";

#[cfg(test)]
mod tests {
    use super::*;

    fn request(number: u32) -> Head {
        Head::parse(format!("PLAY rtsp://cam/x RTSP/1.0\r\nCSeq: {number}\r\n\r\n").as_bytes())
    }

    fn refusal(number: u32, nonce: u32) -> Head {
        let text = format!(
            "RTSP/1.0 401 Unauthorized\r\nCSeq: {number}\r\nWWW-Authenticate: Digest nonce=\"{nonce}\"\r\n\r\n"
        );
        Head::parse(text.as_bytes())
    }

    fn success(number: u32) -> Head {
        Head::parse(format!("RTSP/1.0 200 OK\r\nCSeq: {number}\r\n\r\n").as_bytes())
    }

    fn passed(conversation: &mut Conversation, mut answer: Head) -> (Option<u16>, String) {
        assert_eq!(conversation.answer(&mut answer, true), Answer::Pass);
        (answer.status(), answer.value("CSeq").unwrap().to_owned())
    }

    #[test]
    fn a_nonce_for_each_request_costs_a_request_each() {
        let mut conversation = Conversation::default();
        let mut camera = 0;
        for number in 1..4 {
            let mut asked = request(number);
            conversation.ask(&mut asked);
            camera += 1;
            assert_eq!(asked, request(camera));
            let again = conversation.answer(&mut refusal(camera, camera), true);
            camera += 1;
            assert_eq!(again, Answer::Sign(request(camera)));
            assert_eq!(passed(&mut conversation, success(camera)), (Some(200), number.to_string()));
        }
    }

    #[test]
    fn a_wrong_password_is_tried_once() {
        let mut conversation = Conversation::default();
        conversation.ask(&mut request(1));
        assert!(matches!(conversation.answer(&mut refusal(1, 7), true), Answer::Sign(_)));
        assert_eq!(passed(&mut conversation, refusal(2, 7)), (Some(403), "1".to_owned()));
    }

    #[test]
    fn a_wrong_password_is_tried_once_whatever_the_nonce() {
        let mut conversation = Conversation::default();
        conversation.ask(&mut request(1));
        assert!(matches!(conversation.answer(&mut refusal(1, 7), true), Answer::Sign(_)));
        assert_eq!(passed(&mut conversation, refusal(2, 8)), (Some(403), "1".to_owned()));
    }

    #[test]
    fn a_request_that_was_signed_by_the_same_challenge_is_not_signed_again() {
        let mut conversation = Conversation::default();
        conversation.ask(&mut request(1));
        assert!(matches!(conversation.answer(&mut refusal(1, 7), true), Answer::Sign(_)));
        assert_eq!(passed(&mut conversation, success(2)).0, Some(200));
        conversation.ask(&mut request(2));
        assert_eq!(passed(&mut conversation, refusal(3, 7)), (Some(403), "2".to_owned()));
    }

    fn asked(conversation: &mut Conversation, method: &str, number: u32, status: u16) {
        let uri = if method == "SETUP" { "rtsp://cam/x/track" } else { "rtsp://cam/x" };
        conversation.ask(&mut Head::parse(format!("{method} {uri} RTSP/1.0\r\nCSeq: {number}\r\n\r\n").as_bytes()));
        let answer = format!("RTSP/1.0 {status} OK\r\nCSeq: {number}\r\nSession: 7 ; timeout=60\r\n\r\n");
        assert_eq!(conversation.answer(&mut Head::parse(answer.as_bytes()), false), Answer::Pass);
    }

    fn teardown(uri: &str, number: u32) -> Farewell {
        let text = format!("TEARDOWN {uri} RTSP/1.0\r\nCSeq: {number}\r\nSession: 7\r\n\r\n");
        Farewell::Ask(Head::parse(text.as_bytes()))
    }

    #[test]
    fn a_session_is_ended_once_by_the_uri_that_it_was_begun_with() {
        for (methods, uri) in [(&["SETUP"][..], "rtsp://cam/x/track"), (&["SETUP", "PLAY", "OPTIONS"], "rtsp://cam/x")]
        {
            let mut conversation = Conversation::default();
            let mut number = 0;
            for method in methods {
                number += 1;
                asked(&mut conversation, method, number, 200);
            }
            assert_eq!(conversation.farewell(), teardown(uri, number + 1));
            assert_eq!(conversation.farewell(), Farewell::Wait);
            // A late answer to something else is none to this.
            passed(&mut conversation, success(number));
            assert!(conversation.has_session());
            passed(&mut conversation, success(number + 1));
            assert_eq!(conversation.farewell(), Farewell::Done);
        }
    }

    #[test]
    fn without_a_session_there_is_nothing_to_end() {
        let mut conversation = Conversation::default();
        assert_eq!(conversation.farewell(), Farewell::Done);
        for (number, (method, status)) in [("DESCRIBE", 200), ("SETUP", 453), ("PLAY", 200)].into_iter().enumerate() {
            asked(&mut conversation, method, number as u32, status);
            assert_eq!(conversation.farewell(), Farewell::Done, "{method}");
        }
        asked(&mut conversation, "SETUP", 5, 200);
        asked(&mut conversation, "TEARDOWN", 6, 200);
        assert_eq!(conversation.farewell(), Farewell::Done);
    }

    #[test]
    fn a_session_that_is_being_set_up_is_waited_for() {
        let mut conversation = Conversation::default();
        conversation.ask(&mut Head::parse(b"SETUP rtsp://cam/x RTSP/1.0\r\nCSeq: 1\r\n\r\n"));
        assert_eq!(conversation.farewell(), Farewell::Wait);
        // Not on another connection.
        conversation.reconnected();
        assert_eq!(conversation.farewell(), Farewell::Done);
    }

    #[test]
    fn a_teardown_that_was_not_answered_is_asked_again_on_another_connection() {
        let mut conversation = Conversation::default();
        asked(&mut conversation, "SETUP", 1, 200);
        assert_eq!(conversation.farewell(), teardown("rtsp://cam/x/track", 2));
        conversation.reconnected();
        assert_eq!(conversation.farewell(), teardown("rtsp://cam/x/track", 3));
    }

    #[test]
    fn without_a_password_and_for_what_was_not_asked_nothing_is_signed() {
        let mut conversation = Conversation::default();
        conversation.ask(&mut request(1));
        assert_eq!(conversation.answer(&mut refusal(9, 1), true), Answer::Pass);
        let mut refused = refusal(1, 1);
        assert_eq!(conversation.answer(&mut refused, false), Answer::Pass);
        assert_eq!(refused, refusal(1, 1));
    }
}
